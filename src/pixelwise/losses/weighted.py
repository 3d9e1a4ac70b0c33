"""A loss with a weight a class: which places of a batch count, and how much each."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixelwise.errors import ShapeError
from pixelwise.losses.base import Loss
from pixelwise.types import IGNORE


class ClassWeighted(Loss):
    """What losses over weighted classes have in common. weights: (C,) float64, or None where all weigh 1."""

    def __init__(self, weights: NDArray[np.float64] | None) -> None:
        super().__init__()
        self.weights = weights
        held = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        self.register_buffer("class_weights", held, persistent=False)

    def weigh(self, scores: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(index, valid, weights) of the target's shape: the class of each place, whether it counts, how much (else 0).

        index is 0 where nothing counts. Raises ShapeError where scores, target and class weights do not fit together.
        """
        if scores.ndim < 2 or target.shape != (scores.shape[0], *scores.shape[2:]):
            raise ShapeError(f"scores {tuple(scores.shape)} are (B, C, ...), their target is {tuple(target.shape)}")
        if self.class_weights is not None and len(self.class_weights) != scores.shape[1]:
            raise ShapeError(f"{len(self.class_weights)} class weights do not fit scores of {scores.shape[1]} classes")
        valid = target != IGNORE
        index = target.clamp(min=0)
        weights = valid.float()
        if self.class_weights is not None:
            weights = weights * self.class_weights[index]
        return index, valid, weights
