"""How the samples of a corrected copy are written: masks of classes, folders of classes, instance maps, or any objects."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from pixelwise.data.base import Dataset
from pixelwise.data.folder import Folder
from pixelwise.data.importing.writers import Objects
from pixelwise.data.repair.reading import turned, whole_of
from pixelwise.imaging.files import write_mask, write_numbers
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.rle import RLE
from pixelwise.types import RGB, DatasetInfo, IndexMap, Object, Sample

Put = Callable[[Path], Path]  # writes the corrected picture at a place without suffix, and gives its file


class Writer(ABC):
    """Writes corrected samples below a folder."""

    @abstractmethod
    def add(self, split: str, sample: Sample, put: Put) -> None:
        """Write a sample whose picture is written by `put`."""

    @abstractmethod
    def finish(self) -> dict[str, Any]:
        """Write what belongs to all samples; the data set that reads the copy, its name and options."""


class Masks(Writer):
    """Masks as PNG with one palette. reader: the options that the copy is read with."""

    def __init__(self, folder: Path, info: DatasetInfo, reader: dict[str, Any]) -> None:
        self.folder, self.info, self.reader = folder, info, reader
        distinct = len(set(info.colours)) == len(info.classes)
        self.colours = info.colours if distinct else distinct_colours(len(info.classes))

    def add(self, split: str, sample: Sample, put: Put) -> None:
        if sample.mask is not None:
            write_mask(_place(self.folder / split / "masks" / f"{sample.name}.png"), sample.mask, self.colours)
            put(self.folder / split / "images" / sample.name)

    def finish(self) -> dict[str, Any]:
        (self.folder / "classes.txt").write_text(_class_lines(self.info, self.colours), encoding="utf-8")
        return {"name": "folder", **self.reader}


class Labels(Writer):
    """A folder for each class."""

    def __init__(self, folder: Path, info: DatasetInfo) -> None:
        self.folder, self.info = folder, info

    def add(self, split: str, sample: Sample, put: Put) -> None:
        put(self.folder / split / self.info.classes[sample.label or 0] / sample.name)

    def finish(self) -> dict[str, Any]:
        return {"name": "labelled"}


class Maps(Writer):
    """Instance maps with the numbers that they had, which `sample.mask` has: void and classes without objects are kept."""

    def __init__(self, folder: Path, dataset: Folder) -> None:
        self.folder, self.dataset = folder, dataset

    def add(self, split: str, sample: Sample, put: Put) -> None:
        if sample.mask is not None:
            write_numbers(_place(self.folder / split / "masks" / f"{sample.name}.png"), sample.mask)
            put(self.folder / split / "images" / sample.name)

    def finish(self) -> dict[str, Any]:
        options = {key: value for key in ("divisor", "void", "values") if (value := self.dataset.options[key])}
        names = self.dataset.path / "classes.txt"
        if names.is_file():
            shutil.copyfile(names, self.folder / "classes.txt")
        elif self.dataset.options["classes"] is not None:
            (self.folder / "classes.txt").write_text("\n".join(self.dataset.info.classes) + "\n", encoding="utf-8")
        return {"name": "folder", "kind": "instances", **options}


class AnyObjects(Writer):
    """Objects of an export: instance maps, or COCO's json where they overlap, are crowds, or have no mask."""

    def __init__(self, folder: Path, dataset: Dataset) -> None:
        self.folder, self.writer = folder, Objects(folder, dataset.info, splits=True, link=False)

    def add(self, split: str, sample: Sample, put: Put) -> None:
        picture = put(_place(self.folder / ".picture" / "corrected"))
        self.writer.add(split, sample, picture)
        picture.unlink()

    def finish(self) -> dict[str, Any]:
        shutil.rmtree(self.folder / ".picture", ignore_errors=True)
        return self.writer.finish()


def writer_for(folder: Path, dataset: Dataset, reader: dict[str, Any]) -> Writer:
    """The writer of what a data set has. reader: options of a folder of masks that are kept."""
    if has_numbers(whole := whole_of(dataset)):
        return Maps(folder, whole)
    if "objects" in dataset.info.knows:
        return AnyObjects(folder, dataset)
    return Masks(folder, dataset.info, reader) if "mask" in dataset.info.knows else Labels(folder, dataset.info)


def has_numbers(dataset: Dataset) -> TypeGuard[Folder]:
    """Whether masks number objects."""
    return isinstance(dataset, Folder) and dataset.options["kind"] == "instances"


def turned_sample(sample: Sample, orientation: int) -> Sample | None:
    """The sample with its mask and objects turned as EXIF turns its picture; None if an object is known by its box alone."""
    objects: list[Object] | None = None
    if sample.objects is not None:
        objects = []
        for one in sample.objects:
            if one.mask is None:
                return None
            pixels: IndexMap = one.mask.mask().astype(np.uint8)
            objects.append(Object.of(one.label, RLE.of(turned(pixels, orientation)), crowd=one.crowd))
    mask = None if sample.mask is None else turned(sample.mask, orientation)
    return Sample(sample.name, sample.image, mask, objects)


def _place(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def _class_lines(info: DatasetInfo, colours: Sequence[RGB]) -> str:
    """classes.txt with value, name and colour, so that void and any name are read unchanged."""
    lines = [
        f"{number} {name} {r} {g} {b}"
        for number, (name, (r, g, b)) in enumerate(zip(info.classes, colours, strict=True))
    ]
    if info.void is not None:
        lines.append(f"{info.void} void 224 224 192")
    return "\n".join(lines) + "\n"
