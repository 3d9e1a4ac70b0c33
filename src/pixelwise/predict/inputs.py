"""The pictures that a person names, each once and under its own name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pixelwise.errors import DataError, Problem, RunError, listing
from pixelwise.predict.geotiff import Georeference, georeference_of
from pixelwise.run.records.json_text import read_json

LEGEND = "legend.png"


@dataclass(frozen=True)
class Job:
    """One picture, the name of its output files, and its georeference, if its file has one.

    unplaced: why its masks cannot have the georeference
    """

    file: Path
    name: str
    place: Georeference | None = None
    unplaced: str = ""

    @property
    def geotiff(self) -> tuple[str, ...]:
        """The mask with the picture's georeference."""
        return (f"masks/{self.name}.tif",) if self.place is not None else ()


def plan(images: Sequence[Path], out: Path | None) -> tuple[list[Job], list[Path]]:
    """The pictures, each once and under its own name, and the files in folders that are not pictures.

    Raises DataError with every path that is not there, and for folders without a picture.
    """
    from pixelwise.data.base import data_root
    from pixelwise.data.pairing.files import is_junk
    from pixelwise.imaging.files import SUFFIXES

    files: dict[Path, Path] = {}  # resolved → as given, so that a picture named twice is labelled once
    skipped, problems = [], []
    ours = None if out is None else (out / LEGEND).resolve()  # of a call before this one, with --out as an input too
    for asked in images:
        found, given = [], asked
        try:
            if not asked.exists() and (data_root() / asked).exists():
                given = data_root() / asked
            if given.is_dir():
                inside = sorted(path for path in given.iterdir() if path.is_file() and not is_junk(path.name))
                found = [path for path in inside if path.suffix.lower() in SUFFIXES and path.resolve() != ours]
                skipped += [path for path in inside if path not in found and path.resolve() != ours]
                if not found:
                    hint = "Folders inside it are not searched: name them too."
                    problems.append(Problem(str(given), f"contains no picture ({', '.join(SUFFIXES)}).", hint))
            elif given.is_file():
                found = [given]
            else:
                root = (
                    "" if asked.is_absolute() else f": neither in the working folder nor in {data_root()} (data folder)"
                )
                problems.append(Problem(str(given), f"this file or folder does not exist{root}."))
        except OSError as error:
            problems.append(Problem(str(given), f"cannot be read: {error.strerror or error}."))
        files.update({path.resolve(): path for path in reversed(found) if path.resolve() not in files})
    if problems:
        raise DataError.all(problems)
    ordered = sorted(files.values())
    named = zip(ordered, unique_names(ordered), strict=True)
    return [Job(file, name, *georeference_of(file)) for file, name in named], skipped


def unique_names(files: Sequence[Path]) -> list[str]:
    """A name for each file: its stem; where another has the same, folder and full name; then a number.

    Compared without regard to case, because some file systems have none: `x.jpg` of a/ and `X.png` of b/ become
    `a-x.jpg` and `b-X.png`.
    """
    stems = Counter(file.stem.lower() for file in files)
    names: list[str] = []
    taken = {file.stem.lower() for file in files if stems[file.stem.lower()] == 1}
    for file in files:
        if stems[file.stem.lower()] == 1:
            names.append(file.stem)
            continue
        name = base = f"{file.resolve().parent.name}-{file.name}".lstrip("-")
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.lower())
        names.append(name)
    return names


def check_free(files: Sequence[Path], out: Path) -> None:
    """Raise DataError if files that are to be written exist already."""
    there = [str(path) for path in files if os.path.lexists(path)]
    if there:
        raise DataError(
            f"{len(there)} of the files to write are there already: {listing(there, 4)}.",
            where=str(out),
            hint="Nothing was changed. Choose another --out, or replace them with --overwrite.",
        )


def check_ours(pictures: Iterable[tuple[Sequence[Path], Path]], inputs: Iterable[Path], out: Path) -> None:
    """Raise DataError if a file to replace is read as a picture or mask, or was not written by `pixelwise predict`.

    pictures:  for each picture the files that are to be written, and its record
    inputs:    the pictures, and the files of the run's data set
    """
    there, strange = {}, []
    for files, record in pictures:
        found = [path for path in (*files, record) if os.path.lexists(path)]
        there.update({path: _identity(path) for path in found})
        strange += [str(path) for path in found if not _is_record(record)]
    if os.path.lexists(out / LEGEND):
        there[out / LEGEND] = _identity(out / LEGEND)
    read = {_identity(path) for path in inputs} - {None} if there else set()
    used = [str(path) for path, identity in there.items() if identity in read]
    for names, what in (
        (used, "are pictures or masks that are read"),
        (strange, "have no record of `pixelwise predict`"),
    ):
        if names:
            raise DataError(
                f"{len(names)} of the files to replace {what}: {listing(names, 4)}.",
                where=str(out),
                hint="Nothing was changed. Choose another --out, or move them away.",
            )


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None


def _is_record(path: Path) -> bool:
    """Whether a file is a record of a picture, or a list of them."""
    with suppress(RunError):
        content = read_json(path)
        records = content if isinstance(content, list) else [content]
        return all(isinstance(one, dict) and {"file", "checkpoint"} <= set(one) for one in records)
    return False
