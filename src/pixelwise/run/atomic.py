"""Files that are never incomplete: temporary name → flush to the disk → rename."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from pixelwise.errors import RunError

ONE_FILE = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.ELOOP, errno.EILSEQ, errno.EINVAL)


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Call `write(file)` on a temporary file beside `path`, then rename it into place.

    At every moment `path` contains either its earlier content or all of the new one. Raises RunError if the
    disk is full or read-only; the temporary file is then removed.
    """
    temporary = path.with_name(f".{path.name[:60]}.{os.getpid()}.part")  # never longer than a name may be
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)  # of a killed process that had our number
        with open(temporary, "xb") as file:  # never through a link
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        hint = "" if is_of_one_file(error, path) else "The earlier content is unchanged. Is the disk full or read-only?"
        raise RunError(f"could not be written: {error.strerror or error}.", where=str(path), hint=hint) from error
    finally:
        with suppress(OSError):  # never made, or on a disk that has become read-only
            temporary.unlink(missing_ok=True)


def is_of_one_file(error: BaseException | None, path: Path) -> bool:
    """Whether an error is about this file, such as its name, so that others can still be written."""
    if not isinstance(error, OSError):
        return False
    return error.errno in ONE_FILE or (error.errno == errno.EACCES and os.access(path.parent, os.W_OK | os.X_OK))


def write_bytes(path: Path, content: bytes) -> None:
    """`content` as a file, atomically."""
    write_atomically(path, lambda file: file.write(content))


def write_text(path: Path, content: str) -> None:
    """`content` as a UTF-8 file, atomically; a byte of a file name that is not UTF-8 becomes its escape, as in JSON."""
    write_bytes(path, content.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Any) -> None:
    """A JSON file a person can read; NaN and infinity are refused because JSON has no such numbers."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of names, so that a rename survives a power cut. Windows cannot, and does without."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
