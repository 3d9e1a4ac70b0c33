"""Roboflow's `_classes.csv`: a line per picture with 1 for each of its classes, or the classes of values in `*_mask.png`."""

from __future__ import annotations

import csv
import io
from functools import partial
from pathlib import Path

from pixelwise.data.formats.base import Export, Format, Record
from pixelwise.data.formats.source import Source
from pixelwise.data.pairing.lists import MOST_BYTES, SPELLINGS
from pixelwise.errors import DataError, shown
from pixelwise.imaging.files import SUFFIXES, UnknownValues, read_mask
from pixelwise.types import BACKGROUND, RGB, IndexMap
from pixelwise.yaml_text import read_file

NAME, MASK = "_classes.csv", "_mask.png"


def roboflow() -> Format:
    """Roboflow's _classes.csv in the folder of each split: labels of pictures, or classes of masks.

    Its exports as COCO and YOLO are read as those.
    """
    return Format(_recognises, _read)


def _files(source: Source) -> list[Path]:
    return [file for file in source.of_kind(".csv") if file.name == NAME]


def _recognises(source: Source) -> str | None:
    found = next(iter(_files(source)), None)
    return f"{source.told(found)} is a table of classes" if found else None


def _read(source: Source) -> Export:
    classes: tuple[str, ...] = ()
    records: list[Record] = []
    kinds = set[str]()
    for file in _files(source):
        header, lines = _lines(file)
        split = SPELLINGS.get(file.parent.name.lower(), "")
        if "pixel value" in [word.lower() for word in header]:
            names = _of_values(lines, file)
            made = list(_masks(file, split, names))
            kinds.add("mask")
        else:
            names = tuple(header[1:])
            made = [_labelled(source, file, split, names, at, line) for at, line in lines]
            kinds.add("label")
        if classes and names != classes:
            raise DataError(f"has other classes than {source.told(records[0].file)}.", where=str(file))
        classes = names
        records += made
    if kinds == {"mask"}:
        return Export(classes, tuple(records), frozenset({"mask"}), void=255)
    return Export(classes, tuple(records), frozenset({"label"}))


def _lines(file: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and each other line with its number."""
    text = read_file(file, DataError, MOST_BYTES).lstrip("\ufeff")
    table = [[cell.strip() for cell in line] for line in csv.reader(io.StringIO(text))]
    lines = [(at, line) for at, line in enumerate(table, 1) if any(line)]
    if not lines or len(lines[0][1]) < 2:
        raise DataError("is not Roboflow's table: its first line is filename and the classes.", where=str(file))
    header = lines[0][1]
    for at, line in lines[1:]:
        if len(line) != len(header):
            raise DataError(f"line {at} has {len(line)} columns, and the first has {len(header)}.", where=str(file))
    if len(set(header)) < len(header):
        raise DataError("two classes have one name.", where=str(file))
    return header, lines[1:]


def _labelled(source: Source, file: Path, split: str, names: tuple[str, ...], at: int, line: list[str]) -> Record:
    if strange := [cell for cell in line[1:] if cell not in ("0", "1")]:
        raise DataError(f"line {at}: read {shown(strange[0])}; a class has 0 or 1.", where=str(file))
    labels = tuple(name for name, cell in zip(names, line[1:], strict=True) if cell == "1")
    picture = source.picture(line[0], file.parent)
    return Record(source.name_of(picture, file.parent), picture, file, split, labels=labels)


def _of_values(lines: list[tuple[int, list[str]]], file: Path) -> tuple[str, ...]:
    """The classes in the order of their values, 0 first."""
    values = {line[0]: line[1] for _, line in lines}
    if sorted(values) != sorted(map(str, range(len(lines)))) or len(lines) > 255:
        raise DataError("the values of classes are 0, 1, 2, … up to 254.", where=str(file))
    first = values["0"]
    return (BACKGROUND if first.lower() == BACKGROUND else first, *(values[str(at)] for at in range(1, len(lines))))


def _masks(file: Path, split: str, names: tuple[str, ...]) -> list[Record]:
    records = []
    for mask in sorted(file.parent.glob(f"*{MASK}")):
        stem = mask.name.removesuffix(MASK)
        tries = [mask.with_name(f"{stem}{suffix}") for suffix in SUFFIXES]
        picture = next((one for one in tries if one.is_file()), tries[1])
        records.append(Record(stem, picture, mask, split, mask=partial(_mask, mask, names)))
    return records


def _mask(file: Path, names: tuple[str, ...]) -> IndexMap:
    """The classes of a mask; the data set puts background before classes of which it is not the first."""
    mask = read_mask(file)
    if int(mask.max(initial=0)) >= len(names):
        import numpy as np

        values, counts = np.unique(mask[mask >= len(names)], return_counts=True)
        strange: dict[int | RGB, int] = {int(value): int(count) for value, count in zip(values, counts, strict=True)}
        raise UnknownValues(strange, f"0 to {len(names) - 1}", where=str(file))
    return mask if names[0] == BACKGROUND else mask + mask.dtype.type(1)
