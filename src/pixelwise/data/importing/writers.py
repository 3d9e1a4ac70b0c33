"""The layouts that an import writes: masks of classes, instance maps or COCO's json, and folders of classes.

A writer takes one sample after another, and gives back what it reads again of each, so that the import can compare.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError
from pixelwise.imaging.annotations import annotation_of, object_of
from pixelwise.imaging.files import read_mask, write_mask, write_numbers
from pixelwise.run.atomic import write_json, write_text
from pixelwise.types import DatasetInfo, Object, Sample

DIVISOR = 1000  # an object's number in an instance map is class × 1000 + its place, where there are several classes
STRANGE = re.compile(r'[\x00-\x1f<>:"/\\|?*]')  # what names of folders cannot have on every system
Kept = NDArray[np.bool_] | None  # the pixels of an object that were read again


class Writer(ABC):
    """Writes samples below a folder.

    splits:  whether each split has its own folder
    link:    whether pictures are linked, not copied
    """

    def __init__(self, folder: Path, info: DatasetInfo, splits: bool, link: bool) -> None:
        self.folder, self.info, self.splits, self.link = folder, info, splits, link

    @abstractmethod
    def add(self, split: str, sample: Sample, picture: Path) -> list[Kept]:
        """Write a sample; the pixels of each of its objects as they are read again, None for one without a mask."""

    @abstractmethod
    def finish(self) -> dict[str, Any]:
        """Write what belongs to all samples; the data set that reads the folder: its name and options."""

    def _place(self, split: str, kind: str) -> Path:
        return self.folder / split / kind if self.splits else self.folder / kind

    def _put(self, picture: Path, file: Path) -> None:
        """Bring a picture to its place."""
        file.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(file):
            raise DataError("two pictures have this name.", where=file.relative_to(self.folder).as_posix())
        if self.link:
            file.symlink_to(picture.resolve())
        else:
            shutil.copyfile(picture, file)

    def _write_classes(self, void: bool) -> None:
        """`classes.txt` with value, name and colour of each class."""
        lines = [f"{index} {name} {_rgb(colour)}" for index, (name, colour) in self._numbered()]
        if void:
            lines.append(f"{self.info.void} void 224 224 192")
        write_text(self.folder / "classes.txt", "\n".join(lines) + "\n")

    def _numbered(self) -> list[tuple[int, tuple[str, tuple[int, int, int]]]]:
        return list(enumerate(zip(self.info.classes, self.info.colours, strict=True)))


def _rgb(colour: Sequence[int]) -> str:
    return " ".join(map(str, colour))


def safe(name: str) -> str:
    """The name of a sample as a path of plain parts. Raises DataError if it leads out of its folder."""
    parts = name.replace("\\", "/").split("/")
    if any(part in ("", ".", "..") for part in parts) or any(len(os.fsencode(part)) > 200 for part in parts):
        raise DataError("this name of a picture cannot be the name of a file.", where=name)
    return name.replace("\\", "/")


class Masks(Writer):
    """Images, and masks with the class of each pixel."""

    _void = False

    def add(self, split: str, sample: Sample, picture: Path) -> list[Kept]:
        if sample.mask is None:
            raise DataError("has no mask.", where=sample.name)
        name = safe(sample.name)
        file = self._place(split, "masks") / f"{name}.png"
        self._put(picture, self._place(split, "images") / f"{name}{picture.suffix.lower()}")
        file.parent.mkdir(parents=True, exist_ok=True)
        write_mask(file, sample.mask, self.info.colours)
        again = read_mask(file)
        if not np.array_equal(again, sample.mask):
            raise DataError("the written mask has other values when it is read back.", where=sample.name)
        self._void = self._void or bool((again == self.info.void).any())
        return [None if one.mask is None else one.mask.mask() & (again == one.label) for one in sample.objects or ()]

    def finish(self) -> dict[str, Any]:
        self._write_classes(self._void)
        return {"name": "folder"}


class Objects(Writer):
    """Images, and instance maps of 16 bits; COCO's json where objects overlap, have no mask, or are too many."""

    def __init__(self, folder: Path, info: DatasetInfo, splits: bool, link: bool) -> None:
        super().__init__(folder, info, splits, link)
        self.why = ""  # objects do not fit into maps
        self._jsons: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self._divisor = DIVISOR if len(info.classes) > 2 else 0
        if len(info.classes) > 65:
            self.why = f"{len(info.classes) - 1} classes are more than the 64 that instance maps can tell apart"

    def add(self, split: str, sample: Sample, picture: Path) -> list[Kept]:
        name, objects = safe(sample.name), sample.objects or ()
        self._put(picture, self._place(split, "images") / f"{name}{picture.suffix.lower()}")
        read = self._annotations(split, f"{name}{picture.suffix.lower()}", sample, objects)
        ids = None if self.why else self._numbers(objects, sample.size)
        if ids is None:
            return read
        file = self._place(split, "masks") / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_numbers(file, ids[0])
        again = read_mask(file)
        return [again == number for number in ids[1]]

    def _numbers(self, objects: Sequence[Object], size: tuple[int, int]) -> tuple[NDArray[np.uint16], list[int]] | None:
        """The instance map, and the number of each object; None if objects do not fit, and why."""
        ids, numbers, places = np.zeros(size, np.uint16), list[int](), dict[int, int]()
        for one in objects:
            pixels = None if one.mask is None else one.mask.mask()
            places[one.label] = places.get(one.label, 0) + 1
            if pixels is None or one.crowd:
                self.why = "some objects have only a box" if pixels is None else "there are crowds"
            elif places[one.label] >= (self._divisor or 65535):
                self.why = "a picture has too many objects of one class"
            elif ids[pixels].any():
                self.why = "objects overlap"
            if self.why or pixels is None:
                return None
            numbers.append(one.label * self._divisor + places[one.label])
            ids[pixels] = numbers[-1]
        return ids, numbers

    def _annotations(self, split: str, file: str, sample: Sample, objects: Sequence[Object]) -> list[Kept]:
        """Note the objects for the json, and give back what it says of them."""
        tree = self._jsons.setdefault(split, {"images": [], "annotations": []})
        number, (height, width) = len(tree["images"]) + 1, sample.size
        tree["images"].append({"id": number, "file_name": file, "height": height, "width": width})
        again: list[Kept] = []
        for one in objects:
            made = annotation_of(one)
            made |= {"id": len(tree["annotations"]) + 1, "image_id": number, "category_id": one.label}
            tree["annotations"].append(made)
            read = object_of(json.loads(json.dumps(made)), one.label, sample.size, where=sample.name)
            again.append(None if read is None or read.mask is None else read.mask.mask())
        return again

    def finish(self) -> dict[str, Any]:
        if not self.why:
            self._write_classes(False)
            return {"name": "folder", "kind": "instances"} | ({"divisor": self._divisor} if self._divisor else {})
        categories = [{"id": index, "name": name} for index, name in enumerate(self.info.classes) if index]
        for split, tree in self._jsons.items():
            place = self._place(split, "masks")
            shutil.rmtree(place, ignore_errors=True)
            if self.splits:  # COCO's layout: the pictures of a split in its folder
                os.rename(place.parent / "images", place.parent.with_name(f".{split}"))
                place.parent.rmdir()
                os.rename(place.parent.with_name(f".{split}"), place.parent)
            name = f"instances_{split if self.splits else 'all'}.json"
            write_json(self.folder / "annotations" / name, {**tree, "categories": categories})
        return {"name": "coco"}


class Labels(Writer):
    """A folder for each class, with its pictures."""

    def __init__(self, folder: Path, info: DatasetInfo, splits: bool, link: bool) -> None:
        super().__init__(folder, info, splits, link)
        self._names = [STRANGE.sub("_", name).strip(" .") or "_" for name in info.classes]
        if len({name.casefold() for name in self._names}) < len(self._names):
            raise DataError("two classes have names that cannot be told apart as names of folders.", where=info.name)

    def add(self, split: str, sample: Sample, picture: Path) -> list[Kept]:
        if sample.label is None:
            raise DataError("has no label.", where=sample.name)
        name = safe(sample.name).replace("/", "-")
        self._put(picture, self._place(split, self._names[sample.label]) / f"{name}{picture.suffix.lower()}")
        return []

    def finish(self) -> dict[str, Any]:
        return {"name": "labelled"}


WRITERS: dict[str, type[Writer]] = {"masks": Masks, "instances": Objects, "labels": Labels}
