"""Unpacking an archive that came from elsewhere: plain files and folders only, and only beneath the target.

Refused as a whole, with nothing left behind: absolute names, `..`, backslashes, drive letters, links of both kinds,
devices, the same name twice, and more files or bytes than the limits (a small archive can unpack to terabytes).
"""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import uuid
import zipfile
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import IO

from pixelwise.errors import DataError

MAX_FILES = 500_000
MAX_BYTES = 50 * 2**30
CHUNK = 1 << 20
Entry = tuple[str, Callable[[], IO[bytes] | None]]  # name; opens the content, None for a folder


def extract(
    archive: Path, target: Path, *, last: str = "", max_files: int = MAX_FILES, max_bytes: int = MAX_BYTES,
    progress: Callable[[int], None] | None = None,
) -> int:  # fmt: skip
    """Unpack a tar (plain, gzip, bzip2, xz) or zip archive beneath `target`; returns the number of files.

    Everything is unpacked into a folder beside first and moved when all of it was found good; `last` (a name in the
    archive) is moved last, so that its presence proves that the others are there. Existing files of the same names
    are replaced. `progress(files)` is called after each file. Raises DataError, see above.
    """
    target.mkdir(parents=True, exist_ok=True)
    unpacked = target / f".{uuid.uuid4().hex}.part"
    try:
        unpacked.mkdir()
        names = _unpack(archive, unpacked, max_files, max_bytes, progress)
        for name in sorted(names, key=lambda name: name == last):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(unpacked / name, target / name)
    except DataError:
        raise
    except Exception as error:  # damage shows in many ways: TarError, BadZipFile, EOFError, zlib.error, LZMAError, ...
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(":")
        what, hint = f"is no archive that can be read: {reason}.", "Delete it and fetch it again."
        if isinstance(error, OSError) and error.errno:
            what = f"could not be unpacked into {target}: {error.strerror}."
            hint = "Is the disk full or read-only? Repeat when there is room."
        raise DataError(what, where=str(archive), hint=hint) from error
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    return len(names)


def _unpack(
    archive: Path, target: Path, max_files: int, max_bytes: int, progress: Callable[[int], None] | None
) -> list[str]:
    names: dict[str, None] = {}  # in order
    room = max_bytes
    with closing((_zip_entries if zipfile.is_zipfile(archive) else _tar_entries)(archive)) as entries:
        for name, open_content in entries:
            path = _safe(name, archive)
            if path in names:
                raise _refused(archive, name, "is in the archive twice")
            content = open_content()
            if content is None:
                (target / path).mkdir(parents=True, exist_ok=True)
                continue
            names[path] = None
            if len(names) > max_files:
                raise _refused(archive, name, f"is one file more than the {max_files:,} that are allowed")
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            with content, open(target / path, "xb") as file:
                while chunk := content.read(CHUNK):
                    room -= len(chunk)
                    if room < 0:
                        raise _refused(archive, name, f"goes beyond the {max_bytes:,} bytes that are allowed")
                    file.write(chunk)
            if progress is not None:
                progress(len(names))
    return list(names)


def _tar_entries(archive: Path) -> Generator[Entry, None, None]:
    with tarfile.open(archive, "r:*") as tar:
        for member in tar:
            if member.isdir():
                yield member.name, lambda: None
            elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
                yield member.name, lambda member=member: tar.extractfile(member)  # type: ignore[misc]
            else:
                kind = "a link" if member.issym() or member.islnk() else "neither a file nor a folder"
                raise _refused(archive, member.name, f"is {kind}")


def _zip_entries(archive: Path) -> Generator[Entry, None, None]:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            mode = member.external_attr >> 16
            if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                kind = "a link" if stat.S_ISLNK(mode) else "neither a file nor a folder"
                raise _refused(archive, member.filename, f"is {kind}")
            if member.is_dir():
                yield member.filename, lambda: None
            else:
                yield member.filename, lambda member=member: file.open(member)  # type: ignore[misc]


def _safe(name: str, archive: Path) -> str:
    """The name as a relative path of plain parts."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/"):
        raise _refused(archive, name, "is an absolute path")
    if ".." in parts:
        raise _refused(archive, name, "leads out of its folder")
    if "\\" in name or ":" in name or any(ord(character) < 32 for character in name):
        raise _refused(archive, name, "has characters that are not allowed (\\ : or control characters)")
    return "/".join(parts) or "."


def _refused(archive: Path, name: str, why: str) -> DataError:
    hint = "Do not trust this file; fetch it again from its publisher."
    return DataError(f"the entry {name[:200]!r} {why}; nothing was unpacked.", where=str(archive), hint=hint)
