import os
from pathlib import Path

from pixelwise.data.base import cache_folder, data_root, use_cache


def test_the_argument_wins_then_the_variable_then_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("PIXELWISE_DATA", raising=False)
    assert data_root() == Path("/home/someone/.cache/pixelwise")
    monkeypatch.setenv("PIXELWISE_DATA", "~/pictures")
    assert data_root() == Path("/home/someone/pictures")
    assert data_root(Path("~/other")) == Path("/home/someone/other")
    monkeypatch.chdir(tmp_path)
    assert data_root(Path("here")) == tmp_path / "here"


def test_the_cache_is_beside_the_data_unless_it_cannot_be_written_there(monkeypatch, tmp_path):
    home, data = tmp_path / "home", tmp_path / "data"
    monkeypatch.setenv("HOME", str(home))
    home.mkdir()
    assert cache_folder(data) == data / "cache"  # neither is there yet
    data.mkdir()
    (data / "cache").write_text("a file")
    assert cache_folder(data) == home / ".cache/pixelwise/cache"
    (data / "cache").unlink()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != data and access(path, mode))
    assert cache_folder(data) == home / ".cache/pixelwise/cache"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert cache_folder(data) == data / "cache"  # the error names the folder that a person knows
    monkeypatch.setenv("PIXELWISE_CACHE", "~/pictures")
    assert cache_folder(data) == home / "pictures"
    monkeypatch.chdir(tmp_path)
    use_cache(Path("here"))
    assert cache_folder(data) == tmp_path / "here"
