"""Precision, recall and average precision from counts of quantised scores, each a function of whole numbers.

A score is the log-odds of a class, log(p / (1 − p)) = z_c − logsumexp of the other classes' z. It orders pixels as the
probability p does. It is clipped at ±LIMIT and cut into LEVELS levels of equal width. Levels of equal width in p would be
too coarse for a confident network: nearly all of its probabilities are close to 0 or 1.

counts: (..., 2, L) whole numbers, [0]: pixels of other classes and [1]: pixels of the class, by level, lowest level first.
L divides LEVELS: a coarser state has joined neighbouring levels. Pixels of one level are tied; they enter together.

With T_l and F_l the pixels of the class and of others at level l or above, n all pixels of the class:
precision P_l = T_l / (T_l + F_l), recall R_l = T_l / n. Everingham et al. 2010 (VOC) replace P_l by the largest precision at
the same or a higher recall; scikit-learn's `average_precision_score` takes P_l itself. Both are Σ (R_l − R_{l+1}) · P_l.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pixelwise.errors import DataError

LEVELS = 1 << 16
LIMIT = 48.0  # e⁻⁴⁸ is about 10⁻²¹
KEPT = 1 << 10  # levels that a run keeps of each picture
TOLERANCE = 1e-3  # by how much a row of probabilities may miss a sum of 1

Counts = NDArray[np.int64]
Values = NDArray[np.float64]


def quantised(log_odds: ArrayLike) -> NDArray[np.uint16]:
    """The level of each log-odds: ⌊(x + LIMIT) · LEVELS / (2 LIMIT)⌋, clipped to 0..LEVELS − 1."""
    scaled = (np.asarray(log_odds) + LIMIT) * (LEVELS / (2 * LIMIT))
    return np.clip(scaled, 0, LEVELS - 1).astype(np.uint16)


def not_finite() -> DataError:
    """The error for scores that are nan or inf and have no probabilities."""
    hint = "The weights have become too large, or the model computes something undefined."
    return DataError("scores that are nan or inf have no probabilities, so pixels cannot be ranked.", hint=hint)


def levels_of(probabilities: ArrayLike, *, axis: int = -1, where: str = "") -> NDArray[np.uint16]:
    """The levels of probabilities that sum to 1 along `axis`, for predictions whose scores are probabilities already.

    Raises DataError for values that are not: scores of different pixels can be compared only as probabilities.
    """
    p = np.asarray(probabilities, np.float64)
    low, high = (float(p.min()), float(p.max())) if p.size else (0.0, 0.0)
    sums = p.sum(axis=axis)
    if not (low >= 0 and high <= 1 and np.abs(sums - 1).max(initial=0) <= TOLERANCE):
        what = (
            f"values from {low:.4g} to {high:.4g} with sums from {sums.min():.4g} to {sums.max():.4g} along the classes"
        )
        hint = "Take the softmax of the scores. A probability lies in 0..1, and those of a pixel sum to 1."
        raise DataError(f"{what} are not probabilities.", where=where, hint=hint)
    with np.errstate(divide="ignore"):
        return quantised(np.log(p) - np.log1p(-np.minimum(p, 1)))


def level_probabilities(levels: int) -> Values:
    """(levels,): the probability in the middle of each level."""
    middle = (np.arange(levels) + 0.5) * (2 * LIMIT / levels) - LIMIT
    found: Values = 1 / (1 + np.exp(-middle))
    return found


def coarser(counts: NDArray[Any], levels: int) -> NDArray[Any]:
    """(..., L) → (..., levels): the same counts with neighbouring levels joined."""
    shape = counts.shape
    joined: NDArray[Any] = counts.reshape(*shape[:-1], levels, shape[-1] // levels).sum(axis=-1)
    return joined


def precision_recall(counts: Counts) -> tuple[Values, Values]:
    """Precision and recall (..., L) of taking every pixel at a level or above for the class; precision 0 if there is none.

    Recall is 0 for a class without a pixel.
    """
    hits = np.cumsum(counts[..., 1, ::-1], axis=-1)[..., ::-1]
    taken = hits + np.cumsum(counts[..., 0, ::-1], axis=-1)[..., ::-1]
    precision: Values = hits / np.maximum(taken, 1)
    recall: Values = hits / np.maximum(hits[..., :1], 1)
    return precision, recall


def average_precision(counts: Counts) -> Values:
    """(...): Σ (R_l − R_{l+1}) · P_l, as scikit-learn's `average_precision_score`; nan for a class without a pixel."""
    precision, _ = precision_recall(counts)
    return _mean_over_hits(counts, precision)


def interpolated_average_precision(counts: Counts) -> Values:
    """(...): the same with the largest precision at this or a higher recall in place of P_l (VOC since 2010)."""
    precision, _ = precision_recall(counts)
    return _mean_over_hits(counts, np.maximum.accumulate(precision, axis=-1))  # a lower level has a higher recall


def curve(counts: Counts, points: int = 100) -> tuple[Values, Values]:
    """Recall and precision of one class (2, L) at the highest levels that reach a recall of 1/points, 2/points, …, 1."""
    precision, recall = precision_recall(counts)
    wanted = np.arange(1, points + 1) / points
    below = np.searchsorted(recall[::-1], wanted - 1e-12)  # recall falls from low levels to high ones
    places = np.unique(len(recall) - 1 - np.minimum(below, len(recall) - 1))[::-1]
    return recall[places], precision[places]


def _mean_over_hits(counts: Counts, precision: Values) -> Values:
    hits = counts[..., 1, :]
    totals = hits.sum(axis=-1)
    found: Values = np.where(totals > 0, (hits * precision).sum(axis=-1) / np.maximum(totals, 1), np.nan)
    return found
