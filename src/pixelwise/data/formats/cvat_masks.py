"""CVAT's mask export (Segmentation mask 1.1, the layout of PASCAL VOC): masks in colour, with the colours in labelmap.txt."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pixelwise.data.formats.base import OBJECTS, Export, Format, Record, Shape, Size
from pixelwise.data.formats.source import Source
from pixelwise.data.pairing.classes import read_classes
from pixelwise.data.pairing.lists import MOST_BYTES, SPELLINGS
from pixelwise.errors import DataError
from pixelwise.imaging.files import read_image, read_mask
from pixelwise.imaging.palettes import VOC_VOID, distinct_colours
from pixelwise.types import BACKGROUND, RGB, IndexMap, Knowledge
from pixelwise.yaml_text import read_file

CLASSES, OBJECT_MASKS, LISTS = "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"


def cvat_masks() -> Format:
    """CVAT's masks: labelmap.txt, SegmentationClass/, SegmentationObject/, JPEGImages/."""
    return Format(_recognises, _read)


def _labelmap(source: Source) -> Path | None:
    found = (file for file in source.files if file.name == "labelmap.txt" and source.file is None)
    return next((file for file in found if (file.parent / CLASSES).is_dir()), None)


def _recognises(source: Source) -> str | None:
    found = _labelmap(source)
    return f"{source.told(found)} lies beside {CLASSES}/" if found else None


def _read(source: Source) -> Export:
    file = _labelmap(source)
    if file is None:
        raise DataError(f"has no labelmap.txt beside a folder {CLASSES}.", where=str(source))
    told = read_classes(file)
    colours = told.colours or distinct_colours(len(told.names))
    by_name = dict(zip(told.names, colours, strict=True))
    names = tuple(dict.fromkeys([*([BACKGROUND] if BACKGROUND in by_name else []), *told.names]))
    offset = 0 if names[0] == BACKGROUND else 1  # the data set puts background before them
    table = {by_name[name]: index + offset for index, name in enumerate(names)}
    if len(table) < len(names):
        raise DataError("two classes have one colour.", where=str(file))
    if offset:
        table.setdefault((0, 0, 0), 0)
    void = 255 if len(names) + offset <= 255 else 65535
    table.setdefault(VOC_VOID, void)
    splits = _splits(file.parent)
    with_objects = (file.parent / OBJECT_MASKS).is_dir()
    records = []
    for mask in sorted((file.parent / CLASSES).rglob("*.png")):
        name = mask.relative_to(file.parent / CLASSES).with_suffix("").as_posix()
        picture = _picture(source, file.parent, name)
        objects = file.parent / OBJECT_MASKS / f"{name}.png"
        shapes = partial(_shapes, mask, objects, table, names, offset, void) if with_objects else None
        split = splits.get(name, "")
        records.append(Record(name, picture, mask, split, None, shapes, partial(_mask, mask, table)))
    given = tuple(by_name[name] for name in names)
    full = given if not offset else ((0, 0, 0), *given)
    knows: frozenset[Knowledge] = OBJECTS if with_objects else frozenset({"mask"})
    return Export(names, tuple(records), knows, full if len(set(full)) == len(full) else None, void)


def _splits(folder: Path) -> dict[str, str]:
    """Name → split, as the lists say; CVAT's list `default` says none."""
    found = dict[str, str]()
    for file in sorted((folder / LISTS).glob("*.txt")):
        if file.stem.lower() in SPELLINGS:
            names = filter(None, map(str.strip, read_file(file, DataError, MOST_BYTES).splitlines()))
            found |= {name: SPELLINGS[file.stem.lower()] for name in names}
    return found


def _picture(source: Source, folder: Path, name: str) -> Path:
    for suffix in (".jpg", ".png", ".jpeg"):
        for place in ("JPEGImages", "images"):
            if (file := folder / place / f"{name}{suffix}").is_file():
                return file
    return folder / "JPEGImages" / f"{name}.jpg"


def _mask(file: Path, table: dict[RGB, int]) -> IndexMap:
    return read_mask(file, colours=table)


def _shapes(
    mask: Path, file: Path, table: dict[RGB, int], names: Sequence[str], offset: int, void: int, size: Size
) -> list[Shape]:
    """The objects, each of which has its own colour; the class of one is the most frequent one in its pixels."""
    import numpy as np

    from pixelwise.rle import runs_by_value

    if not file.is_file():
        return []
    classes, colours = _mask(mask, table), read_image(file).astype(np.uint32)
    codes = colours[..., 0] << 16 | colours[..., 1] << 8 | colours[..., 2]
    if classes.shape != size or codes.shape != size:
        height, width = (classes if classes.shape != size else codes).shape
        what = f"its mask is {width}×{height}, its picture {size[1]}×{size[0]} (width × height)."
        raise DataError(what, where=str(mask))
    found = []
    for code, runs in runs_by_value(codes.astype(np.int64)).items():
        if code == 0 or code == VOC_VOID[0] << 16 | VOC_VOID[1] << 8 | VOC_VOID[2]:
            continue
        index = int(np.bincount(classes[runs.mask()]).argmax())
        if index in (0, void):
            continue
        drawn = {"segmentation": {"size": [*size], "counts": runs.counts.tolist()}}
        found.append(Shape(names[index - offset], drawn, f"{file}: colour #{code:06x}"))
    return found
