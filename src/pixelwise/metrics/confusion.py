"""The confusion matrix of a split, from which every score of a segmentation follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError, listing
from pixelwise.metrics import agreement
from pixelwise.metrics.base import ClassRow, ConstantGuess, Metric, class_rows
from pixelwise.shelf import declares
from pixelwise.types import BACKGROUND, IN_EITHER, IN_TRUTH, ClassMap, DatasetInfo, IndexMap, Sample, Score, Void

Codes = NDArray[np.uint16] | NDArray[np.uint32] | NDArray[np.uint64]
Counts = NDArray[np.int64]

CHUNK = 1 << 17  # pixels: 256 KiB of 16-bit codes and 1 MiB of what bincount makes of them fit a level-2 cache
RUNS_PAY = 4  # pixels a run from which counting runs is faster (benchmarks/confusion.json: `crossover`)

# A class without a pixel in the truth has an IoU of 0 as soon as one pixel is predicted as it: each mean names its classes.
SCORES: tuple[tuple[str, Callable[[agreement.Matrix], float | None], dict[str, str]], ...] = (
    ("mean_iou", agreement.mean_iou, IN_EITHER),
    ("mean_iou", agreement.mean_iou_in_truth, IN_TRUTH),
    ("pixel_accuracy", agreement.pixel_accuracy, {}),
    ("mean_class_accuracy", agreement.mean_class_accuracy, IN_TRUTH),
    ("mean_dice", agreement.mean_dice, IN_EITHER),
    ("mean_dice", agreement.mean_dice_in_truth, IN_TRUTH),
    ("frequency_weighted_iou", agreement.frequency_weighted_iou, {}),
)


class Confusion(Metric):
    """Counts of (truth, prediction) over all pixels of a split.

    state: (C + 1, C) int64, state[t, p] = pixels of class t predicted as p; the last row holds the void pixels, so that
    both conventions can be read off one count: void left out (`ignore`), or taken for the class "background".
    """

    ranks_by = "the mean IoU of that picture alone, over the classes in its truth or prediction"

    def __init__(self, info: DatasetInfo, void: Void) -> None:
        self.info = info
        self.void: Void = void
        if void == "background":
            _ = info.background  # there must be one
        self.state = np.zeros((len(info.classes) + 1, len(info.classes)), np.int64)

    def update(self, sample: Sample, prediction: ClassMap) -> None:
        self.state += self._count(sample, prediction)

    def scores(self) -> list[Score]:
        return [score for void in self._conventions() for score in _scores(self._matrix(self.state, void), void)]

    def per_class(self) -> list[ClassRow]:
        matrix = self._matrix(self.state, self._conventions()[0])
        accuracy, dice = agreement.class_accuracy(matrix), agreement.class_dice(matrix)
        return class_rows(self.info, matrix, iou=agreement.class_iou(matrix), accuracy=accuracy, dice=dice)

    def constant_guess(self) -> ConstantGuess | None:
        constant = agreement.most_frequent(self._matrix(self.state, self._conventions()[0]))
        if constant is None:
            return None
        scores = {
            score.key: score.value
            for void in self._conventions()
            for score in _scores(agreement.guessed(self._matrix(self.state, void), constant), void)
        }
        return ConstantGuess(self.info.classes[constant], scores)

    def sample_score(self, sample: Sample, prediction: ClassMap) -> float | None:
        """Mean IoU of one picture, over the classes in its truth or prediction as the first score.

        Good for ranking only: its mean over pictures is not the mean IoU of the split.
        """
        return agreement.mean_iou(self._matrix(self._count(sample, prediction), self._conventions()[0]))

    def figures(self) -> dict[str, Any]:
        """The matrix in the recipe's convention, the void row beside it, and the rows of the classes."""
        void = self._conventions()[0]
        return {
            "kind": "confusion",
            "convention": {"void": void},
            "classes": list(self.info.classes),
            "matrix": self._matrix(self.state, void).tolist(),
            "void_row": self.state[-1].tolist(),
            "per_class": [asdict(row) for row in self.per_class()],
        }

    def _conventions(self) -> list[str]:
        """The recipe's convention, then the other one where the data set allows it."""
        if self.info.void is None:
            return ["none"]
        either = BACKGROUND in self.info.classes and not self.info.padded
        known = ["ignore", "background"] if either else ["ignore"]
        return [self.void, *(void for void in known if void != self.void)]

    def _matrix(self, state: NDArray[np.int64], void: str) -> agreement.Matrix:
        """(C, C): the counts of the classes, the void row added to the background's or left out."""
        matrix = state[:-1].copy()
        if void == "background":
            matrix[self.info.background] += state[-1]
        return matrix

    def _count(self, sample: Sample, prediction: ClassMap) -> NDArray[np.int64]:
        if sample.mask is None:
            raise DataError("has no mask, so it cannot be scored", where=sample.name)
        return confusion_matrix(
            sample.mask, prediction.indices, len(self.info.classes), self.info.void, where=sample.name
        )


