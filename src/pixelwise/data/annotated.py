"""Exports of labelling tools as data sets, read directly: objects and the class of each pixel, or the class of each picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Lt
from numpy.typing import NDArray

from pixelwise.data.alike import find_groups
from pixelwise.data.base import Dataset, cache_folder, find_folder, find_place
from pixelwise.data.formats.base import OBJECTS, Export, Record, Shape, counted, read_export
from pixelwise.data.formats.coco import categories, checked, place_of, read_coco, records_of, split_of
from pixelwise.data.formats.source import Source
from pixelwise.data.importing.packed import unpacked
from pixelwise.data.pairing.lists import SPELLINGS, SPLITS
from pixelwise.data.splits import Drawing, draw_splits, draw_stratified, drawing_remark, group_by
from pixelwise.errors import DataError, Problem, listing
from pixelwise.imaging.annotations import object_of, oddities_of
from pixelwise.imaging.files import image_size, read_image
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.shelf import declares
from pixelwise.types import BACKGROUND, DatasetInfo, IndexMap, Object, Sample

Kind = Literal["objects", "labels"]


class Exported(Dataset):
    """The pictures of an export with their objects and masks.

    drawing:   shares, seed and groups of the splits that are drawn
    settings:  part of the cache's key
    """

    def __init__(self, name: str, export: Export, drawing: Drawing, settings: Mapping[str, object]) -> None:
        self.export, self._settings, self._notices = export, dict(settings), list[Problem]()
        classes = (BACKGROUND, *(one for one in export.classes if one != BACKGROUND))
        if len(classes) > 65535:
            raise DataError(f"has {len(classes):,} classes; at most 65,535 are allowed.", where=name)
        self._index = {one: index for index, one in enumerate(classes)}
        colours = export.colours or distinct_colours(len(classes))
        void = export.void if export.void is not None else 255 if len(classes) <= 255 else 65535
        self.info = DatasetInfo(
            name, classes, colours, export.knows & OBJECTS, void=void, source=f"the folder {name}"
        )  # fmt: skip
        self._records = self._divide(export.records, drawing)
        if export.left_out:
            self._notices.append(Problem(name, f"not read: {counted(export.left_out)}."))
        self._notices += [Problem(name, sentence) for sentence in export.assumed]

    def _divide(self, records: Sequence[Record], drawing: Drawing) -> dict[str, tuple[Record, ...]]:
        """The splits that the export says; those that are missing are drawn from what is in none, else from `train`."""
        shares = drawing.shares
        splits: dict[str, list[Record]] = {}
        for record in records:
            splits.setdefault(SPELLINGS.get(record.split.lower(), record.split), []).append(record)
        told = [split for split in splits if split]
        loose = splits.pop("", [])
        rest = {one.name: one for one in splits.get("train", loose)}
        if loose and "train" in told:
            what = f"{len(loose):,} pictures are in no split and not used: {listing([one.name for one in loose], 5)}."
            self._notices.append(Problem(self.info.name, what))
        missing = (
            {} if "val" in told else {split: share for split, share in shares.items() if split not in told and share}
        )
        self.drawn = tuple(missing) if rest else ()
        if missing and rest:
            group = drawing.group_of({name: record.picture for name, record in rest.items()})
            drawn = self._draw(rest, missing, drawing.seed, group)
            splits |= {split: [rest[name] for name in names] for split, names in drawn.items()}
            if told:
                took = " and ".join(f"{share * 100:g} % for '{split}'" for split, share in missing.items())
                self._notices.append(Problem(self.info.name, f"{took} are drawn from the pictures of 'train'."))
        elif rest and "train" not in told:
            splits["train"] = list(rest.values())
        order = [split for split in SPLITS if split in splits]
        return {split: tuple(splits[split]) for split in dict.fromkeys([*order, *splits])}

    def _draw(
        self, rest: Mapping[str, Record], shares: Mapping[str, float], seed: int, group: Callable[[str], str] | None
    ) -> Mapping[str, Sequence[str]]:
        return draw_splits(rest, shares, seed=seed, group=group)

    def splits(self) -> tuple[str, ...]:
        return tuple(self._records)

    def names(self, split: str) -> tuple[str, ...]:
        return tuple(record.name for record in self._records[split])

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        record = self._records[split][index]
        return record.picture, record.file

    def settings(self) -> dict[str, object]:
        return self._settings

    def notices(self) -> tuple[Problem, ...]:
        return tuple(self._notices)

    def remarks(self) -> tuple[str, ...]:
        given: dict[str, object] = {
            name: self._settings[name] for name in ("val", "test", "seed", "group", "alike") if name in self._settings
        }
        reason = "the export says which picture is in which split"
        return () if self.drawn else drawing_remark(given, annotated.__kwdefaults__ or {}, reason)

    def oddities(self, split: str, index: int) -> tuple[str, ...]:
        record = self._records[split][index]
        if record.shapes is None or record.mask is not None:
            return ()
        size = record.size or image_size(record.picture)
        return tuple(oddities_of([shape.drawn for shape in record.shapes(size)], size))

    def shapes(self, split: str, index: int, size: tuple[int, int]) -> Sequence[Shape]:
        """The objects of a picture as the export has them, without those that are called background."""
        record = self._records[split][index]
        found = record.shapes(size) if record.shapes is not None else ()
        return [shape for shape in found if self._index[shape.label]]

    def read(self, split: str, index: int) -> Sample:
        record = self._records[split][index]
        image = read_image(record.picture)
        size = (image.shape[0], image.shape[1])
        if record.size not in (None, size):
            height, width = record.size or size
            own, told = f"{size[1]}×{size[0]}", f"{width}×{height}"
            what = f"picture {record.picture.name} is {own}, but its annotations say {told} (width × height)."
            raise DataError(
                what, where=str(record.file), hint="If the pictures were resized, resize their annotations too."
            )
        made = (
            object_of(shape.drawn, self._index[shape.label], size, where=shape.where)
            for shape in self.shapes(split, index, size)
        )
        objects = [one for one in made if one is not None]
        mask = record.mask() if record.mask is not None else self._mask(objects, size)
        knows = self.info.knows
        return Sample(
            record.name, image, mask if "mask" in knows else None, objects if "objects" in knows else None
        )  # fmt: skip

    def _mask(self, objects: Sequence[Object], size: tuple[int, int]) -> IndexMap:
        """The class of each pixel, smaller objects on top; crowds, and boxes without a mask, are void under them."""
        void = self.info.void or 0
        mask = np.zeros(size, np.uint8 if void < 256 else np.uint16)
        for one in sorted(
            objects, key=lambda one: -one.mask.area if one.mask is not None and not one.crowd else -np.inf
        ):
            mask[_pixels(one, size)] = void if one.crowd or one.mask is None else one.label
        return mask


class LabelsOnly(Exported):
    """The pictures of an export with one class each. Pictures with none or several are left out, and counted."""

    def __init__(self, name: str, export: Export, drawing: Drawing, settings: Mapping[str, object]) -> None:
        clear = tuple(record for record in export.records if len(record.labels) == 1)
        if not clear:
            raise DataError("no picture has exactly one class.", where=name)
        super().__init__(name, replace(export, records=clear), drawing, settings)
        if len(clear) < len(export.records):
            none = sum(not record.labels for record in export.records)
            what = f"pictures without a class ({none:,}) or with several ({len(export.records) - len(clear) - none:,})"
            self._notices.append(Problem(name, f"{what} are left out.", "Give each picture one class."))
        used = {record.labels[0] for record in clear}
        classes = tuple(one for one in export.classes if one in used or export.knows == {"label"})
        self._index = {one: index for index, one in enumerate(classes)}
        count = Counter(one.labels[0] for one in self._records["train"])
        self.info = DatasetInfo(
            name,
            classes,
            distinct_colours(len(classes)),
            frozenset({"label"}),
            source=f"the folder {name}",
            frequencies=tuple(count[one] for one in classes),
        )

    def _draw(
        self, rest: Mapping[str, Record], shares: Mapping[str, float], seed: int, group: Callable[[str], str] | None
    ) -> Mapping[str, Sequence[str]]:
        first = dict[str, str]()
        groups = {name: first.setdefault(group(name), name) for name in rest} if group else {}
        return draw_stratified({name: one.labels[0] for name, one in rest.items()}, shares, seed=seed, groups=groups)

    def labels(self, split: str) -> tuple[int, ...]:
        return tuple(self._index[record.labels[0]] for record in self._records[split])

    def read(self, split: str, index: int) -> Sample:
        record = self._records[split][index]
        return Sample(record.name, read_image(record.picture), label=self._index[record.labels[0]])


def _pixels(one: Object, size: tuple[int, int]) -> NDArray[np.bool_]:
    if one.mask is not None:
        return one.mask.mask()
    x0, y0, x1, y1 = (round(side) for side in one.box)
    pixels = np.zeros(size, bool)
    pixels[y0:y1, x0:x1] = True
    return pixels


@declares(knows=("mask", "objects"), knows_with={"label": "kind=labels"}, draws=("val", "test"))
def annotated(
    root: Path,
    *,
    path: str,
    format: str = "auto",
    kind: Kind = "objects",
    val: Annotated[float, Ge(0), Lt(1)] = 0.2,
    test: Annotated[float, Ge(0), Lt(1)] = 0.0,
    seed: Annotated[int, Ge(0)] = 0,
    group: str = "",
    alike: Literal["anywhere", "together"] = "anywhere",
) -> Dataset:
    """Pictures of your own with the export of a labelling tool: COCO, YOLO, LabelMe, CVAT, Label Studio, Roboflow.

    path:       the folder, or a json, xml, csv or zip in it: absolute, in the working folder, or else in the data folder
    format:     coco, yolo, labelme, cvat, cvat_masks, label_studio, roboflow or package.module:function; `auto`: by what
                the files hold
    kind:       `objects`: objects and the class of each pixel; `labels`: the class of each picture, where the export has them
    val, test:  shares of the pictures that are drawn for these splits where the export does not say them
    seed:       seed of that draw
    group:      pattern with one group, e.g. `^(scene\\d+)_`: pictures with the same match stay in one split

    alike:      `together`: pictures that look alike as a whole (copies, frames of one scene) stay in one split too

    Where objects overlap, the smaller one is on top in the mask of classes; an object that has only a box is void there.
    """
    options = {name: value for name, value in locals().items() if name not in ("root", "path")}
    place = find_place(path, root)
    with_files = unpacked(place, cache_folder(root)) if place.suffix.lower() == ".zip" else place
    shares = {split: share for split, share in (("val", val), ("test", test)) if share}
    name, _, export = read_export(Source(with_files), format)
    settings = {**options, "path": str(place), "format": name}
    if alike == "anywhere":
        del settings["alike"]  # it changes nothing, and the cache's key stays what it was
    drawing = Drawing(shares, seed, group_by(group), partial(find_groups, root=root) if alike == "together" else None)
    return of_export(place, export, drawing, kind, settings)


def of_export(
    place: Path, export: Export, drawing: Drawing, kind: str, settings: Mapping[str, object] = {}
) -> Exported:
    """The data set of an export. Raises DataError if it does not have what `kind` asks for."""
    has = "labels" if export.knows == {"label"} else "objects"
    if (kind == "labels" and "label" not in export.knows) or (kind == "objects" and not export.knows & OBJECTS):
        words = {"labels": "classes of pictures", "objects": "objects or masks"}
        flag = "labels" if has == "labels" else "masks"
        what = f"the export has {words[has]}, not {words[kind]}."
        raise DataError(
            what,
            where=str(place),
            hint=f"Set kind: {has}; for an import, --as {flag}.",
        )
    made = LabelsOnly if kind == "labels" else Exported
    return made(place.stem if place.is_file() else place.name, export, drawing, settings)


@declares(knows=("mask", "objects"), draws=("val", "test"))
def coco(
    root: Path,
    *,
    path: str,
    annotations: str = "annotations/instances_*.json",
    images: str = "",
    val: Annotated[float, Ge(0), Lt(1)] = 0.2,
    test: Annotated[float, Ge(0), Lt(1)] = 0.0,
    seed: Annotated[int, Ge(0)] = 0,
) -> Dataset:
    """Pictures of your own, or COCO itself, with objects in COCO's json: polygons, run lengths, crowds, boxes.

    path:         the folder, absolute, in the working folder, or else in the data folder
    annotations:  the json, or a pattern such as `instances_*.json` that finds one for each split (train, val, test in its
                  name)
    images:       folder of the pictures; empty: `train2017` for `instances_train2017.json`, else the name of the split, else
                  `images`, else beside the json
    val, test:    shares of the pictures that are drawn for these splits where there is one json
    seed:         seed of that draw

    The parts of an object are put together. Run lengths keep holes. A polygon that crosses itself is filled as in pycocotools
    (even-odd). Parts outside the picture are cut off. An annotation without area is left out.
    """
    folder = find_folder(path, root)
    found = sorted(folder.glob(annotations)) if "*" in annotations else [folder / annotations]
    files = {split: file for file in found if file.is_file() and (split := split_of(file.stem))}
    if not files and len([file for file in found if file.is_file()]) == 1:
        files = {"all": found[0]}
    if not files:
        there = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.json"))
        hint = (
            f"Name the json with `annotations`. The folder contains {listing(there, 5)}."
            if there
            else "The folder contains no json."
        )
        raise DataError(f"annotations={annotations} matches no json of a split.", where=str(folder), hint=hint)
    ordered = {split: files[split] for split in (*SPLITS, "all") if split in files}
    settings = {"path": str(folder), "images": images, "drawn": [val, test, seed]}
    drawing = Drawing({"val": val, "test": test} if list(ordered) == ["all"] else {}, seed)
    return Exported(folder.name, _export(folder, ordered, images), drawing, settings)


def _export(folder: Path, files: Mapping[str, Path], images: str) -> Export:
    """The content of the jsons of the splits. A json of `all` pictures gives no split."""
    read = {split: read_coco(file) for split, file in files.items()}
    tables = {split: categories(one, files[split]) for split, one in read.items()}
    first, names = next(iter(tables.items()))
    records: list[Record] = []
    for split, one in read.items():
        if tables[split] != names:
            what = f"has other categories than {files[first].name}."
            raise DataError(what, where=str(files[split]), hint="All splits need the same ids and names.")
        place = place_of(folder, files[split], split, images)
        pictures = checked(one, files[split], names)
        records += records_of(pictures, names, files[split], "" if split == "all" else split, place.joinpath)
    return Export(tuple(names.values()), tuple(records))
