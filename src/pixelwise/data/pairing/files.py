"""The picture files under a folder, or those that fit a pattern; and what is there but cannot be read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pixelwise.errors import DataError
from pixelwise.imaging.files import SUFFIXES

WILD = re.compile("[*?[]")  # what makes a part of a path a pattern
# folders and files that systems and programs put beside pictures, in lower case; those with a dot in front are skipped too
JUNK = ("__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found")
# pictures of kinds that are not read: they are named, so that none is left out without a word
UNREAD = (
    ".heic", ".heif", ".avif", ".jp2", ".j2k", ".jxl", ".jxr", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw", ".psd",
    ".xcf", ".svg", ".ico", ".tga", ".ppm", ".pgm", ".pbm", ".pnm", ".exr", ".hdr", ".dcm", ".nii", ".npy", ".npz",
    ".czi", ".nd2", ".lif", ".svs", ".pdf",
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What lies under a folder.

    files:   (name, file) of every picture; the name is its path in the folder, or what a pattern leaves open, without suffix
    unread:  pictures of kinds that are not read
    broken:  links that lead nowhere
    """

    files: tuple[tuple[str, Path], ...] = ()
    unread: tuple[Path, ...] = ()
    broken: tuple[Path, ...] = ()


def is_junk(name: str) -> bool:
    """Whether a file or folder is hidden, or one that a system or a program keeps for itself.

    >>> is_junk(".ipynb_checkpoints"), is_junk("__MACOSX"), is_junk("._tom.png"), is_junk("tom.png")
    (True, True, True, False)
    """
    return name.startswith(".") or name.lower() in JUNK


def find_files(path: Path, pattern: str) -> Found:
    """Every picture under the folder `path / pattern`, or every picture that the pattern finds.

    The name is what the pattern leaves open: with `*/images/*.png` that of `a/images/0.png` is `a/0`. Linked folders
    are searched too. Raises DataError for a folder that cannot be read.
    """
    base = path / pattern
    search: tuple[str, ...] = ("**", "*")
    if "*" in pattern:
        parts = Path(pattern).parts
        first = next(place for place, part in enumerate(parts) if WILD.search(part))
        base, search = path.joinpath(*parts[:first]), parts[first:]
    files, unread, broken = [], [], []
    for inside, file in sorted(_walk(base, None if "**" in search else len(search)), key=lambda found: found[1]):
        if not _fits(inside, search):
            continue
        suffix = file.suffix.lower()
        if suffix in SUFFIXES and not file.exists():
            broken.append(file)
        elif suffix in SUFFIXES and file.is_file():
            files.append((_open_part(inside, search), file))
        elif suffix in UNREAD:
            unread.append(file)
    return Found(tuple(files), tuple(unread), tuple(broken))


def _walk(base: Path, deepest: int | None) -> Iterator[tuple[tuple[str, ...], Path]]:
    """(parts of its path under the base, file) of every file and broken link. A link back to a folder above is not followed."""

    def inside(
        folder: Path, parts: tuple[str, ...], above: frozenset[tuple[int, int]]
    ) -> Iterator[tuple[tuple[str, ...], Path]]:
        try:
            status = os.stat(folder)
            entries = [entry for entry in os.scandir(folder) if not is_junk(entry.name)]
        except OSError as error:
            raise DataError(f"could not be read: {error.strerror or error}.", where=str(folder)) from error
        here = (status.st_dev, status.st_ino)
        if here in above:
            return
        for entry in entries:
            own = (*parts, entry.name)
            if not entry.is_dir():
                yield own, folder / entry.name
            elif deepest is None or len(own) < deepest:
                yield from inside(folder / entry.name, own, above | {here})

    if base.is_dir():
        yield from inside(base, (), frozenset())


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern or not parts:
        return not parts and all(part == "**" for part in pattern)
    if pattern[0] == "**":
        return _fits(parts, pattern[1:]) or _fits(parts[1:], pattern)
    return fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def _open_part(file: Sequence[str], pattern: Sequence[str]) -> str:
    """The parts of a path that its pattern does not name in full, without suffix."""
    parts = (*file[:-1], Path(file[-1]).stem)
    head = pattern.index("**") if "**" in pattern else len(pattern) - 1
    tail = pattern[::-1].index("**") if "**" in pattern else 1
    last = len(parts) - max(tail, 1)
    begun = [part for part, how in zip(parts[:head], pattern, strict=False) if WILD.search(how)]
    ended = [part for part, how in zip(parts[last:-1], pattern[-tail:], strict=False) if WILD.search(how)]
    return "/".join([*begun, *parts[head:last], *ended, parts[-1]])
