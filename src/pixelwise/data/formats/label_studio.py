"""Label Studio's json: polygons, brushes, rectangles and ellipses in per cent of the picture; choices are its labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pixelwise.data.formats.base import Export, Format, Record, Shape, Size, knowing
from pixelwise.data.formats.brush import brush_runs
from pixelwise.data.formats.outlines import ellipse, polygons, turned_box
from pixelwise.data.formats.source import Source, has_words, number, read_json
from pixelwise.errors import DataError, shown
from pixelwise.imaging.files import SUFFIXES

KINDS = {"polygonlabels": "polygon", "brushlabels": "brush", "rectanglelabels": "rectangle", "ellipselabels": "ellipse"}
READ = (*KINDS, "choices")
UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # before the name of a picture that was uploaded
Result = Mapping[str, Any]


def label_studio() -> Format:
    """Label Studio's json: polygons, brushes, rectangles, ellipses; choices are labels of the picture."""
    return Format(_recognises, _read)


def _recognises(source: Source) -> str | None:
    found = next((file for file in source.some(".json") if _is_tasks(file)), None)
    return f"{source.told(found)} is a list of tasks with results" if found else None


def _is_tasks(file: Path) -> bool:
    with open(file, "rb") as opened:
        is_list = opened.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    return is_list and has_words(file, "data", "annotations", "result")


def _read(source: Source) -> Export:
    records: list[Record] = []
    used, left_out, kinds = Counter[str](), Counter[str](), set[str]()
    for file in [file for file in source.of_kind(".json") if _is_tasks(file)]:
        tasks = read_json(file)
        for task in tasks:
            where = f"{file}: task {shown(task.get('id') if isinstance(task, dict) else None)}"
            results = _results(task, where, left_out)
            if results is None:
                continue
            labels = tuple(dict.fromkeys(label for one in results for label in _choices(one)))
            drawn = tuple(one for one in results if one["type"] in KINDS)
            used.update([*labels, *(_label(one, where) for one in drawn)])
            left_out["further labels of an object"] += sum(len(one["value"][one["type"]]) - 1 for one in drawn)
            left_out.update(f"results of the kind {shown(one['type'])}" for one in results if one["type"] not in READ)
            kinds |= {one["type"] for one in drawn} | ({"choices"} if labels else set())
            picture = _picture(task, source, file, where)
            name = UPLOADED.sub("", source.name_of(picture).rpartition("/")[2])
            shapes = partial(_shapes, drawn, where)
            records.append(Record(name, picture, file, "", _size(drawn, where), shapes, None, labels))
    drawn_kinds = kinds - {"rectanglelabels", "choices"}
    knows = knowing(drawn=bool(drawn_kinds), boxes="rectanglelabels" in kinds, labels="choices" in kinds)
    return Export(tuple(sorted(used)), tuple(records), knows, left_out=+left_out)


def _results(task: Any, where: str, left_out: Counter[str]) -> list[Result] | None:
    """The results of the annotation that counts: the ground truth, else the first one that was not cancelled; or None."""
    made = task.get("annotations") if isinstance(task, dict) else None
    if not isinstance(made, list) or not all(isinstance(one, dict) for one in made):
        hint = "Export it as JSON, not as JSON-MIN."
        raise DataError("a task has data and a list of annotations.", where=where, hint=hint)
    kept = sorted((one for one in made if not one.get("was_cancelled")), key=lambda one: not one.get("ground_truth"))
    left_out["further annotations of a task"] += max(0, len(kept) - 1)
    if not kept:
        left_out["tasks without an annotation"] += 1
        return None
    results = [
        one for one in kept[0].get("result") or [] if not (isinstance(one, dict) and one.get("type") == "relation")
    ]
    left_out["relations between results"] += len(kept[0].get("result") or []) - len(results)
    if not all(isinstance(one, dict) and isinstance(one.get("value"), dict) for one in results):
        raise DataError("a result has a type and a value.", where=where)
    return [{**one, "type": str(one.get("type")), "where": where} for one in results]


def _picture(task: Result, source: Source, file: Path, where: str) -> Path:
    """The picture of a task: it is named by a path, an address, or the name under which it was uploaded."""
    data = task.get("data")
    words = [str(one) for one in data.values() if isinstance(one, str)] if isinstance(data, dict) else []
    for word in [*words, str(task.get("file_upload") or "")]:
        parts = urlsplit(word)
        path = unquote(parse_qs(parts.query).get("d", [parts.path])[0]).lstrip("/")
        if PurePosixPath(path).suffix.lower() not in SUFFIXES:
            continue
        last = PurePosixPath(path).name
        tries = [source.picture(one, file.parent) for one in (path, last, UPLOADED.sub("", last))]
        return next((one for one in tries if one.is_file()), file.parent / last)
    hint = f"Its data must name a file that ends in {', '.join(SUFFIXES[:3])} or another picture format."
    raise DataError("names no picture.", where=where, hint=hint)


def _label(one: Result, where: str) -> str:
    labels = one["value"].get(one["type"])
    if not isinstance(labels, list) or not labels:
        raise DataError(f"a result of the kind {one['type']} has no label.", where=where)
    return str(labels[0])


def _choices(one: Result) -> list[str]:
    told = one["value"].get("choices") if one["type"] == "choices" else None
    return [str(choice) for choice in told] if isinstance(told, list) else []


def _size(drawn: Sequence[Result], where: str) -> Size | None:
    for one in drawn:
        height, width = one.get("original_height"), one.get("original_width")
        if type(height) is not int or type(width) is not int or not (0 < height < 1 << 20 and 0 < width < 1 << 20):
            what = f"read {shown([height, width])} for original_height and original_width; they must be whole numbers above 0."
            raise DataError(what, where=where)
        if one.get("image_rotation"):
            raise DataError(
                "the picture was turned while it was labelled.", where=where, hint="Turn the file, and label it again."
            )
        return height, width
    return None


def _shapes(drawn: Sequence[Result], where: str, size: Size) -> list[Shape]:
    return [Shape(_label(one, where), _drawn(one, size, where), f"{where}, result {one.get('id')}") for one in drawn]


def _drawn(one: Result, size: Size, where: str) -> dict[str, Any]:
    value, (height, width) = one["value"], size
    if one["type"] == "brushlabels":
        return {"segmentation": {"size": [*size], "counts": brush_runs(value.get("rle"), size, where)}}
    if one["type"] == "polygonlabels":
        points = value.get("points")
        if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
            raise DataError("a polygon has a list of points x, y.", where=where)
        return polygons([[(number(x, where) * width / 100, number(y, where) * height / 100) for x, y in points]])
    turn = number(value.get("rotation", 0), where, "rotation")
    x, y = number(value.get("x"), where) * width / 100, number(value.get("y"), where) * height / 100
    if one["type"] == "ellipselabels":
        across, down = (number(value.get(side), where, side) for side in ("radiusX", "radiusY"))
        return ellipse(x, y, across * width / 100, down * height / 100, turn)
    across, down = (number(value.get(side), where, side) for side in ("width", "height"))
    return turned_box(x, y, across * width / 100, down * height / 100, turn, (x, y))
