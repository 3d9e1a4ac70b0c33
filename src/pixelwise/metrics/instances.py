"""Scores of objects: average precision of masks and boxes, panoptic quality, and the kinds of mistakes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError
from pixelwise.imaging.instances.overlaps import (
    CONFUSED,
    FOUND,
    INVENTED,
    MERGED,
    MISSED,
    SIZES,
    SPLIT,
    UNIT,
    VOID,
    overlaps,
    size_of,
)
from pixelwise.metrics.base import ClassRow, RowMetric
from pixelwise.metrics.objects import matching
from pixelwise.metrics.objects.matching import AREAS, DETECTION, IGNORED, MASKED, MOST, TRUTH, Averages, Form, Rows
from pixelwise.shelf import declares
from pixelwise.types import DatasetInfo, Instances, Object, Sample, Score

PICTURE, SEGMENT = 1, 4  # in the first column of a row, besides TRUTH and DETECTION
# Columns, none of them negative: 0 what the row is, 1 the picture (63 bits of its name's SHA-256), 2 the class, or of a
# PICTURE its number of objects
COUNT = 3  # of a PICTURE: the objects that were found in it
STATE, IOU, TOUCHING, SIZE = 4, 5, 6, 7  # of a row of TRUTH; STATE is UNKNOWN for a crowd, and where masks are missing
# of a SEGMENT: equal predictions of a picture that were laid over the truth, and how many they are (0 of older runs is 1)
SEGMENT_STATE, SEGMENT_SIZE, RIGHT, MANY = 3, 4, 5, 6
COLUMNS = 9
FORMS: Mapping[str, Form] = {"mask": "segm", "box": "bbox"}
MISTAKES = {"found": FOUND, "confused": CONFUSED, "merged": MERGED, "split": SPLIT, "missed": MISSED}
UNKNOWN = len(MISTAKES)
EVERY = {"iou": ".50:.95"}
FEWER = (1, 10)  # detections with which average recall is given as well, as pycocotools has it
EITHER = {"classes": "truth_or_prediction"}


class InstanceScores(RowMetric):
    """Objects of the truth matched with predicted ones, picture by picture.

    state: (M, COLUMNS) int64, for each picture one row of itself, one of each object of the truth, one of each detection
    (best first within a class, at most 100 of a class) and one of each kind of prediction that was laid over the truth,
    with their number. Masks are not kept, so memory grows by 72 bytes an object.
    """

    columns = COLUMNS
    ranks_by = "the panoptic quality of that picture alone"

    def __init__(self, info: DatasetInfo) -> None:
        super().__init__()
        self.info = info

    def rows_of(self, sample: Sample, prediction: Instances) -> Rows:
        truth, found = self._checked(sample, prediction), [*prediction.found]
        rows = matching.match(truth, prediction.objects, sample.size, COLUMNS)
        kept = [one for one in truth if not one.crowd]
        pictures = np.zeros((1, COLUMNS), np.int64)
        pictures[0, [0, 2, COUNT]] = PICTURE, len(kept), len(found)
        rows[rows[:, 0] == TRUTH, STATE] = UNKNOWN
        segments = np.zeros((0, COLUMNS), np.int64)
        if all(one.mask is not None for one in (*truth, *found)):
            seen = overlaps(kept, found, sample.size, self._void(sample, truth))
            own = np.flatnonzero(rows[:, 0] == TRUTH)[[not one.crowd for one in truth]]
            columns = (seen.truth, seen.iou, seen.touching, size_of(kept))
            rows[own[:, None], [STATE, IOU, TOUCHING, SIZE]] = np.stack(columns, axis=1)
            segments = _segments([one.label for one in found], seen.found, size_of(found), seen.right)
        made = np.concatenate([pictures, rows, segments])
        made[:, 1] = int.from_bytes(hashlib.sha256(sample.name.encode("utf-8", "surrogatepass")).digest()[:8]) >> 1
        return made

    def scores(self) -> list[Score]:
        return [*self._average_scores(), *self._panoptic_scores(), *self._mistake_scores()]

    def per_class(self) -> list[ClassRow]:
        rows = self.state
        averages = {name: self._averages(rows, name) for name in FORMS}
        quality, counts = self._qualities(rows), np.bincount(self._truth(rows)[:, 2], minlength=len(self.info.classes))
        made = []
        for index, name in enumerate(self.info.classes):
            values = {f"{form}_ap": one.ap(label=index) for form, one in averages.items()}
            values["panoptic_quality"] = float(quality[index, 0]) if np.isfinite(quality[index, 0]) else None
            made.append(ClassRow(index, name, int(counts[index]), values))
        return made

    def sample_score(self, sample: Sample, prediction: Instances) -> float | None:
        """Panoptic quality of one picture, all its classes together; None if truth and prediction are empty."""
        rows = self.rows_of(sample, prediction)
        truth = self._truth(rows)
        total = len(truth) + sum(int(many.sum()) for _, many in _right_and_wrong(rows))
        return float(2 * truth[:, IOU].sum() / UNIT / total) if total else None

    def figures(self) -> dict[str, Any]:
        """Mistakes by the size of the object, and for touching objects; averages by size."""
        rows = self.state
        return {
            "kind": "instances",
            "mistakes": [*self._mistakes(rows)],
            "sizes": [*self._by_size(rows)],
            "per_class": [asdict(row) for row in self.per_class()],
        }

    # -- parts

    def _checked(self, sample: Sample, prediction: Instances) -> Sequence[Object]:
        if sample.objects is None:
            hint = "Use a data set with objects, e.g. folder with kind: instances, or kind: components."
            raise DataError("has no objects, so it cannot be scored", where=sample.name, hint=hint)
        if prediction.size != sample.size:
            (height, width), (own_height, own_width) = sample.size, prediction.size
            what = f"the prediction is {own_width}×{own_height}, its picture {width}×{height} (width × height)"
            raise DataError(what, where=sample.name)
        classes = len(self.info.classes)
        for one in (*sample.objects, *prediction.objects):
            if one.label >= classes:
                raise DataError(
                    f"has an object of class {one.label}; classes must be 0 to {classes - 1}", where=sample.name
                )
        if prediction.objects and prediction.objects[-1].score < 0:
            what = f"has a predicted object with the score {prediction.objects[-1].score}; a score must be at least 0"
            raise DataError(what, where=sample.name)
        return [*sample.objects]

    def _void(self, sample: Sample, truth: Sequence[Object]) -> NDArray[np.bool_] | None:
        """(H, W), pixels of crowds and of void; None if the picture has no crowd and the data set no void."""
        planes = [one.mask.mask() for one in truth if one.crowd and one.mask is not None]
        if sample.mask is not None and self.info.void is not None:
            planes.append(sample.mask == self.info.void)
        return np.logical_or.reduce(planes) if planes else None

    def _truth(self, rows: Rows) -> Rows:
        """The objects of the truth that are not crowds."""
        own: Rows = rows[(rows[:, 0] == TRUTH) & (rows[:, IGNORED] & 1 == 0)]
        return own

    def _averages(self, rows: Rows, name: str, areas: Sequence[str] = AREAS[:1]) -> Averages:
        """Those of masks are undefined where truth or predictions have none."""
        if name == "mask":
            for kind in (TRUTH, DETECTION):
                own = rows[rows[:, 0] == kind, MASKED]
                if len(own) and not own.any():
                    rows = rows[:0]
        return matching.average_precision(rows, FORMS[name], len(self.info.classes), areas)

    def _average_scores(self) -> Iterator[Score]:
        rows = self.state
        support = len(self._truth(rows))
        for name in FORMS:
            one = self._averages(rows, name)
            yield Score(f"{name}_ap", one.ap(), EVERY, support)
            yield Score(f"{name}_ap50", one.ap(0.5), {}, support)
            yield Score(f"{name}_ap75", one.ap(0.75), {}, support)
            for most in (MOST, *FEWER):
                some = one if most == MOST else self._averages(matching.best_detections(rows, most), name)
                yield Score(f"{name}_ar", some.ar(), {**EVERY, "detections": str(most)}, support)

    def _qualities(self, rows: Rows) -> NDArray[np.float64]:
        """(C, 3), panoptic, segmentation and recognition quality of each class; NaN for classes that do not occur."""
        truth = self._truth(rows)
        truth = truth[truth[:, STATE] != UNKNOWN]
        classes = len(self.info.classes)
        sums, hits, misses = np.zeros((3, classes), np.int64)
        for counts, (labels, many) in zip((hits, misses), _right_and_wrong(rows), strict=True):
            np.add.at(counts, labels, many)
        total = np.bincount(truth[:, 2], minlength=classes) + hits + misses
        np.add.at(sums, truth[:, 2], truth[:, IOU])
        iou = sums / UNIT
        with np.errstate(invalid="ignore"):
            quality = np.stack([2 * iou / total, iou / np.maximum(hits, 1), 2 * hits / total], axis=1)
        quality[total == 0] = np.nan
        return quality

    def _panoptic_scores(self) -> Iterator[Score]:
        rows = self.state
        quality, support = self._qualities(rows), len(self._truth(rows))
        occurs = np.isfinite(quality[:, 0])
        for column, name in enumerate(("panoptic_quality", "segmentation_quality", "recognition_quality")):
            yield Score(name, float(quality[occurs, column].mean()) if occurs.any() else None, EITHER, support)
        pictures = rows[rows[:, 0] == PICTURE]
        error = float(np.abs(pictures[:, 2] - pictures[:, COUNT]).mean()) if len(pictures) else None
        yield Score("count_error", error, {}, len(pictures), higher_is_better=False)

    def _mistake_scores(self) -> Iterator[Score]:
        """Each kind of mistake by the number of objects in the truth, for all of them and for those that touch others."""
        rows = self.state
        told = {row["objects"]: row for row in self._mistakes(rows)}
        for which, names in (("all", ("merged", "split", "missed", "invented")), ("touching", ("merged", "missed"))):
            counts = told[which]
            total = counts["truth"]
            for name in names:
                value = counts[name] / total if total else None
                yield Score(f"{name}_objects", value, {"objects": which}, total, higher_is_better=False)

    def _mistakes(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """The mistakes for all objects, for small, medium and large ones, and for touching ones."""
        truth, segments = self._truth(rows), rows[rows[:, 0] == SEGMENT]
        truth = truth[truth[:, STATE] != UNKNOWN]
        invented = np.zeros(len(SIZES), np.int64)
        own = segments[segments[:, SEGMENT_STATE] == INVENTED]
        np.add.at(invented, own[:, SEGMENT_SIZE], _many(own))
        groups: list[tuple[str, Any, int | None]] = [("all", slice(None), int(invented.sum()))]
        for size, name in enumerate(SIZES):
            groups.append((name, truth[:, SIZE] == size, int(invented[size])))
        groups.append(("touching", truth[:, TOUCHING] == 1, None))
        for name, chosen, extra in groups:
            states = truth[chosen, STATE]
            counts = {mistake: int((states == state).sum()) for mistake, state in MISTAKES.items()}
            yield {"objects": name, "truth": len(states), **counts, "invented": extra}

    def _by_size(self, rows: Rows) -> Iterator[dict[str, Any]]:
        averages = {name: self._averages(rows, name, AREAS) for name in FORMS}
        for place, area in enumerate(AREAS):
            yield {"objects": area} | {f"{name}_ap": one.ap(area=place) for name, one in averages.items()}


@declares(counts=("instances",))
def instances(info: DatasetInfo) -> InstanceScores:
    """Objects: average precision of masks and boxes by pycocotools, panoptic quality, and the kinds of mistakes.

    mask_ap, box_ap:   mean over classes and IoU .50:.95 of the average precision; all detections count, ranked by score
    mask_ar, box_ar:   average recall with at most 100 detections of a class in a picture; also with 1 and with 10
    panoptic_quality:  Σ IoU of matches / (matches + ½ others), with its factors segmentation and recognition quality;
                       counted over the objects that the task takes as found
    count_error:       mean absolute difference between the numbers of predicted and true objects
    merged, split, missed, invented objects:  by the number of objects; docs/scores.md defines them
    """
    return InstanceScores(info)


def _segments(labels: Sequence[int], states: Rows, sizes: Rows, right: NDArray[np.bool_]) -> Rows:
    """Rows of predictions that were laid over the truth: one of each kind, with their number."""
    columns = np.stack([np.array(labels, np.int64), states, sizes, right], axis=1)
    kinds, many = np.unique(columns, axis=0, return_counts=True)
    rows = np.zeros((len(kinds), COLUMNS), np.int64)
    rows[:, 0], rows[:, MANY] = SEGMENT, many
    rows[:, [2, SEGMENT_STATE, SEGMENT_SIZE, RIGHT]] = kinds
    return rows


def _many(segments: Rows) -> Rows:
    """How many predictions each row counts."""
    return np.maximum(segments[:, MANY], 1)


def _right_and_wrong(rows: Rows) -> tuple[tuple[Rows, Rows], tuple[Rows, Rows]]:
    """(classes, numbers) of predictions that match an object of their class, and of wrong ones; the rest lies in void."""
    segments = rows[rows[:, 0] == SEGMENT]
    right = segments[:, RIGHT] == 1
    chosen = (segments[one] for one in (right, ~right & (segments[:, SEGMENT_STATE] != VOID)))
    hits, misses = ((own[:, 2], _many(own)) for own in chosen)
    return hits, misses
