"""Exports of labelling tools, and folders that `pixelwise data import` wrote, as what `pixelwise start` finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pixelwise.data.annotated import of_export
from pixelwise.data.base import cache_folder
from pixelwise.data.formats.base import read_export, recognised
from pixelwise.data.formats.source import MOST_BYTES, Source
from pixelwise.data.importing.packed import unpacked
from pixelwise.data.splits import Drawing
from pixelwise.errors import DataError, listing
from pixelwise.start.recognise import Found

RECORDS = ("import.json", "repaired.json")


def recognise_export(
    path: Path, place: Path, objects: bool, format: str = "auto", root: Path | None = None
) -> Found | None:
    """What an export was recognised as; None if `place`, the folder `path` or a file in it, is none.

    objects:  whether objects are to be told apart
    root:     the data folder, in whose cache a zip is unpacked
    """
    if place.is_dir() and (found := _imported(path, objects)) is not None:
        return found
    files = unpacked(place, cache_folder(root)) if place.suffix.lower() == ".zip" else place
    source = Source(files)
    if format == "auto" and not recognised(source):
        return None
    name, reason, export = read_export(source, format)
    only_labels = export.knows == {"label"}
    if not only_labels and "mask" not in export.knows:
        what = "has only boxes for some objects, but `start` makes recipes for masks and labels."
        hint = "`pixelwise show dataset annotated` shows how your own recipe can read them."
        raise DataError(what, where=str(place), hint=hint)
    of = "labels" if only_labels else "objects"
    data = of_export(place, export, Drawing(), of)
    dataset: dict[str, Any] = {"name": "annotated", "path": str(place), "format": name}
    found = Found(path, "classes" if only_labels else "objects" if objects else "masks", dataset)
    found.dataset |= {"kind": "labels"} if only_labels else {}
    found.names = data.names("train") if data.splits() == ("train",) else ()
    found.pictures = export.records[0].picture.parent
    classes = [one for one in data.info.classes if one != "background"]
    what = "labels" if only_labels else "objects or masks"
    found.said.append(f"An export in the format {name} ({reason}): {len(export.records):,} pictures with {what}.")
    found.said.append(
        f"{'Its class is' if len(classes) == 1 else f'Its {len(classes)} classes are'} {listing(classes, 8)}."
    )
    if "label" in export.knows and not only_labels:
        found.said.append("It also has labels of pictures, which are not used.")
    if not only_labels and not objects and "objects" in export.knows:
        found.said.append("Objects are read as a class for every pixel; --instances tells them apart.")
    found.keys["data.dataset.format"] = "read it as another format"
    return found


def _imported(path: Path, objects: bool) -> Found | None:
    """The instance maps that an import or a repair wrote, whose record says how they are read."""
    file = next((path / name for name in RECORDS if (path / name).is_file()), path / RECORDS[0])
    try:
        told = json.loads(file.read_bytes()) if file.is_file() and file.stat().st_size < MOST_BYTES else {}
    except (OSError, ValueError, RecursionError):
        return None
    reader = told.get("dataset") if isinstance(told, dict) else None
    if not isinstance(reader, dict) or reader.get("kind") != "instances":
        return None
    if reader.get("divisor") and not (path / "classes.txt").is_file():
        return None
    dataset: dict[str, Any] = {"name": "folder", "path": str(path), "kind": "instances"}
    dataset |= {key: n for key in ("divisor", "void") if type(n := reader.get(key)) is int and 0 < n < 65536}
    found = Found(path, "objects" if objects else "masks", dataset)
    found.said.append(f"Instance maps, as {file.name} says: each object has its number.")
    if not objects:
        found.said.append("They are read as a class for every pixel; --instances tells objects apart.")
    return found
