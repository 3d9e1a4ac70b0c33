"""What a training minimises: the cross-entropy with its options held, and its parts kept apart for honest means."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.scratch.checks import Array
from pixelwise.scratch.functional import softmax_cross_entropy, softmax_cross_entropy_backward
from pixelwise.types import IGNORE


class CrossEntropy:
    """Softmax cross-entropy, the mean over all places that count, weighted by class.

    weights: (C,) float64, or None where all classes weigh the same
    """

    def __init__(self, weights: NDArray[np.float64] | None = None) -> None:
        self.weights = weights

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
