"""Detections matched with the truth, and average precision, both by pycocotools, whose results are the definition.

Pictures are matched one by one (`match`). What the matching found is kept as rows of whole numbers, from which
`average_precision` gives the scores of any set of pictures.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pixelwise.rle import RLE
from pixelwise.types import Object

Rows = NDArray[np.int64]
Form = Literal["segm", "bbox"]  # what overlaps: masks, or boxes
AREAS = ("all", "small", "medium", "large")  # limits 32² and 96² pixels, as COCO has them
MOST = 100  # detections of a class in a picture that are matched, best score first
LEVELS = 10  # IoU from .50 to .95 in steps of .05
TRUTH, DETECTION = 2, 3  # in the first column of a row
# of a row of TRUTH: bit a of column IGNORED is set where the object does not count in area range a
# of a row of DETECTION: bit (10 a + t) is set where it is matched at IoU level t in area range a, or does not count there
IGNORED = 3
SCORE = 3  # the bits of a float64
BITS: Mapping[Form, tuple[int, int]] = {"segm": (4, 5), "bbox": (6, 7)}  # columns of (matched, ignored)
MASKED = 8  # whether the truth or the detection has a mask
AT_ONCE = 200_000  # flags (level, detection) that are ranked at once, so that memory is bounded


def match(truth: Sequence[Object], found: Sequence[Object], size: tuple[int, int], columns: int) -> Rows:
    """Rows (M, columns) of one picture's objects: those of the truth, then detections of each class, best first.

    The second column is left 0, the third is the class.
    """
    rows = np.zeros((len(truth), columns), np.int64)
    rows[:, 0] = TRUTH
    for row, one in zip(rows, truth, strict=True):
        row[2], row[MASKED] = one.label, one.mask is not None
    detections = [_detections(label, found, columns) for label in dict.fromkeys(one.label for one in found)]
    for form, (matched, ignored) in BITS.items():
        found_ones = _prepared(found, form, size)
        evaluation = _evaluation(form, _prepared(truth, form, size), found_ones)
        labels = list(dict.fromkeys(one.label for one in (*truth, *found)))
        for label in labels:
            evaluation.ious[0, label] = evaluation.computeIoU(0, label)
        for a, limits in enumerate(evaluation.params.areaRng):
            for label in labels:
                result = evaluation.evaluateImg(0, label, limits, MOST)
                if result is None:
                    continue
                own = next((part for part in detections if len(part) and part[0, 2] == label), None)
                if own is not None:
                    own[:, matched] |= _packed(result["dtMatches"] > 0, a)
                    own[:, ignored] |= _packed(result["dtIgnore"], a)
                if form == "bbox":  # whether an object of the truth counts does not depend on the form
                    numbers = np.array(result["gtIds"], np.int64) - 1
                    rows[numbers, IGNORED] |= np.asarray(result["gtIgnore"], np.int64) << a
    return np.concatenate([rows, *detections])


def _packed(flags: NDArray[Any], area: int) -> Rows:
    """Flags (levels, detections) as bits of an area range."""
    return np.asarray(flags, np.int64).T @ (1 << (LEVELS * area + np.arange(LEVELS, dtype=np.int64)))


def _detections(label: int, found: Sequence[Object], columns: int) -> Rows:
    """Rows of the best detections of a class; of equal scores the earlier one comes first, as in pycocotools."""
    own = sorted((one for one in found if one.label == label), key=lambda one: -one.score)[:MOST]
    rows = np.zeros((len(own), columns), np.int64)
    rows[:, 0], rows[:, 2] = DETECTION, label
    rows[:, SCORE] = np.array([one.score for one in own], np.float64).view(np.int64)
    rows[:, MASKED] = [one.mask is not None for one in own]
    return rows


def _prepared(objects: Sequence[Object], form: Form, size: tuple[int, int]) -> list[dict[str, Any]]:
    """Objects as pycocotools has them after loading. An object without a mask has an empty one."""
    prepared = []
    for number, one in enumerate(objects, start=1):
        x0, y0, x1, y1 = one.box
        made: dict[str, Any] = {"id": number, "category_id": one.label, "score": one.score, "iscrowd": int(one.crowd)}
        made |= {"ignore": int(one.crowd), "bbox": [x0, y0, x1 - x0, y1 - y0]}
        made["area"] = (x1 - x0) * (y1 - y0) if one.mask is None else float(one.mask.area)
        if form == "segm":
            made["segmentation"] = (one.mask or RLE(size, np.array([size[0] * size[1]], np.uint32))).to_coco()
        prepared.append(made)
    return prepared


def _evaluation(form: Form, truth: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> Any:
    """pycocotools' evaluation of one picture, of number 0. Detections by boxes have the area of their boxes there."""
    from pycocotools.cocoeval import COCOeval

    evaluation = COCOeval(iouType=form)
    evaluation._gts, evaluation._dts = defaultdict(list), defaultdict(list)
    for one in truth:
        evaluation._gts[0, one["category_id"]].append(one)
    for one in found:
        area = one["bbox"][2] * one["bbox"][3] if form == "bbox" else one["area"]
        evaluation._dts[0, one["category_id"]].append({**one, "area": area})
    return evaluation


