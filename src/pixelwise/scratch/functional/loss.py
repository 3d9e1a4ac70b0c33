"""Softmax and cross-entropy in one function: the negative logarithm of the probability of the true class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import ShapeError
from pixelwise.scratch.checks import Array, check_float, check_shape
from pixelwise.types import IGNORE


@dataclass(frozen=True, eq=False)
class CrossEntropyCache:
    """Probabilities (N, C, …), the true classes (N, …), and the weight of each place, which sum to 1 (or are all 0)."""

    probabilities: Array
    truth: NDArray[np.intp]
    shares: Array


def softmax_cross_entropy(
    scores: Array, targets: NDArray[Any], *, class_weights: Array | None = None, ignore: int | None = None
) -> tuple[float, CrossEntropyCache]:
    """L = Σ w[t]·(−log p[t]) / Σ w[t] with p = softmax(scores): the mean over all places, weighted by class.

    scores (N, C) and targets (N,): one class per picture. Scores (N, C, H, W) and targets (N, H, W): one class per pixel.
    Targets are whole numbers 0 … C − 1, or `ignore`. Ignored places do not count; if all are ignored, the loss is 0. The sum
    is divided by the sum of the weights, not by the number of places; without class weights the two are the same.
    Raises ShapeError if shapes or targets do not fit.
    """
    valid, truth = _read_targets(scores, targets, ignore)
    weights = valid.astype(scores.dtype)
    if class_weights is not None:
        check_float(class_weights, "class_weights", like=scores)
        check_shape(class_weights, "class_weights", (scores.shape[1],))
        weights *= class_weights[truth]
    total = weights.sum()
    shares = weights / total if total > 0 else np.zeros_like(weights)

    shifted = scores - scores.max(axis=1, keepdims=True)  # softmax does not change, and e^x cannot overflow
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    log_probability = np.take_along_axis(shifted, truth[:, None], axis=1)[:, 0] - np.log(sums[:, 0])
    loss = -float((shares * log_probability).sum(dtype=np.float64))
    return loss, CrossEntropyCache(exponentials / sums, truth, shares)


def softmax_cross_entropy_backward(dloss: float, cache: CrossEntropyCache) -> Array:
    """dscores (N, C, …), from dloss = ∂(what is minimised)/∂loss, which is 1 for the loss itself.

    −log p[t] = log Σ_k e^{s[k]} − s[t]. The first term's derivative by s[c] is e^{s[c]}/Σ = p[c], the second's is 1
    at c = t and else 0:

        dscores[c] = share · (p[c] − [c = t])
    """
    dscores = cache.probabilities.copy()
    truth = cache.truth[:, None]
    at_truth = np.take_along_axis(dscores, truth, axis=1) - 1
    np.put_along_axis(dscores, truth, at_truth, axis=1)
    dscores *= (cache.shares * cache.shares.dtype.type(dloss))[:, None]
    return dscores


class CrossEntropy:
    """The loss of a training: the cross-entropy with its options. Numerator and denominator are kept apart for exact means.

    weights:    (C,) float64, or None if all classes weigh the same
    weighting:  how they were made, in one word, for the report
    """

    def __init__(self, weights: NDArray[np.float64] | None = None, weighting: str = "") -> None:
        self.weights, self.weighting = weights, weighting

    def forward(self, scores: Array, targets: NDArray[Any]) -> tuple[tuple[float, float], Any]:
        """((Σ w·ℓ, Σ w), cache). A mean over several batches divides the sum of the first by that of the second."""
        weights = None if self.weights is None else self.weights.astype(scores.dtype)
        loss, cache = softmax_cross_entropy(scores, targets, class_weights=weights, ignore=IGNORE)
        counted = targets[targets != IGNORE]
        total = float(len(counted) if self.weights is None else self.weights[counted].sum())
        return (loss * total, total), cache

    def backward(self, cache: Any) -> Array:
        """The gradient of the mean, Σ w·ℓ / Σ w, by the scores."""
        return softmax_cross_entropy_backward(1.0, cache)


def _read_targets(
    scores: Array, targets: NDArray[Any], ignore: int | None
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Which places count, and the class of each (0 where it does not count)."""
    check_float(scores, "scores")
    targets = np.asarray(targets)
    if scores.ndim < 2 or targets.shape != (len(scores), *scores.shape[2:]):
        raise ShapeError(
            f"scores {scores.shape} and targets {targets.shape} do not fit: they are (N, C) and (N,), "
            "or (N, C, H, W) and (N, H, W)."
        )
    if targets.dtype.kind not in "iu":
        raise ShapeError(f"targets must be whole numbers, the index of the true class; these are {targets.dtype}.")
    valid = np.ones(targets.shape, bool) if ignore is None else targets != ignore
    truth = np.where(valid, targets, 0).astype(np.intp)
    classes = scores.shape[1]
    if truth.size and (truth.min() < 0 or truth.max() >= classes):
        wrong = sorted({int(t) for t in np.unique(truth) if not 0 <= t < classes})
        raise ShapeError(
            f"the targets contain class {wrong[0]}, but the scores have classes 0 to {classes - 1}.",
            hint="If that is the index of 'not labelled', pass it as ignore." if wrong[0] >= classes else "",
        )
    return valid, truth
