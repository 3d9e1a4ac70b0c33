"""A file is the earlier one or the new one, and no temporary file is left behind."""

from pathlib import Path
from typing import BinaryIO

import pytest

from pixelwise.errors import RunError
from pixelwise.run.atomic import write_atomically, write_bytes, write_json, write_text


def test_a_new_file_and_a_replaced_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "file"
    write_bytes(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    write_text(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    assert [found.name for found in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("no")])
def test_a_failure_half_way_leaves_the_earlier_content(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"earlier")

    def write(file: BinaryIO) -> None:
        file.write(b"half")
        raise error

    with pytest.raises(RunError if isinstance(error, OSError) else type(error)) as raised:
        write_atomically(path, write)
    if isinstance(error, OSError):
        expected = "could not be written: No space left on device. The earlier content is unchanged. Is the disk full"
        assert expected in str(raised.value)
    assert path.read_bytes() == b"earlier"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="could not be written"):
        write_json(tmp_path / "file" / "inner.json", {})
    assert (tmp_path / "file").read_text() == "mine"


def test_json_is_readable_text(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"é": 1})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "é": 1\n}\n'
