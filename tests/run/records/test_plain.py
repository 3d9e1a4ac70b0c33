"""Only plain files inside a folder are read or written, and nothing waits at a pipe."""

import os
import socket
from pathlib import Path

import pytest

from pixelwise.errors import RunError
from pixelwise.run.records import plain
from pixelwise.run.records.plain import inside, is_plain_file, open_plain, plain_folder, read_plain

posix = pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")


def put(kind: str, path: Path) -> None:
    """Something other than a file."""
    outside = path.parent / "outside"
    outside.write_text("kept")
    if kind == "link":
        path.symlink_to(outside)
    elif kind == "dangling link":
        path.symlink_to(path.parent / "nothing")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        here = Path.cwd()
        os.chdir(path.parent)  # names of sockets are short
        try:
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(path.name)
        finally:
            os.chdir(here)
    else:
        path.mkdir()


WORDS = {
    **dict.fromkeys(("link", "dangling link", "loop", "link to a device"), "is a symbolic link"),
    "pipe": "is a pipe",
    "socket": "is a socket",
    "folder": "is a folder",
}


@posix
@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("mode", ["rb", "ab", "rb+", "xb"])
def test_what_is_not_a_file_is_refused_in_one_line(kind: str, mode: str, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    put(kind, path)
    for call in (lambda: is_plain_file(path), lambda: open_plain(path, mode), lambda: read_plain(path, 10)):
        with pytest.raises(RunError) as refused:
            call()
        said = str(refused.value)
        assert said.startswith(f"{path}: {WORDS[kind]}; only plain files and folders are read and written here. ")
        assert "\n" not in said
    assert (tmp_path / "outside").read_text() == "kept"
    assert not (tmp_path / "nothing").exists()


@posix
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_changes_after_the_look_is_not_followed(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    put(kind, path)
    monkeypatch.setattr(plain, "is_plain_file", lambda path: True)
    with pytest.raises((RunError, OSError), match=r"is a pipe|symbolic links"):
        open_plain(path)


@posix
def test_folders(tmp_path: Path) -> None:
    assert plain_folder(tmp_path) == tmp_path
    assert plain_folder(tmp_path / "new") == tmp_path / "new"
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").touch()
    for name, words in (("link", "is a symbolic link"), ("file", "is a file")):
        with pytest.raises(RunError, match=words):
            plain_folder(tmp_path / name)
        with pytest.raises(RunError, match=words):
            inside(tmp_path, f"{name}/state.json")


def test_a_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert not is_plain_file(path)
    with pytest.raises(RunError, match="this file does not exist"):
        read_plain(path, 10)
    with open_plain(path, "xb") as file:
        file.write(b"0123456789")
    assert is_plain_file(path)
    assert read_plain(path, 10) == b"0123456789"
    with pytest.raises(RunError, match="is larger than 0 KiB, the most that is read"):
        read_plain(path, 9)


@pytest.mark.parametrize("name", ["../a", "a/../b", "/etc/passwd", "", "a//b", "./a", "a\\b", "a\0b", ".."])
def test_names_that_lead_elsewhere(name: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot contain the file"):
        inside(tmp_path, name)


def test_names_inside(tmp_path: Path) -> None:
    assert inside(tmp_path, "setup.json") == tmp_path / "setup.json"
    assert inside(tmp_path, "evaluations/val.json") == tmp_path / "evaluations" / "val.json"
