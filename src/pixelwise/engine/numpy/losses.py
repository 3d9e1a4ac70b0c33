"""The loss of the NumPy network with its class weights."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pixelwise.losses.weights import inverse_frequency, median_frequency
from pixelwise.scratch.functional import CrossEntropy
from pixelwise.shelf import declares

Weighting = Literal["none", "inverse", "median"]


@declares(takes="categories")
def cross_entropy(counts: NDArray[np.int64], *, weights: Weighting = "none") -> CrossEntropy:
    """Softmax cross-entropy, divided by the sum of the weights of the places that count; void left out.

    weights: `none`, or by `inverse` or `median` frequency in the training set; losses/weights.py has the formulas
    """
    rules = {"inverse": inverse_frequency, "median": median_frequency}
    return CrossEntropy(None if weights == "none" else rules[weights](counts), weights)
