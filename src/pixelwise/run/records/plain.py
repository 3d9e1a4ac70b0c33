"""Plain files and folders. A run, a sweep, a search or a cache from another person must not lead out of its folder.

Inside such a folder a symbolic link, a pipe, a device or a socket is refused, also one that leads to a place inside. The
folder that a person names may itself be a link. A hard link cannot be distinguished from any other file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO, Any

from pixelwise.errors import RunError

# O_NOFOLLOW refuses a link put there after the look; O_NONBLOCK does not wait at a pipe. Windows has neither.
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def is_plain_file(path: Path) -> bool:
    """Whether there is a file; False if there is nothing. Raises RunError if there is something else."""
    if (kind := _kind(path)) not in ("", "a file"):
        raise _refused(path, kind, "file")
    return bool(kind)


def plain_folder(path: Path) -> Path:
    """The same path. Raises RunError if something other than a folder is in its place; nothing may be there yet."""
    if (kind := _kind(path)) not in ("", "a folder"):
        raise _refused(path, kind, "folder")
    return path


def open_plain(path: Path, mode: str = "rb") -> IO[bytes]:
    """The file, opened in a binary mode. Raises RunError if it is not a plain file; other OSErrors are the system's."""
    is_plain_file(path)
    file: IO[Any] = open(path, mode, opener=lambda name, flags: os.open(name, flags | _FLAGS, 0o666))  # noqa: SIM115
    if not stat.S_ISREG(kind := os.fstat(file.fileno()).st_mode):
        file.close()
        raise _refused(path, _KINDS.get(stat.S_IFMT(kind), "something that is not a file"), "file")
    return file


def read_plain(path: Path, limit: int) -> bytes:
    """The content of a file. Raises RunError if there is none, or it is not plain, larger than `limit`, or unreadable."""
    try:
        with open_plain(path) as file:
            content = file.read(
                min(limit, os.fstat(file.fileno()).st_size) + 1
            )  # read(n) takes n bytes of memory at once
    except FileNotFoundError as error:
        raise RunError("this file does not exist.", where=str(path)) from error
    except OSError as error:
        raise RunError(f"cannot be read: {error.strerror or error}.", where=str(path)) from error
    if len(content) > limit:
        raise RunError(f"is larger than {_size(limit)}, the most that is read.", where=str(path))
    return content


def inside(folder: Path, name: str) -> Path:
    """`folder`/`name`, where `name` may be `part/file` and leads nowhere else. Raises RunError."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part or os.path.splitdrive(part)[0] for part in parts):
        raise RunError(
            f"cannot contain the file {name!r}.", where=str(folder), hint="A name may not lead out of the folder."
        )
    for part in parts[:-1]:
        folder = plain_folder(folder / part)
    return folder / parts[-1]


def _kind(path: Path) -> str:
    """What is there, in words; empty for nothing."""
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise RunError(f"cannot be read: {error.strerror or error}.", where=str(path)) from error
    return _KINDS.get(stat.S_IFMT(mode), "something that is not a file")


def _refused(path: Path, kind: str, wanted: str) -> RunError:
    hint = f"Put the {wanted} itself there." if kind == "a symbolic link" else "Move it away."
    return RunError(f"is {kind}; only plain files and folders are read and written here.", where=str(path), hint=hint)


def _size(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"
