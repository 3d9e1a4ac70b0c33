"""What a loss is: a numerator and a denominator, which the engine divides once for the whole batch.

A weighted mean must not be averaged over processes or accumulated steps: the mean of means would give a part with few
valid pixels the same weight as a part with many. So a loss does not divide. The engine adds numerators and denominators
over processes and accumulated steps, and divides once. Every split of a batch then gives the same gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pixelwise.errors import ShapeError
from pixelwise.types import IGNORE


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
    """A loss between the scores of one head and their target, whose form is that of the head (`Head.form`).

    weights:    (C,) float64, the weight of each class, for the report; None if all classes weigh the same
    weighting:  how they were made, in one word (e.g. `median`), for the report; set by the builder where there are any
    """

    weights: NDArray[np.float64] | None = None
    weighting: str = ""

    @abstractmethod
    def forward(self, scores: Tensor, target: Tensor) -> Term | Mapping[str, Term]:
        """The term of one batch, or several by name. Each of them is divided and recorded separately; then they are added.

        scores:  (B, C, H, W) or (B, C), unnormalised, of any floating type; `widened` makes them float32 or wider
        target:  by the form of the head:
                 `categories`: (B, H, W) or (B,) int64, the class of each pixel or picture, IGNORE where none counts
                 `values`: what the loss and the task agree on. SmoothL1 takes (B, C, H, W) floating, or (B, H, W) if C
                 is 1, nan where none counts; Angle takes (B, 3, H, W), down, right and the area of the pixel's object
                 `levels`: (B, 2, H, W), the level 0..C−1 of each pixel and the area of its object, 0 outside objects

        Raises ShapeError if scores and target do not fit together.
        """


def widened(scores: Tensor) -> Tensor:
    """The same scores (B, C, ...) in float32 or wider."""
    return scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores


class ClassWeighted(Loss):
    """Base of losses with a weight for each class. weights: (C,) float64, or None if all weigh 1."""

    def __init__(self, weights: NDArray[np.float64] | None) -> None:
        super().__init__()
        self.weights = weights
        held = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        self.register_buffer("class_weights", held, persistent=False)

    def weigh(self, scores: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(index, valid, weights) of the target's shape: the class of each place, whether it counts, how much (else 0).

        index is 0 where nothing counts. Raises ShapeError if scores, target and class weights do not fit together.
        """
        if scores.ndim < 2 or target.shape != (scores.shape[0], *scores.shape[2:]):
            raise ShapeError(f"scores {tuple(scores.shape)} are (B, C, ...), but their target is {tuple(target.shape)}")
        if self.class_weights is not None and len(self.class_weights) != scores.shape[1]:
            raise ShapeError(f"{len(self.class_weights)} class weights do not fit scores of {scores.shape[1]} classes")
        valid = target != IGNORE
        index = target.clamp(min=0)
        weights = valid.float()
        if self.class_weights is not None:
            weights = weights * self.class_weights[index]
        return index, valid, weights
