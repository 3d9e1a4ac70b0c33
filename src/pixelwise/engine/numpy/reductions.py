"""From scores to arrays that a task can decode, as engine/torch/reductions.py, in NumPy.

A reduction is a function of unnormalised scores (B, C, ...) with options. It returns an array whose first axis is B.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.metrics.ranking import not_finite, quantised
from pixelwise.scratch.checks import Array
from pixelwise.shelf import Shelf

REDUCTIONS = Shelf(
    "reduction",
    {
        name: f"pixelwise.engine.numpy.reductions:{name}"
        for name in ("winner", "probability", "vector", "values", "expectation", "mean", "levels")
    },
)


def winner(scores: Array) -> NDArray[Any]:
    """The index of the largest score, the lowest of equals: (B, ...) uint8, or uint16 for more than 256."""
    kind: Any = np.uint8 if scores.shape[1] <= 256 else np.uint16
    indices: NDArray[Any] = scores.argmax(axis=1).astype(kind)
    return indices


def probability(scores: Array) -> Array:
    """The probability of the winner: softmax of the largest score, 1 / Σ exp(score − max)."""
    chosen: Array = 1 / np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1)
    return chosen


def vector(scores: Array) -> Array:
    """The probabilities of all classes, (B, C, ...)."""
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Array = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares


def values(scores: Array) -> Array:
    """The numbers themselves, (B, C, ...)."""
    return scores


def expectation(scores: Array) -> Array:
    """The mean of the class indices, weighted by their probabilities: (B, ...), for classes that are in order."""
    found: Array = np.einsum("bc...,c->b...", vector(scores), np.arange(scores.shape[1], dtype=scores.dtype))
    return found


def mean(scores: Array, *, table: Sequence[Sequence[int]], temperature: float) -> NDArray[np.uint8]:
    """(B, H, W, 3): the mean of the table's colours, weighted by softmax(scores / T) (Zhang et al. 2016, eq. 5)."""
    shares = vector(scores / scores.dtype.type(temperature))
    image: Array = np.einsum("bqhw,qc->bhwc", shares, np.asarray(table, scores.dtype))
    return np.clip(image.round(), 0, 255).astype(np.uint8)


def levels(scores: Array) -> NDArray[np.uint16]:
    """(B, ..., C): the log-odds of every class in levels (metrics/ranking.py); engine/torch explains the formula."""
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = scores - scores.max(axis=1, keepdims=True)
        other = (odds != 0).astype(scores.dtype)  # 0 for the largest score
        shares = np.exp(odds) * other
        rest = shares.sum(axis=1, keepdims=True) + (scores.shape[1] - 1 - other.sum(axis=1, keepdims=True))
        if not np.isfinite(rest).all():
            raise not_finite()
        odds -= np.log(other - shares + rest)
    return np.moveaxis(quantised(odds), 1, -1)


def enlarged(scores: Array, size: tuple[int, int], step: int) -> Iterator[tuple[slice, Array]]:
    """Scores (1, C, h, w) at `size` (H, W), as bands (1, C, `step`, W) of few rows with the rows that they fill.

    Bilinear, centres aligned: pixel i of H lies at (i + ½)·h/H − ½ of h, between two rows that are mixed by their distance.
    """
    height, width = size
    above, below, share = _between(scores.shape[2], height)
    left, right, part = _between(scores.shape[3], width)
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        upper, lower = scores[:, :, above[rows]], scores[:, :, below[rows]]
        band = upper + (lower - upper) * share[rows, None]
        near = band[..., left]
        yield rows, near + (band[..., right] - near) * part


def _between(length: int, wanted: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each of `wanted` places the two of `length` it lies between, and the share of the second."""
    centres = np.maximum((np.arange(wanted) + 0.5) * (length / wanted) - 0.5, 0)
    first = centres.astype(np.intp)
    return first, np.minimum(first + 1, length - 1), (centres - first).astype(np.float32)
