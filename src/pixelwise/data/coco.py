"""Data sets in COCO's json: polygons with parts, run lengths with holes, crowds, boxes alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Lt

from pixelwise.data.annotated import Exported
from pixelwise.data.base import Dataset, find_folder
from pixelwise.data.formats.base import Export, Record
from pixelwise.data.formats.coco import categories, checked, place_of, read_coco, records_of, split_of
from pixelwise.data.pairing.lists import SPLITS
from pixelwise.errors import DataError, listing
from pixelwise.shelf import declares


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
    seed:         of that draw

    The parts of an object are put together. Run lengths keep holes. A polygon that crosses itself is filled as pycocotools
    does it (even-odd). What lies outside of the picture is cut off. An annotation without area is left out.
    """
    folder = find_folder(path, root)
    found = sorted(folder.glob(annotations)) if "*" in annotations else [folder / annotations]
    files = {split: file for file in found if file.is_file() and (split := split_of(file.stem))}
    if not files and len([file for file in found if file.is_file()]) == 1:
        files = {"all": found[0]}
    if not files:
        there = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.json"))
        hint = (
            f"Name the json by `annotations`; there is {listing(there, 5)}."
            if there
            else "There is no json in the folder."
        )
        raise DataError(f"no json of a split is found by {annotations}.", where=str(folder), hint=hint)
    ordered = {split: files[split] for split in (*SPLITS, "all") if split in files}
    settings = {"path": str(folder), "images": images, "drawn": [val, test, seed]}
    drawing = ({"val": val, "test": test} if list(ordered) == ["all"] else {}, seed, None)
    return Exported(folder.name, _export(folder, ordered, images), drawing, settings)


def _export(folder: Path, files: Mapping[str, Path], images: str) -> Export:
    """What the jsons of the splits say; one of `all` pictures says no split."""
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
