"""What a loss is: a numerator and a denominator, which whoever sees the whole batch divides.

A weighted mean does not survive being averaged over processes or accumulated steps: the mean of means weighs a part
with few valid pixels as much as one with many. So a loss never divides itself. The engine adds numerators and
denominators over processes and accumulated steps, divides once, and every split of a batch gives the same gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class Term:
    """One loss over one batch, not yet divided: its value is numerator / denominator.

    numerator:    scalar with a gradient, float32 or wider
    denominator:  scalar without a gradient, e.g. the number of valid pixels or the sum of their weights; 0 where
                  nothing in the batch counts (then the numerator is 0 too)
    """

    numerator: Tensor
    denominator: Tensor


class Loss(nn.Module, ABC):
    """A loss over scores and class indices.

    weights: (C,) float64, the weight of each class, for the report; None where all classes weigh the same
    """

    weights: NDArray[np.float64] | None = None

    @abstractmethod
    def forward(self, scores: Tensor, target: Tensor) -> Term:
        """The term of one batch.

        scores:  (B, C, H, W) or (B, C), unnormalised
        target:  (B, H, W) or (B,) int64, the class of each pixel or picture, IGNORE where none counts
        """
