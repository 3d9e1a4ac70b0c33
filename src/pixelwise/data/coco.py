"""Data sets in COCO's json: polygons with parts, run lengths with holes, crowds, boxes alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Lt
from numpy.typing import NDArray

from pixelwise.data.base import Dataset, with_home
from pixelwise.data.pairing.lists import SPELLINGS, SPLITS
from pixelwise.data.splits import draw_splits
from pixelwise.errors import DataError, Problem, listing
from pixelwise.imaging.annotations import object_of, oddities_of
from pixelwise.imaging.files import read_image
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.shelf import declares
from pixelwise.types import BACKGROUND, DatasetInfo, IndexMap, Object, Sample

MOST_BYTES = 1 << 30  # of a json; COCO's own for training has 450 MB


class Coco(Dataset):
    """Pictures and their annotations. Raises DataError with every annotation that names nothing."""

    def __init__(self, path: Path, files: Mapping[str, Path], images: str, drawn: tuple[float, float, int]) -> None:
        read = {split: _read(file) for split, file in files.items()}
        tables = {split: _categories(one, files[split]) for split, one in read.items()}
        first, names = next(iter(tables.items()))
        for split, other in tables.items():
            if other != names:
                what = f"has other categories than {files[first].name}."
                raise DataError(what, where=str(files[split]), hint="All splits need the same ids and names.")
        self.labels_of = {number: label for label, number in enumerate(names, start=1)}
        classes = (BACKGROUND, *names.values())
        self.info = DatasetInfo(
            name=path.name,
            classes=classes,
            colours=distinct_colours(len(classes)),
            knows=frozenset({"mask", "objects"}),
            void=255 if len(classes) <= 255 else 65535,
            source=f"the folder {path.name}",
        )
        self._settings: dict[str, object] = {"path": str(path), "images": images, "drawn": list(drawn)}
        self._entries: dict[str, dict[str, dict[str, Any]]] = {}
        self._annotations: dict[str, dict[Any, list[dict[str, Any]]]] = {}
        self._files: dict[str, Path] = {}
        for split, one in read.items():
            entries, self._annotations[split] = _checked(one, files[split], self.labels_of)
            self._entries[split], self._files[split] = entries, files[split]
        self._places = {split: _place(path, file, split, images) for split, file in files.items()}
        if list(files) == ["all"]:
            self._draw(*drawn)

    def splits(self) -> tuple[str, ...]:
        return tuple(self._entries)

    def names(self, split: str) -> tuple[str, ...]:
        return tuple(self._entries[split])

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        entry = self._entry(split, index)
        return self._places[split] / str(entry["file_name"]), self._files[split]

    def settings(self) -> dict[str, object]:
        return self._settings

    def oddities(self, split: str, index: int) -> tuple[str, ...]:
        entry = self._entry(split, index)
        found = self._annotations[split].get(entry["id"], ())
        return tuple(oddities_of(found, (int(entry["height"]), int(entry["width"]))))

    def read(self, split: str, index: int) -> Sample:
        entry, file = self._entry(split, index), self._files[split]
        image = read_image(self.sources(split, index)[0])
        size, told = image.shape[:2], (int(entry["height"]), int(entry["width"]))
        if size != told:
            what = f"picture {entry['file_name']} is {size[1]}×{size[0]}, the json says {told[1]}×{told[0]} (width × height)."
            raise DataError(what, where=str(file), hint="Were the pictures resized? Their annotations must be, too.")
        made = (
            object_of(one, self.labels_of[one["category_id"]], told, where=f"{file}: annotation {one.get('id')}")
            for one in self._annotations[split].get(entry["id"], ())
        )
        objects = [one for one in made if one is not None]
        return Sample(self.names(split)[index], image, self._mask(objects, told), objects)

    def _entry(self, split: str, index: int) -> dict[str, Any]:
        return self._entries[split][self.names(split)[index]]

    def _mask(self, objects: Sequence[Object], size: tuple[int, int]) -> IndexMap:
        """The class of each pixel, smaller objects on top; crowds, and boxes without a mask, are void under them."""
        void = self.info.void or 0
        mask = np.zeros(size, np.uint8 if void < 256 else np.uint16)
        for one in sorted(
            objects, key=lambda one: -one.mask.area if one.mask is not None and not one.crowd else -np.inf
        ):
            mask[_pixels(one, size)] = void if one.crowd or one.mask is None else one.label
        return mask

    def _draw(self, val: float, test: float, seed: int) -> None:
        """Divide the one json into splits."""
        shares = {split: share for split, share in (("val", val), ("test", test)) if share}
        (split,) = self._entries
        entries, annotations = self._entries[split], self._annotations[split]
        file, place = self._files[split], self._places[split]
        drawn = draw_splits(entries, shares, seed=seed)
        self._entries = {split: {name: entries[name] for name in names} for split, names in drawn.items()}
        self._annotations, self._files = dict.fromkeys(drawn, annotations), dict.fromkeys(drawn, file)
        self._places = dict.fromkeys(drawn, place)


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

    path:         the folder, absolute or under the data folder
    annotations:  the json, or a pattern such as `instances_*.json` that finds one for each split (train, val, test in its
                  name)
    images:       folder of the pictures; empty: `train2017` for `instances_train2017.json`, else the name of the split, else
                  `images`, else beside the json
    val, test:    shares of the pictures that are drawn for these splits where there is one json
    seed:         of that draw

    The parts of an object are put together. Run lengths keep holes. A polygon that crosses itself is filled as pycocotools
    does it (even-odd). What lies outside of the picture is cut off. An annotation without area is left out.
    """
    folder = root / with_home(Path(path))
    if not folder.is_dir():
        raise DataError(
            "there is no such folder.", where=str(folder), hint="A relative path is under the data folder (--data)."
        )
    found = sorted(folder.glob(annotations)) if "*" in annotations else [folder / annotations]
    files = {split: file for file in found if file.is_file() and (split := _split_of(file.stem))}
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
    return Coco(folder, ordered, images, (val, test, seed))


