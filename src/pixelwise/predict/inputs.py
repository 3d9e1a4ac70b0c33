"""The pictures that a person names, each once and under a name of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pixelwise.errors import DataError, Problem, listing

LEGEND = "legend.png"


@dataclass(frozen=True)
class Job:
    """One picture, and the name under which everything of it is written."""

    file: Path
    name: str


def plan(images: Sequence[Path], out: Path | None) -> tuple[list[Job], list[Path]]:
    """The pictures, each once and under a name of its own, and the files in folders that are not pictures.

    Raises DataError with every path that is not there, and for folders without a picture.
    """
    from pixelwise.imaging.files import SUFFIXES

    files: dict[Path, Path] = {}  # resolved → as given, so that a picture named twice is labelled once
    skipped, problems = [], []
    ours = None if out is None else (out / LEGEND).resolve()  # of a call before this one, with --out as an input too
    for given in images:
        if given.is_dir():
            inside = sorted(path for path in given.iterdir() if path.is_file() and not path.name.startswith("."))
            found = [path for path in inside if path.suffix.lower() in SUFFIXES and path.resolve() != ours]
            skipped += [path for path in inside if path not in found and path.resolve() != ours]
            if not found:
                hint = "Folders inside it are not searched: name them too."
                problems.append(Problem(str(given), f"contains no picture ({', '.join(SUFFIXES)}).", hint))
        elif given.is_file():
            found = [given]
        else:
            found = []
            problems.append(Problem(str(given), "there is no such file or folder."))
        files.update({path.resolve(): path for path in reversed(found) if path.resolve() not in files})
    if problems:
        raise DataError.all(problems)
    ordered = sorted(files.values())
    return [Job(file, name) for file, name in zip(ordered, unique_names(ordered), strict=True)], skipped


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
    """Raise DataError where files that are to be written are there already."""
    there = [str(path) for path in files if path.exists()]
    if there:
        raise DataError(
            f"{len(there)} of the files to write are there already: {listing(there, 4)}.",
            where=str(out),
            hint="Nothing was changed. Choose another --out, or replace them with --overwrite.",
        )
