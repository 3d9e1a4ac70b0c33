"""The files of an export: found without leaving its folder, read within limits."""

from __future__ import annotations

import json
import math
import os
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from xml.parsers import expat

from pixelwise.data.pairing.files import is_junk
from pixelwise.data.pairing.lists import SPELLINGS
from pixelwise.errors import DataError, shown
from pixelwise.imaging.files import SUFFIXES

MOST_FILES = 2_000_000
MOST_BYTES = 1 << 30  # of a json or xml; COCO's own for training has 450 MB
MOST_DEEP = 40  # elements of an xml within each other
PEEK = 1 << 24  # bytes of a json in which its keys are sought
LOOKED_AT = 60  # files of many, to recognise a format
CHUNK = 1 << 20


class Source:
    """A folder with an export, or one file of it.

    root:   the folder that pictures may be in
    file:   the json, xml, csv or yaml that was named, if one was

    Raises DataError if the folder or file does not exist.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise DataError("this file or folder does not exist.", where=str(path))
        self.path = path
        self.file = path if path.is_file() else None
        beside = path.parent if path.is_file() else path
        self.root = beside.parent if path.is_file() and beside.name.lower() in ("annotations", "labels") else beside

    def __str__(self) -> str:
        return str(self.path)

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Every file below the folder, in order; hidden ones and those of systems are left out."""
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not is_junk(name))
            found += [Path(folder, name) for name in sorted(names) if not is_junk(name)]
            if len(found) > MOST_FILES:
                raise DataError(f"has more than {MOST_FILES:,} files.", where=str(self.root))
        return tuple(found)

    def of_kind(self, *suffixes: str) -> list[Path]:
        """The file that was named, if it has one of the suffixes, or else all files that have."""
        if self.file is not None:
            return [self.file] if self.file.suffix.lower() in suffixes else []
        return [file for file in self.files if file.suffix.lower() in suffixes]

    def some(self, *suffixes: str) -> list[Path]:
        """The same, but of many files only `LOOKED_AT`, spread evenly: enough to recognise a format by."""
        files = self.of_kind(*suffixes)
        return files[:: max(1, -(-len(files) // LOOKED_AT))]

    @cached_property
    def _pictures(self) -> dict[str, list[Path]]:
        by_last: dict[str, list[Path]] = {}
        for file in self.files:
            if file.suffix.lower() in SUFFIXES:
                by_last.setdefault(_composed(file.name), []).append(file)
        return by_last

    def picture(self, name: str, near: Path, hint: str = "") -> Path:
        """The file of a picture that an export names.

        It is looked for in the folder `near`, then in the whole source by the end of its path.

        Returns the path in `near` if the file does not exist. Raises DataError for a name that leads out of the source.
        """
        plain = PurePosixPath(_composed(name).replace("\\", "/"))
        direct = Path(os.path.normpath(near / plain))
        inside = not plain.is_absolute() and direct.is_relative_to(os.path.normpath(self.root))
        if inside and direct.is_file():
            return direct
        parts = [part for part in plain.parts if part not in ("..", ".", "/")]
        found = self._pictures.get(parts[-1], []) if parts else []
        for length in range(len(parts), 0, -1):
            ends = [one for one in found if [*map(_composed, one.parts[-length:])] == parts[-length:]]
            if len(ends) == 1:
                return ends[0]
        if not inside or not parts:
            what = f"names the picture {shown(name)}, which is not in the folder {self.root}."
            raise DataError(what, where=str(self), hint=hint or "Put the picture beside its annotations.")
        return direct

    def name_of(self, file: Path, base: Path | None = None) -> str:
        """The path of a file below `base`, else below the source, without suffix."""
        base = base if base is not None and file.is_relative_to(base) else self.root
        return (file.relative_to(base) if file.is_relative_to(base) else Path(file.name)).with_suffix("").as_posix()

    def split_of(self, file: Path) -> str:
        """The split that a folder above a file names; empty if none does."""
        above = file.relative_to(self.root).parts[:-1] if file.is_relative_to(self.root) else ()
        return next((SPELLINGS[part.lower()] for part in above if part.lower() in SPELLINGS), "")

    def told(self, file: Path) -> str:
        """The path of a file as messages say it."""
        return file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else str(file)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


# -- reading ---------------------------------------------------------------------------------------------------------


def has_words(file: Path, *words: str) -> bool:
    """Whether a json has all of these keys, by its bytes: it may be large, and is not parsed."""
    try:
        with open(file, "rb") as opened:
            start = opened.read(PEEK)
            missing = [word for word in words if f'"{word}"'.encode() not in start]
            last = start[-64:]
            while missing and (part := opened.read(PEEK)):
                missing = [word for word in missing if f'"{word}"'.encode() not in last + part]
                last = part[-64:]
    except OSError:
        return False
    return not missing


def read_json(file: Path) -> Any:
    """The json. Raises DataError if it is none, or too large."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise DataError(f"has more than {MOST_BYTES >> 20:,} MiB.", where=str(file))
        return json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"is not json: {error}.", where=str(file)) from error


def read_xml(file: Path) -> Iterator[tuple[str, dict[str, str] | None, str]]:
    """(tag, attributes, '') where an element begins, (tag, None, its text) where it ends; never the whole file at once.

    Raises DataError for anything but plain elements: a document type, which may define entities that grow without bound or
    name other files, is refused before it is read.
    """
    events: list[tuple[str, dict[str, str] | None, str]] = []
    texts: list[list[str]] = []

    def begin(tag: str, attributes: dict[str, str]) -> None:
        if len(texts) == MOST_DEEP:
            raise DataError(f"has more than {MOST_DEEP} elements within each other.", where=str(file))
        texts.append([])
        events.append((tag, attributes, ""))

    def end(tag: str) -> None:
        events.append((tag, None, "".join(texts.pop()).strip()))

    def refuse(*given: Any) -> None:
        what = (
            "has a document type (<!DOCTYPE …>), which no export needs and which may define entities; it was not read."
        )
        raise DataError(what, where=str(file), hint="Do not trust this file; export it again.")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler = lambda text: texts[-1].append(text)
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        if file.stat().st_size > MOST_BYTES:
            raise DataError(f"has more than {MOST_BYTES >> 20:,} MiB.", where=str(file))
        with open(file, "rb") as opened:
            while part := opened.read(CHUNK):
                parser.Parse(part, False)
                yield from events
                events.clear()
        parser.Parse(b"", True)
        yield from events
    except (OSError, ValueError, expat.ExpatError) as error:
        raise DataError(f"is not xml: {error}.", where=str(file)) from error


def number(value: Any, where: str, what: str = "a coordinate") -> float:
    """A finite number. Raises DataError for anything else."""
    try:
        made = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        made = math.nan
    if not abs(made) < 1e9:
        raise DataError(f"read {shown(value)} for {what}; it must be a finite number.", where=where)
    return made
