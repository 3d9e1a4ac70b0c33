"""Scores of a confusion matrix, each a function of whole numbers.

matrix: (C, C) int64, matrix[t, p] = pixels of class t that were predicted as p. With n_t = Σ_p matrix[t, p] pixels of the
truth, m_p = Σ_t matrix[t, p] predicted ones and h_c = matrix[c, c] hits, the scores are those of Long, Shelhamer & Darrell
2015 (section 5) and Dice 1945. A ratio of two whole numbers is rounded once; sums of ratios by `math.fsum`, which does not
depend on their order. If a denominator is 0, the score is undefined (None).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import fsum

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.int64]
Ratios = list[float | None]


def pixel_accuracy(matrix: Matrix) -> float | None:
    """Σ h_c / Σ n_c"""
    return ratio(int(matrix.trace()), int(matrix.sum()))


def class_iou(matrix: Matrix) -> Ratios:
    """h_c / (n_c + m_c − h_c), intersection over union; None for a class in neither truth nor prediction."""
    return [ratio(hit, truth + predicted - hit) for hit, truth, predicted in _totals(matrix)]


def class_accuracy(matrix: Matrix) -> Ratios:
    """h_c / n_c, the recall; None for a class that is not in the truth."""
    return [ratio(hit, truth) for hit, truth, _ in _totals(matrix)]


def class_dice(matrix: Matrix) -> Ratios:
    """2 h_c / (n_c + m_c), also called F1; None for a class in neither truth nor prediction."""
    return [ratio(2 * hit, truth + predicted) for hit, truth, predicted in _totals(matrix)]


def mean_iou(matrix: Matrix) -> float | None:
    """Mean IoU over the classes that occur in truth or prediction."""
    return mean_of_known(class_iou(matrix))


def mean_iou_in_truth(matrix: Matrix) -> float | None:
    """Mean IoU over the classes that occur in the truth."""
    return mean_of_known(_in_truth(matrix, class_iou(matrix)))


def mean_class_accuracy(matrix: Matrix) -> float | None:
    """Mean accuracy over the classes that occur in the truth."""
    return mean_of_known(class_accuracy(matrix))


def mean_dice(matrix: Matrix) -> float | None:
    """Mean Dice over the classes that occur in truth or prediction."""
    return mean_of_known(class_dice(matrix))


def mean_dice_in_truth(matrix: Matrix) -> float | None:
    """Mean Dice over the classes that occur in the truth."""
    return mean_of_known(_in_truth(matrix, class_dice(matrix)))


def frequency_weighted_iou(matrix: Matrix) -> float | None:
    """Σ n_c · IoU_c / Σ n_c"""
    terms = [truth * hit / (truth + predicted - hit) for hit, truth, predicted in _totals(matrix) if truth]
    return fsum(terms) / int(matrix.sum()) if terms else None


def most_frequent(matrix: Matrix) -> int | None:
    """The class with the largest n_c, the lowest index of equals; None for an empty matrix."""
    truth = matrix.sum(axis=1)
    return int(truth.argmax()) if truth.any() else None


def guessed(matrix: Matrix, constant: int) -> Matrix:
    """The matrix that the same truth gives when every prediction is the class `constant`."""
    made = np.zeros_like(matrix)
    made[:, constant] = matrix.sum(axis=1)
    return made


def mean_of_known(values: Sequence[float | None]) -> float | None:
    """Mean of the values that are not None; None if all of them are."""
    known = [value for value in values if value is not None]
    return fsum(known) / len(known) if known else None


def ratio(part: int, whole: int) -> float | None:
    """part / whole, rounded once; None if whole is 0."""
    return part / whole if whole else None


def _in_truth(matrix: Matrix, values: Ratios) -> Ratios:
    """The values of the classes with n_c > 0."""
    return [value for value, (_, truth, _) in zip(values, _totals(matrix), strict=True) if truth]


def _totals(matrix: Matrix) -> Iterable[tuple[int, int, int]]:
    """(hits, truth, predicted) of each class as Python's whole numbers, which do not overflow."""
    columns = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    return zip(*(column.tolist() for column in columns), strict=True)