@dataclass(frozen=True)
class Averages:
    """What pycocotools gives for some area ranges and every class.

    precision:  (levels, 101 recalls, classes, areas), recall: (levels, classes, areas); −1 where a class has no object
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]

    def ap(self, level: float | None = None, *, label: int | None = None, area: int = 0) -> float | None:
        """Mean precision over classes, recalls and IoU levels, or at one level, or of one class; None if undefined."""
        levels = slice(None) if level is None else slice(*_place(level))
        labels = slice(None) if label is None else slice(label, label + 1)
        return _mean(self.precision[levels, :, labels, area])

    def ar(self, *, area: int = 0) -> float | None:
        """Mean over classes and IoU levels of the highest recall."""
        return _mean(self.recall[:, :, area])


def average_precision(rows: Rows, form: Form, classes: int, areas: Sequence[str] = AREAS[:1]) -> Averages:
    """The averages over all pictures of the rows. Equal scores of different pictures rank in the order of the second column."""
    count = max(1, int(np.count_nonzero(rows[:, 0] == DETECTION)))
    step = max(1, AT_ONCE // count)  # levels do not depend on each other
    parts = [
        _accumulated(rows, form, classes, areas, range(first, min(first + step, LEVELS)))
        for first in range(0, LEVELS, step)
    ]
    precision, recall = (np.concatenate(one) for one in zip(*parts, strict=True))
    return Averages(precision, recall)


def best_detections(rows: Rows, most: int) -> Rows:
    """The rows without all but so many detections of a class in a picture, as average recall with few detections has them."""
    starts = np.ones(len(rows), bool)
    starts[1:] = (rows[1:, :3] != rows[:-1, :3]).any(axis=1)
    places = np.arange(len(rows))
    rank = places - np.maximum.accumulate(np.where(starts, places, 0))
    best: Rows = rows[(rows[:, 0] != DETECTION) | (rank < most)]
    return best


def _accumulated(
    rows: Rows, form: Form, classes: int, areas: Sequence[str], levels: range
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(precision, recall) at some of the IoU levels."""
    from pycocotools.cocoeval import COCOeval

    evaluation = COCOeval(iouType=form)
    chosen = [AREAS.index(area) for area in areas]
    evaluation.evalImgs = [_one_picture(rows, form, label, a, levels) for label in range(classes) for a in chosen]
    parameters = evaluation.params
    parameters.catIds, parameters.imgIds, parameters.maxDets = list(range(classes)), [0], [max(1, len(rows))]
    parameters.areaRng = [parameters.areaRng[a] for a in chosen]
    parameters.iouThrs = parameters.iouThrs[levels.start : levels.stop]
    evaluation._paramsEval = parameters
    with redirect_stdout(io.StringIO()):
        evaluation.accumulate()
    return evaluation.eval["precision"][..., 0], evaluation.eval["recall"][..., 0]


def _one_picture(rows: Rows, form: Form, label: int, area: int, levels: range) -> dict[str, Any] | None:
    """All pictures' matches of one class in an area range, put together as those of one picture."""
    own = rows[:, 2] == label
    truth, found = (np.flatnonzero(own & (rows[:, 0] == kind)) for kind in (TRUTH, DETECTION))
    if not len(truth) and not len(found):
        return None
    found = found[np.argsort(rows[found, 1], kind="stable")]
    matched, ignored = BITS[form]
    return {
        "dtScores": rows[found, SCORE].view(np.float64),
        "dtMatches": _unpacked(rows[found, matched], area, levels),
        "dtIgnore": _unpacked(rows[found, ignored], area, levels),
        "gtIgnore": rows[truth, IGNORED] >> area & 1,
    }


def _unpacked(bits: Rows, area: int, levels: range) -> NDArray[np.bool_]:
    """(levels, detections)"""
    return np.asarray(bits[None, :] >> (LEVELS * area + np.array(levels))[:, None] & 1, bool)


def _place(level: float) -> tuple[int, int]:
    place = round((level - 0.5) / 0.05)
    return place, place + 1


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[values > -1]
    return float(known.mean()) if len(known) else None