@declares(counts=("class_map",))
def confusion(info: DatasetInfo, *, void: Void = "ignore") -> Confusion:
    """One exact confusion matrix over the split: mean IoU, pixel accuracy, mean class accuracy, Dice, weighted IoU.

    void:  how void pixels are treated in the scores that come first: left out (`ignore`, which nearly everyone reports),
           or counted as if their class were background (`background`). Scores of the other convention follow under their
           own keys. In a data set without void, the convention of the scores is `void=none`. With `data.fit: letterbox`
           pixels around pictures are void too, and are always left out.

    Mean IoU and mean Dice are given twice: first over the classes that occur in truth or prediction, then over those in the
    truth. They differ where a class is predicted that the truth does not have. Mean class accuracy is over those in the truth.
    """
    return Confusion(info, void)


def confusion_matrix(
    truth: IndexMap, prediction: IndexMap, classes: int, void: int | None = None, where: str = ""
) -> NDArray[np.int64]:
    """(C + 1, C) int64: pixels of each class (rows; the last row is void) by predicted class (columns).

    truth, prediction:  (H, W) uint8 or uint16 of equal size
    Raises DataError for sizes that differ and for values outside the classes, with the value and what is allowed.
    """
    if truth.shape != prediction.shape:
        (height, width), (other_height, other_width) = truth.shape, prediction.shape
        what = f"the mask is {width}×{height}, the prediction {other_width}×{other_height} (width × height)"
        raise DataError(what, where=where, hint="Enlarge the prediction to the mask's size before counting.")
    if prediction.size and (largest := int(prediction.max())) >= classes:
        raise DataError(f"class {largest} was predicted, but the classes are 0..{classes - 1}", where=where)
    if truth.dtype == np.uint8:  # every value has its own row: what does not belong shows afterwards, at no cost
        counts = count_pairs(truth, prediction, 256, classes)
        check_values(counts.sum(axis=1), classes, void, where)
    else:
        check_values(np.bincount(truth.reshape(-1)), classes, void, where)
        if void is not None:  # next to the last class, so that the table stays small
            truth, void = np.where(truth == void, np.uint16(classes), truth), classes
        counts = count_pairs(truth, prediction, classes + 1, classes)
    matrix = np.zeros((classes + 1, classes), np.int64)
    rows = min(classes, len(counts))
    matrix[:rows] = counts[:rows]
    if void is not None and void < len(counts):
        matrix[-1] = counts[void]
    return matrix


def check_values(occurrences: NDArray[np.int64], classes: int, void: int | None, where: str) -> None:
    """Raise DataError for mask values outside the classes. occurrences (V,): the pixels of the mask with each value."""
    strange = [value for value in np.flatnonzero(occurrences).tolist() if value >= classes and value != void]
    if strange:
        allowed = f"0..{classes - 1}" + ("" if void is None else f" and {void} (void)")
        what = f"mask values {listing(map(str, strange))} are outside the classes; allowed: {allowed}."
        raise DataError(what, where=where, hint="`pixelwise data check` lists every such file.")


def _scores(matrix: agreement.Matrix, void: str) -> list[Score]:
    pixels = int(matrix.sum())
    return [Score(name, function(matrix), {"void": void, **classes}, pixels) for name, function, classes in SCORES]


def count_pairs(truth: NDArray[Any], prediction: NDArray[Any], rows: int, columns: int) -> Counts:
    """(rows, columns) int64: how often each (truth, prediction) occurs, in chunks that stay in the processor's cache.

    Two ways give the same whole numbers, and each chunk takes the shorter one: `count_pixels` with one histogram entry a
    pixel, `count_runs` with one per run of equal pixels, weighted by its length. Label maps are made of regions, so there
    are far fewer runs than pixels, and the loop over the histogram, which cannot be vectorised, gets short.

    truth, prediction:  unsigned whole numbers of equal shape, truth in 0..rows−1, prediction in 0..columns−1; larger
                        ones would be counted in the wrong place, so callers check
    """
    truth, prediction = truth.reshape(-1), prediction.reshape(-1)
    cells = rows * columns
    kind: Any = np.uint16 if cells <= 1 << 16 else np.uint32 if cells <= 1 << 32 else np.uint64
    chunk = max(CHUNK, 4 * cells)  # a table larger than a chunk would cost more to add than the chunk to count
    total = np.zeros(cells, np.int64)
    for start in range(0, truth.size, chunk):
        codes: Codes = np.multiply(truth[start : start + chunk], kind(columns), dtype=kind)
        np.add(codes, prediction[start : start + chunk], out=codes, casting="unsafe")
        ends = codes[1:] != codes[:-1]  # a run ends where the next pixel differs
        if np.count_nonzero(ends) * RUNS_PAY < codes.size:
            count_runs(codes, ends, total)
        else:
            count_pixels(codes, total)
    return total.reshape(rows, columns)


def count_pixels(codes: Codes, total: Counts) -> None:
    """Add the histogram of `codes` to `total`."""
    total += np.bincount(codes, minlength=len(total))


def count_runs(codes: Codes, ends: NDArray[np.bool_], total: Counts) -> None:
    """Add the same histogram, made of runs. ends: (n − 1,) whether each code differs from the next one."""
    last = np.append(np.flatnonzero(ends), codes.size - 1)
    lengths = np.diff(last, prepend=-1)
    # bincount adds weights in float64, which is exact for whole numbers up to 2⁵³
    total += np.bincount(codes[last], weights=lengths, minlength=len(total)).astype(np.int64)
