"""Disks that are full or cannot be written, and entries that are damaged."""

import errno
import multiprocessing
import os
import resource
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from cache_entries import entries, leftovers
from pixelwise.data.base import Dataset
from pixelwise.data.cache import building, open_split
from pixelwise.errors import DataError


def test_a_full_disk_while_building(pictures, tmp_path, monkeypatch):
    data = pictures.open()
    kept = open_split(data, "val", (6, 6), folder=tmp_path / "c").entry
    monkeypatch.setattr(building.shutil, "disk_usage", lambda path: SimpleNamespace(free=1))
    with pytest.raises(DataError) as caught:
        open_split(data, "train", (600, 600), folder=tmp_path / "c", on_corrupt="skip")
    assert "the cache of 'zoo' could not be written here: 5 MiB are needed and 0 MiB are free." in str(caught.value)
    assert "Make room, or choose another folder for the cache" in str(caught.value)
    monkeypatch.undo()

    def full(self, row):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(building._Column, "append", full)
    with pytest.raises(DataError, match=r"could not be written here: No space left on device\. Make room"):
        open_split(data, "train", (6, 6), folder=tmp_path / "c", on_corrupt="skip")
    assert entries(tmp_path / "c") == [kept]
    assert not leftovers(tmp_path / "c")


def _limited(data: Dataset, folder: Path, answer) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
    try:
        open_split(data, "train", (100, 100), folder=folder)
    except DataError as error:
        answer.send(str(error))


def test_a_real_limit_of_the_disk(pictures, tmp_path):
    """The kernel itself refuses to write on after 40,000 bytes: an error, not a signal that ends the process."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_limited, args=(pictures.open(), tmp_path / "c", there))
    child.start()
    assert here.poll(20)
    assert "could not be written here: File too large. Make room" in here.recv()
    child.join()
    assert child.exitcode == 0
    assert not entries(tmp_path / "c")
    assert not leftovers(tmp_path / "c")


def test_a_folder_that_cannot_be_written(pictures, tmp_path):
    (tmp_path / "c").write_text("a file")
    with pytest.raises(
        DataError, match=r"c/zoo/train-6x6-\w+: the cache of 'zoo' could not be written here: Not a dir"
    ):
        open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    assert (tmp_path / "c").read_text() == "a file"


def test_a_read_only_disk(pictures, tmp_path, monkeypatch):
    data = pictures.open()
    kept = open_split(data, "val", (6, 6), folder=tmp_path / "c")

    def read_only(*a, **k):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(
        DataError, match=r"could not be written here: Read-only file system\. Make room, or choose another"
    ):
        open_split(data, "train", (6, 6), folder=tmp_path / "c")
    assert open_split(data, "val", (6, 6), folder=tmp_path / "c").key == kept.key  # what is there can be read


@pytest.mark.parametrize("damage", ["images.npy", "masks.npy", "about.json"])
def test_a_damaged_entry_is_built_again(pictures, tmp_path, damage):
    first = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    file = first.entry / damage
    file.write_bytes(file.read_bytes()[:-40])
    again = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    assert again.key == first.key
    file.unlink()
    assert open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c").key == first.key


def test_a_cache_that_cannot_be_written_is_read_and_another_one_built(pictures, tmp_path):
    there = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "shared")
    again = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "own", also=tmp_path / "shared")
    assert again.entry == there.entry
    other = open_split(pictures.open(), "val", (6, 6), folder=tmp_path / "own", also=tmp_path / "shared")
    assert other.entry.is_relative_to(tmp_path / "own")
    (tmp_path / "file").write_text("no folder")
    open_split(pictures.open(), "val", (6, 6), folder=tmp_path / "own", also=tmp_path / "file")
    assert not list((tmp_path / "shared").rglob("val*"))
