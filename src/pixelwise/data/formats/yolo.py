"""YOLO's labels: a text beside each picture, with a class and a polygon, or a box, in each line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pixelwise.data.formats.base import Export, Format, Record, Shape, Size, knowing
from pixelwise.data.formats.outlines import box, polygons
from pixelwise.data.formats.source import Source, number
from pixelwise.data.formats.yolo_config import find_classes, find_config, find_texts, is_labels, place_of, read_config
from pixelwise.data.pairing.lists import MOST_BYTES, SPELLINGS
from pixelwise.errors import DataError, listing, shown
from pixelwise.imaging.files import SUFFIXES
from pixelwise.yaml_text import read_file

Line = tuple[int, tuple[float, ...], int]  # class, numbers, place in the file


def yolo() -> Format:
    """YOLO's polygons and boxes: data.yaml, or classes.txt, with pictures in images/ and texts in labels/."""
    return Format(_recognises, _read)


def _recognises(source: Source) -> str | None:
    if (file := find_config(source)) is not None:
        return f"{source.told(file)} names classes and pictures"
    names = find_classes(source)
    texts = [file for file in source.files if file.suffix == ".txt" and file.parent.parts[-1:] != ("splits",)]
    found = next((file for file in texts[:200] if "labels" in file.parts and is_labels(file)), None)
    return f"{source.told(found)} has classes and shares of width and height" if names and found else None


def _read(source: Source) -> Export:
    config = find_config(source)
    if config is None:
        file = find_classes(source)
        if file is None:
            raise DataError("has neither a data.yaml nor a classes.txt.", where=str(source))
        names = [line.strip() for line in read_file(file, DataError, MOST_BYTES).splitlines() if line.strip()]
        told: Mapping[str, Any] = {}
    else:
        told, names = read_config(config)
    if len(set(names)) < len(names):
        raise DataError("two classes have one name.", where=str(config or source))
    records, polygon, used, left_out = [], False, set[Path](), Counter[str]()
    for split, picture in _pictures(source, told, config):
        labels = _labels_of(picture)
        used |= {labels} if labels.is_file() else set()
        lines = tuple(_lines(labels, len(names), bool(told.get("kpt_shape")))) if labels.is_file() else ()
        left_out["sets of key points"] += len(lines) if told.get("kpt_shape") else 0
        polygon = polygon or any(len(numbers) > 4 for _, numbers, _ in lines)
        shapes = partial(_shapes, lines, tuple(names), str(labels))
        name = source.name_of(picture, _images_of(picture))
        records.append(Record(name, picture, labels if labels.is_file() else config or picture, split, None, shapes))
    if records and not used:
        first = source.told(_labels_of(records[0].picture))
        what = f"none of {len(records):,} pictures has a text with labels; looked for {first}, for example."
        raise DataError(
            what, where=str(source), hint="Labels lie in labels/, in the same folders as pictures in images/."
        )
    left_out["texts without a picture"] = len(find_texts(source) - used)
    knows = knowing(drawn=polygon, boxes=True, labels=False)
    without = len(records) - len(used)
    those = "1 picture has" if without == 1 else f"{without:,} pictures have"
    assumed = (f"{those} no text with labels, which is read as no object.",) if without else ()
    return Export(tuple(names), tuple(records), knows, left_out=+left_out, assumed=assumed)


def _pictures(source: Source, told: Mapping[str, Any], config: Path | None) -> Iterator[tuple[str, Path]]:
    """(split, picture) of every picture that the yaml names, or of all pictures that lie in folders of images."""
    given = {split: told[key] for key, split in SPELLINGS.items() if told.get(key)}
    if config is None or not given:
        yield from ((source.split_of(file), file) for file in source.files if file.suffix.lower() in SUFFIXES)
        return
    known = set(source.files)
    for split, places in given.items():
        for word in places if isinstance(places, list) else [places]:
            place = place_of(source, config, str(told.get("path") or ""), str(word))
            if place.suffix == ".txt" and place in known:
                lines = filter(None, map(str.strip, read_file(place, DataError, MOST_BYTES).splitlines()))
                yield from ((split, source.picture(line.removeprefix("./"), place.parent)) for line in lines)
            else:
                inside = (one for one in source.files if one.is_relative_to(place))
                yield from ((split, one) for one in inside if one.suffix.lower() in SUFFIXES)


def _images_of(picture: Path) -> Path | None:
    """The last folder `images` above a picture, and the folder of a split in it."""
    for place in picture.parents:
        if place.name == "images":
            inner = picture.relative_to(place).parts
            return place / inner[0] if len(inner) > 1 and inner[0].lower() in SPELLINGS else place
    return None


def _labels_of(picture: Path) -> Path:
    """The text of a picture: `labels` in place of the last `images` in its path, else beside it."""
    for place in picture.parents:
        if place.name == "images":
            return (place.parent / "labels" / picture.relative_to(place)).with_suffix(".txt")
    return picture.with_suffix(".txt")


def _lines(file: Path, classes: int, points: bool) -> Iterator[Line]:
    """The lines of a text. points: whether key points follow the box; they are not read."""
    for at, line in enumerate(read_file(file, DataError, MOST_BYTES).splitlines(), 1):
        words, where = line.split(), f"{file}, line {at}"
        if not words:
            continue
        if not words[0].isascii() or not words[0].isdigit() or int(words[0][:9]) >= classes:
            raise DataError(
                f"read the class {shown(words[0])}; it must be a number from 0 to {classes - 1}.", where=where
            )
        numbers = tuple(number(word, where) for word in words[1:])[: 4 if points else None]
        if len(numbers) != 4 and (len(numbers) < 6 or len(numbers) % 2):
            what = f"has {len(numbers)} numbers after the class; a box has 4, a polygon 6 or more, two for each point."
            raise DataError(what, where=where, hint="Are these predictions with a score? Remove it.")
        if not all(-0.5 <= one <= 1.5 for one in numbers):
            strange = listing([f"{one:g}" for one in numbers if not -0.5 <= one <= 1.5], 3)
            raise DataError(
                f"read {strange}; numbers are shares of the picture's width and height, 0 to 1.", where=where
            )
        yield int(words[0]), numbers, at


def _shapes(lines: Sequence[Line], names: Sequence[str], where: str, size: Size) -> list[Shape]:
    height, width = size
    found = []
    for index, numbers, at in lines:
        if len(numbers) == 4:
            x, y, across, down = numbers
            drawn = box(
                (x - across / 2) * width, (y - down / 2) * height, (x + across / 2) * width, (y + down / 2) * height
            )
        else:
            points = zip(numbers[::2], numbers[1::2], strict=True)
            drawn = polygons([[(x * width, y * height) for x, y in points]])
        found.append(Shape(names[index], drawn, f"{where}, line {at}"))
    return found
