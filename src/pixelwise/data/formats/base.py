"""What a reader of exports returns: a record for each picture, with its objects, its mask or its labels. Readers by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pixelwise.data.formats.source import Source, has_words
from pixelwise.errors import DataError, Problem, did_you_mean, listing
from pixelwise.imaging.files import SUFFIXES
from pixelwise.types import RGB, IndexMap, Knowledge

Size = tuple[int, int]
OBJECTS: frozenset[Knowledge] = frozenset({"mask", "objects"})


@dataclass(frozen=True)
class Shape:
    """An object as the export has it.

    label:  the name of its class
    drawn:  the object as an annotation of COCO: `segmentation` (polygons or run lengths), else `bbox`; `iscrowd`
    where:  the file and the place in it, for messages
    """

    label: str
    drawn: dict[str, Any]
    where: str


@dataclass(frozen=True)
class Record:
    """A picture and what the export says about it.

    name:     unique within its split
    picture:  its file, which need not be there
    file:     the file that holds its annotations
    split:    as the export says; may be empty
    size:     (H, W) as the export says, if it does
    shapes:   the objects, from the picture's size; None if the export has a mask or labels instead
    mask:     reads the class of each pixel, as indices into the classes
    labels:   the classes of the whole picture
    """

    name: str
    picture: Path
    file: Path
    split: str = ""
    size: Size | None = None
    shapes: Callable[[Size], Sequence[Shape]] | None = None
    mask: Callable[[], IndexMap] | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Export:
    """All that an export says.

    classes:   their names; the data set puts `background` before them where it is not the first one
    knows:     what its records have: mask, objects, label
    colours:   one per class, where the export has them
    void:      the index in masks that means "not labelled"; None if records have objects instead
    left_out:  what was not read and why, with the number of times
    assumed:   what the export does not say, and how it was read: a sentence each
    """

    classes: tuple[str, ...]
    records: tuple[Record, ...]
    knows: frozenset[Knowledge] = OBJECTS
    colours: tuple[RGB, ...] | None = None
    void: int | None = None
    left_out: Mapping[str, int] = field(default_factory=Counter)
    assumed: tuple[str, ...] = ()


MINIMAL = "This seems to be Label Studio's JSON-MIN, which has only a part of the labels: export as JSON."


@dataclass(frozen=True)
class Format:
    """A reader of exports.

    recognises:  why a source seems to be of this format, or None
    read:        what it says. Raises DataError with the file and the place in it
    """

    recognises: Callable[[Source], str | None]
    read: Callable[[Source], Export]


def find_format(source: Source, name: str = "auto") -> tuple[str, str, Format]:
    """The name of the format of a source, the reason, and its reader. name: `auto`, or the one to use.

    Raises DataError if no format, or more than one, is recognised.
    """
    from pixelwise.data.formats import FORMATS

    if name != "auto":
        if ":" not in name and name not in tuple(FORMATS):
            what = f"unknown format '{name}'; choose from {', '.join(FORMATS)}, or package.module:function."
            raise DataError(what, hint=did_you_mean(name, FORMATS))
        return name, "as you say", FORMATS.build(name)
    found = recognised(source)
    if len(found) == 1:
        return found[0]
    if found:
        what = f"seems to be of several formats: {listing([f'{one} ({reason})' for one, reason, _ in found])}."
        raise DataError(what, where=str(source), hint="Name one by format, or name one of its files.")
    what = f"is not an export that is read ({', '.join(FORMATS)})."
    hint = MINIMAL if has_minimal(source) else "Is it whole? docs/formats.md shows the files that each format has."
    raise DataError(what, where=str(source), hint=hint)


def has_minimal(source: Source) -> bool:
    """Whether a source has Label Studio's JSON-MIN, which is not read."""
    words = ("annotation_id", "annotator")
    return any(has_words(file, *words) and not has_words(file, "annotations") for file in source.some(".json"))


def recognised(source: Source) -> list[tuple[str, str, Format]]:
    """Every format that a source seems to have: its name, the reason, its reader."""
    from pixelwise.data.formats import FORMATS

    made = [(name, FORMATS.build(name)) for name in FORMATS]
    return [(name, reason, one) for name, one in made if (reason := one.recognises(source))]


def read_export(source: Source, name: str = "auto") -> tuple[str, str, Export]:
    """The name of the format, how it was recognised, and what the export says, checked.

    Raises DataError if there is no picture, none of the pictures is there, or two have one name.
    """
    name, reason, made = find_format(source, name)
    export = made.read(source)
    _check(source, name, export)
    if source.file is None and (unnamed := len(_unnamed(source, export))):
        export = replace(export, left_out={**export.left_out, "pictures that no annotation names": unnamed})
    return name, reason, export


def _unnamed(source: Source, export: Export) -> list[Path]:
    """The pictures in the folder that belong to no record; masks do not count."""
    used = {file for record in export.records for file in (record.picture, record.file)}
    masks = "SegmentationObject" if any(record.mask for record in export.records) else None
    return [
        file
        for file in source.files
        if file.suffix.lower() in SUFFIXES and file not in used and (masks is None or masks not in file.parts)
    ]


def _check(source: Source, name: str, export: Export) -> None:
    problems = []
    if not export.records:
        told = f" Not read: {counted(export.left_out)}." if export.left_out else ""
        problems.append(Problem(str(source), f"was read as {name}, but contains no picture.{told}"))
    gone = [record.picture for record in export.records if not record.picture.is_file()]
    if gone and len(gone) == len(export.records):
        what = f"none of the {len(gone):,} pictures is there; looked for {listing(map(source.told, gone), 3)}."
        hint = "Put the pictures into the folder of the export, or export it together with them."
        problems.append(Problem(str(source), what, hint))
    seen = Counter((record.split, record.name) for record in export.records)
    if doubled := [f"{split}/{name}".lstrip("/") for (split, name), count in seen.items() if count > 1]:
        what = f"{len(doubled):,} {'name has' if len(doubled) == 1 else 'names have'} several pictures: {listing(doubled, 5)}."
        problems.append(Problem(str(source), what, "Keep one of them, or rename it."))
    if problems:
        raise DataError.all(problems)


def counted(left_out: Mapping[str, int]) -> str:
    """What was not read, with its counts.

    >>> counted({"shapes without area (point)": 3, "texts without a picture": 1})
    '3 × shapes without area (point), 1 × texts without a picture'
    """
    return listing([f"{count:,} × {what}" for what, count in left_out.items()])


def knowing(*, drawn: bool, boxes: bool, labels: bool) -> frozenset[Knowledge]:
    """What records have: objects with a mask, or with a box alone; labels of pictures."""
    objects: frozenset[Knowledge] = OBJECTS if drawn else frozenset({"objects"} if boxes else ())
    return objects | frozenset({"label"} if labels else ())
