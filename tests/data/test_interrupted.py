"""Ctrl-C while pictures are read or an archive is unpacked: nothing half-written is left."""

import signal
import tarfile

import pytest

from pixelwise.data.cache import open_split
from pixelwise.data.fetch import extract


def stop(*_):
    signal.raise_signal(signal.SIGINT)


def test_a_cache(pictures, tmp_path, monkeypatch):
    data, read = pictures.open(), []
    whole = data.read

    def one_then_stop(split, index):
        read.append(index)
        return whole(split, index) if index < 2 else stop()

    monkeypatch.setattr(data, "read", one_then_stop)
    with pytest.raises(KeyboardInterrupt):
        open_split(data, "train", None, folder=tmp_path / "cache")
    assert read == [0, 1, 2]
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file() or ".part" in path.name] == []
    monkeypatch.undo()
    assert len(open_split(data, "train", None, folder=tmp_path / "cache")) == 4


def test_an_archive(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        for name in ("a", "b"):
            tar.add(tmp_path / name, arcname=f"set/{name}")
    with pytest.raises(KeyboardInterrupt):
        extract(tmp_path / "set.tar", tmp_path / "target", progress=lambda done: stop() if done == 2 else None)
    assert list((tmp_path / "target").iterdir()) == []
    assert extract(tmp_path / "set.tar", tmp_path / "target") == 2