def _split_of(stem: str) -> str:
    """The split that a file's name names, e.g. that of `instances_train2017`; empty where it names none."""
    words = "".join(letter if letter.isalpha() else " " for letter in stem.lower()).split()
    return next((SPELLINGS[word] for word in words if word in SPELLINGS), "")


def _place(path: Path, file: Path, split: str, images: str) -> Path:
    """The folder of the pictures of a json."""
    if images:
        return path / images
    candidates = (path / file.stem.removeprefix("instances_"), path / split, path / "images")
    return next((place for place in candidates if place.is_dir()), file.parent)


def _pixels(one: Object, size: tuple[int, int]) -> NDArray[np.bool_]:
    if one.mask is not None:
        return one.mask.mask()
    x0, y0, x1, y1 = (round(side) for side in one.box)
    pixels = np.zeros(size, bool)
    pixels[y0:y1, x0:x1] = True
    return pixels


# -- the json ---------------------------------------------------------------------------------------------------------


def _read(file: Path) -> dict[str, Any]:
    """The json. Raises DataError where it is none of COCO's."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise DataError(f"has more than {MOST_BYTES >> 20:,} MiB.", where=str(file))
        read = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"is not json: {error}.", where=str(file)) from error
    parts = ("images", "annotations", "categories")
    lacking = [part for part in parts if not isinstance(read, dict) or not isinstance(read.get(part), list)]
    if lacking or not all(isinstance(one, dict) for part in parts for one in read[part]):
        what = f"is not COCO's json: it needs lists of {', '.join(parts)}, and lacks {', '.join(lacking) or 'maps in them'}."
        raise DataError(what, where=str(file))
    made: dict[str, Any] = read
    return made


def _categories(read: Mapping[str, Any], file: Path) -> dict[Any, str]:
    """Id → name, by id."""
    try:
        return {int(one["id"]): str(one["name"]) for one in sorted(read["categories"], key=lambda one: int(one["id"]))}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"a category has no id or name ({error!r}).", where=str(file)) from error


def _checked(
    read: Mapping[str, Any], file: Path, labels: Mapping[Any, int]
) -> tuple[dict[str, dict[str, Any]], dict[Any, list[dict[str, Any]]]]:
    """Name → entry of each picture, and the annotations of each picture's id. Raises DataError with all that names nothing."""
    entries, doubled, incomplete = {}, [], []
    for one in read["images"]:
        name = str(Path(str(one.get("file_name", ""))).with_suffix("")) if one.get("file_name") else ""
        if (
            not name
            or not all(isinstance(one.get(key), int) and one[key] > 0 for key in ("height", "width"))
            or "id" not in one
        ):
            incomplete.append(str(one.get("id", one.get("file_name"))))
        elif name in entries or Path(name).is_absolute() or ".." in Path(name).parts:
            doubled.append(name)
        else:
            entries[name] = one
    known = {one["id"] for one in entries.values()}
    by_picture: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    homeless, unnamed = [], []
    for one in read["annotations"]:
        if one.get("image_id") not in known:
            homeless.append(str(one.get("id")))
        elif one.get("category_id") not in labels:
            unnamed.append(str(one.get("id")))
        else:
            by_picture[one["image_id"]].append(one)
    faults = (
        (incomplete, "pictures lack an id, a file name, or a height and width above 0"),
        (doubled, "file names are there twice, or lie outside of the folder"),
        (homeless, "annotations have an image_id that no picture has"),
        (unnamed, "annotations have a category_id that no category has"),
    )
    problems = [Problem(str(file), f"{len(some):,} {what}: {listing(some, 5)}.") for some, what in faults if some]
    if len(known) < len(entries):
        problems.append(Problem(str(file), "two pictures have the same id."))
    if problems:
        raise DataError.all(problems)
    return entries, dict(by_picture)
