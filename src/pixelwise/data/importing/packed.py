"""A packed export, unpacked once into the cache, within limits."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from pixelwise.data.fetch import MAX_BYTES, extract
from pixelwise.run.lock import unfinished_folder

LEAST, TIMES = 2**30, 50  # bytes that any archive may unpack to, and how many times its size where that is more


def unpacked(archive: Path, cache: Path) -> Path:
    """The folder with the content of an archive: in the cache, and unpacked again if the archive has changed.

    Raises DataError if it is not an archive, or holds anything but plain files inside of it (fetch.py).
    """
    status = archive.stat()
    own = hashlib.sha256(os.fsencode(archive.absolute())).hexdigest()[:12]
    state = hashlib.sha256(f"{status.st_size}:{status.st_mtime_ns}".encode()).hexdigest()[:12]
    place = cache / "unpacked" / f"{own}-{state}" / archive.stem
    if place.is_dir():
        return place
    with unfinished_folder(place.parent.parent) as folder:
        extract(archive, folder / archive.stem, max_bytes=limit(archive))
        for old in place.parent.parent.glob(f"{own}-*"):
            shutil.rmtree(old, ignore_errors=True)
        place.parent.mkdir(exist_ok=True)
        with suppress(FileExistsError):  # another process was faster
            os.rename(folder / archive.stem, place)
    return place


def limit(archive: Path) -> int:
    """The bytes that an archive may unpack to. A small archive that becomes large is not an export."""
    return min(MAX_BYTES, max(LEAST, TIMES * archive.stat().st_size))
