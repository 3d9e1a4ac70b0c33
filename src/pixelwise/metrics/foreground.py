"""Intersection over union of the foreground of two-class masks: of each picture, and of all pixels together."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError, did_you_mean, listing
from pixelwise.metrics import agreement
from pixelwise.metrics.base import ClassRow, Metric, class_rows
from pixelwise.metrics.confusion import confusion_matrix
from pixelwise.shelf import declares
from pixelwise.types import BACKGROUND, ClassMap, DatasetInfo, Sample, Score

UNIT = 1 << 32  # a picture's IoU is kept as a whole number of 2⁻³² parts: sums then do not depend on their order
MATRIX = 4


class ForegroundIoU(Metric):
    """Counts of (truth, prediction) over two classes, and sums over pictures of each picture's own scores.

    state: (7,) int64: the (2, 2) confusion matrix row by row without void pixels; the pictures that have foreground in
    truth or prediction; the sum of their IoU in units of 2⁻³² (rounded once per picture); the sum of their thresholded IoU
    in tenths.
    """

    ranks_by = "the foreground IoU of that picture alone"

    def __init__(self, info: DatasetInfo, foreground: int) -> None:
        self.info, self.foreground = info, foreground
        self.convention = {"void": "none" if info.void is None else "ignore"}
        self.state = np.zeros(MATRIX + 3, np.int64)

    def update(self, sample: Sample, prediction: ClassMap) -> None:
        matrix = self._count(sample, prediction)
        self.state[:MATRIX] += matrix.reshape(-1)
        hits, union = self._hits_and_union(matrix)
        if union:
            self.state[MATRIX:] += (1, (2 * hits * UNIT + union) // (2 * union), thresholded(hits, union))

    def scores(self) -> list[Score]:
        pictures, summed, tenths = self.state[MATRIX:].tolist()
        pixels, split = int(self._matrix.sum()), {"over": "split", **self.convention}
        each = {"over": "pictures", **self.convention, "empty": "skipped"}
        return [
            Score("foreground_iou", agreement.ratio(summed, pictures * UNIT), each, pixels),
            Score("foreground_iou", agreement.ratio(*self._hits_and_union(self._matrix)), split, pixels),
            Score("thresholded_iou", agreement.ratio(tenths, 10 * pictures), each, pixels),
        ]

    def per_class(self) -> list[ClassRow]:
        iou, accuracy = agreement.class_iou(self._matrix), agreement.class_accuracy(self._matrix)
        return class_rows(self.info, self._matrix, iou=iou, accuracy=accuracy)

    def sample_score(self, sample: Sample, prediction: ClassMap) -> float | None:
        """Foreground IoU of one picture."""
        return agreement.ratio(*self._hits_and_union(self._count(sample, prediction)))

    def figures(self) -> dict[str, Any]:
        return {
            "kind": "confusion",
            "convention": self.convention,
            "classes": list(self.info.classes),
            "matrix": self._matrix.tolist(),
            "per_class": [asdict(row) for row in self.per_class()],
        }

    @property
    def _matrix(self) -> NDArray[np.int64]:
        return self.state[:MATRIX].reshape(2, 2)

    def _hits_and_union(self, matrix: NDArray[np.int64]) -> tuple[int, int]:
        hits = int(matrix[self.foreground, self.foreground])
        return hits, int(matrix[self.foreground].sum() + matrix[:, self.foreground].sum()) - hits

    def _count(self, sample: Sample, prediction: ClassMap) -> NDArray[np.int64]:
        if sample.mask is None:
            raise DataError("has no mask, so it cannot be scored", where=sample.name)
        return confusion_matrix(sample.mask, prediction.indices, 2, self.info.void, where=sample.name)[:-1]


@declares(counts=("class_map",))
def foreground_iou(info: DatasetInfo, *, foreground: str = "") -> ForegroundIoU:
    """Foreground IoU for masks of two classes: the mean over pictures, over the split, and a thresholded score.

    foreground:  name of the class that is scored; empty: the one that is not called background, else the second

    foreground_iou, over pictures:  the mean of the pictures' own IoU; a picture without foreground in truth and prediction
                                    has none and is left out
    foreground_iou, over the split: hits of all pictures by the union of all pictures
    thresholded_iou:                the mean over pictures of ⌈clamp(20 (IoU − ½), 0, 10)⌉ / 10, which the course CSC413 calls
                                    mIoU: 0 up to an IoU of .5, 1 above .95. It is not comparable with a mean IoU.

    Raises DataError for more or fewer than two classes, and for an unknown class.
    """
    if len(info.classes) != 2:
        what = f"foreground IoU is for masks of two classes; there are {len(info.classes)}: {listing(info.classes)}."
        raise DataError(what, where=info.name, hint="Use 'confusion'.")
    if foreground and foreground not in info.classes:
        what = f"unknown class '{foreground}'; choose from {listing(info.classes)}."
        raise DataError(what, where="foreground_iou.foreground", hint=did_you_mean(foreground, info.classes))
    chosen = foreground or next(name for name in info.classes[::-1] if name != BACKGROUND)
    return ForegroundIoU(info, info.classes.index(chosen))


def thresholded(hits: int, union: int) -> int:
    """⌈clamp(20 (hits / union − ½), 0, 10)⌉ in whole numbers."""
    return min(10, max(0, -((10 * union - 20 * hits) // union)))
