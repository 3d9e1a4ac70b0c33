"""Weights of classes that are not equally frequent, as functions of how often each occurs in the training set.

counts:  (C,) whole numbers, pixels (or pictures) of each class
result:  (C,) float64, positive and finite

A class without a pixel has no frequency. It gets the weight of the rarest class that occurs: the largest of all, and
finite. Training never uses it; a validation set may.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError

Counts = NDArray[np.int64]
Weights = NDArray[np.float64]


def inverse_frequency(counts: Counts) -> Weights:
    """w_c = N / (C · n_c) with N = Σ n_c over the C classes that occur (King & Zeng 2001, "balanced").

    Every class then adds the same to the sum of weights, and the mean weight over all pixels is 1.
    """
    present = _present(counts)
    n = counts[present]
    return _spread(present, n.sum() / (len(n) * n.astype(np.float64)))


def median_frequency(counts: Counts) -> Weights:
    """w_c = median(f) / f_c with f_c = n_c / N (Eigen & Fergus 2015, section 6.3.2).

    The paper takes f_c over the pictures in which c occurs, this one over the whole training set, so that it is a
    function of the counts alone. The median is taken over the classes that occur.
    """
    present = _present(counts)
    frequency = counts[present] / counts.sum()
    return _spread(present, np.median(frequency) / frequency)


def effective_number(counts: Counts, beta: float) -> Weights:
    """w_c ∝ (1 − β) / (1 − β^n_c), scaled to a mean of 1 over the classes that occur (Cui et al. 2019, eq. 2 and 4).

    β = 0 gives equal weights, β → 1 inverse frequencies. Once n_c is far above 1 / (1 − β) in every class, as pixel
    counts are for β = 0.999, the weights are all 1: choose 1 / (1 − β) near the pixels of a rare class. Raises DataError
    unless 0 ≤ β < 1.
    """
    if not 0 <= beta < 1:
        raise DataError(f"beta is {beta}, but it must be at least 0 and below 1", where="effective number")
    present = _present(counts)
    if beta == 0:
        return np.ones(len(counts))
    distinct = -np.expm1(counts[present] * np.log(beta)) / (1 - beta)  # E_n; expm1 keeps its digits for β near 1
    weights = 1 / distinct
    return _spread(present, weights * len(weights) / weights.sum())


def rarity(counts: Counts, uniform: float) -> Weights:
    """w_c ∝ 1 / ((1 − λ) f_c + λ / C), scaled to a mean of 1 over the pixels, Σ f_c w_c = 1 (Zhang et al. 2016, eq. 4).

    f_c = n_c / N over the C classes that occur, λ = `uniform`. λ = 1 gives equal weights, λ → 0 inverse frequencies. The
    paper also smooths f over neighbouring colours of its grid; a palette of clusters has no neighbours to smooth over.
    Raises DataError unless 0 < λ ≤ 1.
    """
    if not 0 < uniform <= 1:
        raise DataError(f"uniform is {uniform}, but it must be above 0 and at most 1", where="rarity")
    present = _present(counts)
    frequency = counts[present] / counts.sum()
    weights = 1 / ((1 - uniform) * frequency + uniform / len(frequency))
    return _spread(present, weights / (frequency @ weights))


def _present(counts: Counts) -> NDArray[np.bool_]:
    counts = np.asarray(counts)
    if counts.ndim != 1 or not np.issubdtype(counts.dtype, np.integer) or (counts < 0).any():
        raise DataError(
            f"class counts must be one row of whole numbers of at least 0, not {counts.shape} {counts.dtype}"
        )
    if not counts.any():
        raise DataError(
            "no pixel of the training set belongs to a class, so there are no class weights.",
            hint="Check with `pixelwise data check` whether all masks are void, or set the loss's weights to none.",
        )
    return counts > 0


def _spread(present: NDArray[np.bool_], weights: Weights) -> Weights:
    """The weights of the classes that occur, at their places; the largest of them where none does."""
    every = np.full(len(present), weights.max())
    every[present] = weights
    return every
