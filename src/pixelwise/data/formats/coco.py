"""COCO's json: polygons with parts, run lengths with holes, crowds, boxes alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from pixelwise.data.formats.base import OBJECTS, Export, Format, Record, Shape, Size
from pixelwise.data.formats.source import Source, has_words, read_json
from pixelwise.data.pairing.lists import SPELLINGS
from pixelwise.errors import DataError, Problem, listing

PARTS = ("images", "annotations", "categories")
IDS = ("id", "image_id", "category_id")  # which some programs write as text
Annotations = Mapping[Any, Sequence[dict[str, Any]]]  # id of a picture → its annotations
Pictures = tuple[dict[str, dict[str, Any]], Annotations]  # name → entry, and the annotations


def coco() -> Format:
    """COCO's json: one for all pictures, or one per split; also those of Roboflow and CVAT."""
    return Format(_recognises, _read)


def _recognises(source: Source) -> str | None:
    found = [file for file in source.some(".json") if has_words(file, *PARTS)]
    return f"{source.told(found[0])} has {', '.join(PARTS)}" if found else None


def _read(source: Source) -> Export:
    files: dict[str, Path] = {}
    for file in [file for file in source.of_kind(".json") if has_words(file, *PARTS)]:
        split = split_of(file.stem) or split_of(file.parent.name)
        first = files.setdefault(split, file)
        if first != file and file.stem.startswith("instances") != first.stem.startswith("instances"):
            files[split] = file if file.stem.startswith("instances") else first
        elif first != file:
            what = f"{source.told(first)} and {source.told(file)} are of one split ({split or 'none'})."
            raise DataError(what, where=str(source), hint="Name one of the two files.")
    read = {split: read_coco(file) for split, file in files.items()}
    names, used, left_out = dict[str, None](), False, Counter[str]()
    records: list[Record] = []
    for split, one in read.items():
        table = categories(one, files[split])
        pictures, unused = checked(one, files[split], table), _around_others(one)
        names |= dict.fromkeys(name for number, name in table.items() if number not in unused)
        first, near = next(iter(pictures[0].values()), {}).get("file_name", ""), files[split].parent
        near = near if (near / first).is_file() else place_of(source.root, files[split], split, "")
        records += records_of(pictures, table, files[split], split, partial(source.picture, near=near))
        used = used or any(drawn.get("segmentation") for some in pictures[1].values() for drawn in some)
        left_out["sets of key points"] += sum(bool(drawn.get("keypoints")) for drawn in one["annotations"])
    return Export(tuple(names), tuple(records), OBJECTS if used else frozenset({"objects"}), left_out=+left_out)


def split_of(stem: str) -> str:
    """The split that a file's name names, e.g. that of `instances_train2017`; empty if it names none."""
    words = "".join(letter if letter.isalpha() else " " for letter in stem.lower()).split()
    return next((SPELLINGS[word] for word in words if word in SPELLINGS), "")


def place_of(path: Path, file: Path, split: str, images: str) -> Path:
    """The folder of the pictures of a json."""
    if images:
        return path / images
    candidates = (path / file.stem.removeprefix("instances_"), path / split, path / "images")
    return next((place for place in candidates if place.is_dir() and place != path), file.parent)


def _around_others(read: Mapping[str, Any]) -> set[Any]:
    """Categories without annotations that others name as the one around them, as Roboflow writes them."""
    used = {one.get("category_id") for one in read["annotations"]}
    around = Counter(str(one.get("supercategory")) for one in read["categories"] if one.get("id") in used)
    return {one["id"] for one in read["categories"] if one["id"] not in used and str(one["name"]) in around}


def read_coco(file: Path) -> dict[str, Any]:
    """The json, its ids as numbers. Raises DataError if it is none of COCO's."""
    read = read_json(file)
    lacking = [part for part in PARTS if not isinstance(read, dict) or not isinstance(read.get(part), list)]
    if lacking or not all(isinstance(one, dict) for part in PARTS for one in read[part]):
        what = f"is not COCO's json: it needs lists of {', '.join(PARTS)}, and lacks {', '.join(lacking) or 'maps in them'}."
        raise DataError(what, where=str(file))
    for one in (one for part in PARTS for one in read[part]):
        one |= {key: int(id) for key in IDS if isinstance(id := one.get(key), str) and id.isdecimal() and len(id) < 20}
    return dict(read)


def categories(read: Mapping[str, Any], file: Path) -> dict[Any, str]:
    """Id → name, by id."""
    try:
        told = sorted((int(one["id"]), str(one["name"])) for one in read["categories"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"a category has no id or name ({error!r}).", where=str(file)) from error
    if twice := [name for name, count in Counter(name for _, name in told).items() if count > 1]:
        raise DataError(f"two categories have the name '{twice[0]}'.", where=str(file), hint="Give each its own name.")
    return dict(told)


def checked(read: Mapping[str, Any], file: Path, known: Mapping[Any, str]) -> Pictures:
    """Name → entry of each picture, and the annotations of each picture's id. Raises DataError with all that names nothing."""
    entries, doubled, incomplete = dict[str, dict[str, Any]](), [], []
    for one in read["images"]:
        told = PurePosixPath(str(one.get("file_name") or "").replace("\\", "/"))
        name = str(told.with_suffix("")) if told.name else ""
        sides = all(type(one.get(key)) is int and one[key] > 0 for key in ("height", "width"))
        if not name or not sides or not isinstance(one.get("id"), int | str):
            incomplete.append(str(one.get("id", one.get("file_name"))))
        elif name in entries or told.is_absolute() or ".." in told.parts:
            doubled.append(name)
        else:
            entries[name] = one
    ids = {one["id"] for one in entries.values()}
    by_picture: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    homeless, unnamed = [], []
    for one in read["annotations"]:
        if not isinstance(one.get("image_id"), int | str) or one["image_id"] not in ids:
            homeless.append(str(one.get("id")))
        elif not isinstance(one.get("category_id"), int | str) or one["category_id"] not in known:
            unnamed.append(str(one.get("id")))
        else:
            by_picture[one["image_id"]].append(one)
    faults = [
        (incomplete, "pictures lack an id, a file name, or a height and width above 0"),
        (doubled, "file names are there twice, or lie outside of the folder"),
        ([] if incomplete or doubled else homeless, "annotations have an image_id that no picture has"),
        (unnamed, "annotations have a category_id that no category has"),
    ]
    problems = [Problem(str(file), f"{len(some):,} {what}: {listing(some, 5)}.") for some, what in faults if some]
    if len(ids) < len(entries):
        problems.append(Problem(str(file), "two pictures have the same id."))
    if problems:
        raise DataError.all(problems)
    return entries, dict(by_picture)


def records_of(pictures: Pictures, names: Mapping[Any, str], file: Path, split: str, find: Any) -> list[Record]:
    """A record for each picture. find: the file of a picture that is named."""
    entries, annotations = pictures
    records = []
    for name, entry in entries.items():
        shapes = partial(_shapes, annotations.get(entry["id"], ()), names, file)
        size = (int(entry["height"]), int(entry["width"]))
        records.append(Record(name, find(str(entry["file_name"])), file, split, size, shapes))
    return records


def _shapes(annotations: Sequence[dict[str, Any]], names: Mapping[Any, str], file: Path, size: Size) -> list[Shape]:
    return [Shape(names[one["category_id"]], one, f"{file}: annotation {one.get('id')}") for one in annotations]
