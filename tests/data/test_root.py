from pathlib import Path

from pixelwise.data.base import data_root


def test_the_argument_wins_then_the_variable_then_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("PIXELWISE_DATA", raising=False)
    assert data_root() == Path("/home/someone/.cache/pixelwise")
    monkeypatch.setenv("PIXELWISE_DATA", "~/pictures")
    assert data_root() == Path("/home/someone/pictures")
    assert data_root(Path("~/other")) == Path("/home/someone/other")
    monkeypatch.chdir(tmp_path)
    assert data_root(Path("here")) == tmp_path / "here"
