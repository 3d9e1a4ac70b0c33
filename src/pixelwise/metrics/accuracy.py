"""How often whole pictures are labelled correctly, by class and by the number of training pictures of the class.

Also calibration: whether a confidence of .8 is correct in 80 of 100 cases. Confidence is counted in whole units of 2⁻³², so
sums are exact in any order. Intervals are those of Guo, Pleiss, Sun & Weinberger 2017: `BINS` of equal width over 0..1; here
the lower end belongs to an interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from pixelwise.errors import DataError
from pixelwise.metrics import agreement
from pixelwise.metrics.base import ClassRow, ConstantGuess, Metric, class_rows
from pixelwise.shelf import declares
from pixelwise.types import IN_TRUTH, DatasetInfo, Labels, Sample, Score

BINS = 15
UNIT = 1 << 32  # a sum over 2³¹ pictures still fits 64 bits

Bins = NDArray[np.int64]  # (BINS, 3): pictures, hits, summed confidence in units


class Accuracy(Metric):
    """Counts of (true label, predicted label), of hits among the k most probable, and of confidence against hits.

    state: one row of int64, which holds, one after the other,
        the (C, C) counts of pictures of class t labelled as p,
        the pictures of each class whose label is among the k most probable, (C,),
        pictures, hits and summed confidence of each interval of confidence, (BINS, 3).
    Of equally probable classes the one with the lowest index counts as the more probable.
    """

    ranks_by = "the probability that was given to the true class"
    biased = frozenset(
        {"calibration_error"}
    )  # an interval of confidence with few pictures differs from accuracy by chance

    def __init__(self, info: DatasetInfo, top: int, many: int, few: int) -> None:
        if few > many:
            what = f"few (fewer than {few}) and many (more than {many}) training pictures overlap"
            raise DataError(what, where="accuracy", hint="Choose few ≤ many.")
        self.info, self.top, self.many, self.few = info, top, many, few
        classes = len(info.classes)
        self._ends = (classes * classes, classes * classes + classes)
        self.state = np.zeros(self._ends[1] + BINS * 3, np.int64)

    def update(self, sample: Sample, prediction: Labels) -> None:
        label, probabilities = self._checked(sample, prediction)
        own = probabilities[label]
        rank = int((probabilities > own).sum() + (probabilities[:label] == own).sum())  # 0: the most probable
        predicted = int(probabilities.argmax())
        self.state[label * len(probabilities) + predicted] += 1
        self.state[self._ends[0] + label] += rank < self.top
        row, confidence = confidence_row(float(probabilities[predicted]))
        bins = self.state[self._ends[1] :].reshape(BINS, 3)
        bins[row] += (1, predicted == label, confidence)

    def scores(self) -> list[Score]:
        n = int(self._matrix.sum())
        bins = self.state[self._ends[1] :].reshape(BINS, 3)
        scores = _shares(self._matrix)
        if len(self.info.classes) > self.top > 1:
            hits = int(self.state[self._ends[0] : self._ends[1]].sum())
            scores.append(Score("top_accuracy", agreement.ratio(hits, n), {"k": str(self.top)}, n))
        scores += [_group_score(self._matrix, *group) for group in self._groups()]
        convention = {"bins": str(BINS)}
        error = calibration_error(bins)
        return [*scores, Score("calibration_error", error, convention, n, higher_is_better=False)]

    def constant_guess(self) -> ConstantGuess | None:
        constant = agreement.most_frequent(self._matrix)
        if constant is None:
            return None
        matrix = agreement.guessed(self._matrix, constant)
        scores = _shares(matrix) + [_group_score(matrix, *group) for group in self._groups()]
        return ConstantGuess(self.info.classes[constant], {score.key: score.value for score in scores})

    def per_class(self) -> list[ClassRow]:
        matrix = self._matrix
        accuracy, f1 = agreement.class_accuracy(matrix), agreement.class_dice(matrix)
        precision = agreement.class_accuracy(matrix.T)  # of a prediction, the truth it hits
        return class_rows(self.info, matrix, accuracy=accuracy, precision=precision, f1=f1)

    def sample_score(self, sample: Sample, prediction: Labels) -> float | None:
        """The probability that was given to the true class."""
        label, probabilities = self._checked(sample, prediction)
        return float(probabilities[label])

    def figures(self) -> dict[str, Any]:
        """The matrix, the reliability of confidence, and the rows of the classes."""
        return {
            "kind": "labels",
            "convention": {},
            "classes": list(self.info.classes),
            "matrix": self._matrix.tolist(),
            "reliability": reliability(self.state[self._ends[1] :].reshape(BINS, 3)),
            "per_class": [asdict(row) for row in self.per_class()],
        }

    @property
    def _matrix(self) -> NDArray[np.int64]:
        classes = len(self.info.classes)
        return self.state[: self._ends[0]].reshape(classes, classes)

    def _groups(self) -> Iterable[tuple[str, str, Sequence[int]]]:
        """(score, training pictures n, classes) by n; none if the data set does not know them, or all are equal."""
        frequencies = self.info.frequencies
        if frequencies is None or len(set(frequencies)) == 1:
            return
        numbered = list(enumerate(frequencies))
        yield "accuracy_many", f">{self.many}", [c for c, n in numbered if n > self.many]
        between = f"{self.few}..{self.many}"
        yield "accuracy_medium", between, [c for c, n in numbered if self.few <= n <= self.many]
        yield "accuracy_few", f"<{self.few}", [c for c, n in numbered if n < self.few]

    def _checked(self, sample: Sample, prediction: Labels) -> tuple[int, NDArray[np.float32]]:
        if sample.label is None:
            raise DataError("has no label, so it cannot be scored", where=sample.name)
        classes = len(self.info.classes)
        if not 0 <= sample.label < classes or len(prediction.probabilities) != classes:
            said = len(prediction.probabilities)
            what = f"label {sample.label} and {said} probabilities do not fit the classes 0..{classes - 1}"
            raise DataError(what, where=sample.name)
        return sample.label, prediction.probabilities


@declares(counts=("labels",))
def accuracy(
    info: DatasetInfo,
    *,
    top: Annotated[int, Ge(1)] = 5,
    many: Annotated[int, Ge(0)] = 100,
    few: Annotated[int, Ge(0)] = 20,
) -> Accuracy:
    """Accuracy, balanced accuracy, top-k, by class and by class frequency, and the calibration error; exact counts.

    top:        k of the top-k accuracy, which is given where there are more classes than that
    many, few:  if classes differ in size, classes with more than `many` training pictures, those with fewer than `few`,
                and the others are also scored separately (Liu et al. 2019, Open Long-Tailed Recognition)
    """
    return Accuracy(info, top, many, few)


def _shares(matrix: agreement.Matrix) -> list[Score]:
    n = int(matrix.sum())
    return [
        Score("accuracy", agreement.pixel_accuracy(matrix), support=n),
        Score("balanced_accuracy", agreement.mean_class_accuracy(matrix), IN_TRUTH, n),
    ]


def _group_score(matrix: agreement.Matrix, name: str, frequency: str, classes: Sequence[int]) -> Score:
    rows = matrix[list(classes)]
    hits = sum(int(matrix[c, c]) for c in classes)
    return Score(name, agreement.ratio(hits, int(rows.sum())), {"n": frequency}, int(rows.sum()))


def confidence_row(confidence: float) -> tuple[int, int]:
    """The interval of a confidence in 0..1, and the confidence in whole units."""
    units = min(UNIT, max(0, round(confidence * UNIT)))
    return min(BINS - 1, units * BINS // UNIT), units


def calibration_error(bins: Bins) -> float | None:
    """Σ_b n_b / n · |accuracy_b − mean confidence_b|, the expected calibration error; None if nothing was counted.

    A quotient of whole numbers, Σ_b |hits_b · UNIT − confidence_b| / (n · UNIT), rounded once.
    """
    rows = bins.tolist()  # Python's whole numbers, which do not overflow
    n = sum(count for count, _, _ in rows)
    return sum(abs(hits * UNIT - units) for _, hits, units in rows) / (n * UNIT) if n else None


def reliability(bins: Bins) -> list[dict[str, Any]]:
    """One record for each interval: its ends, the number of pictures in it, their mean confidence and accuracy."""
    return [
        {
            "from": index / BINS,
            "to": (index + 1) / BINS,
            "n": count,
            "confidence": units / (count * UNIT) if count else None,
            "accuracy": hits / count if count else None,
        }
        for index, (count, hits, units) in enumerate(bins.tolist())
    ]
