"""Losses of the maps that separate objects: regressed values, directions and energy levels.

Distances and offsets, at each place whose target is not nan (Girshick 2015, eq. 3, with β as in torch):

    ℓ = ½ (s − t)² / β  where |s − t| < β,   |s − t| − ½ β  elsewhere

Directions, in the domain of angles, over the pixels of objects (Bai & Urtasun 2017, eq. 2), u the unit vector of the target:

    ℓ = w · arccos(⟨u, s⟩ / |s|)²

Energy levels, over the pixels of objects (Bai & Urtasun 2017, eq. 3), t the level as one-hot and y = softmax(s):

    ℓ = −w · Σ_k c_k · (t_k log y_k + (1 − t_k) log(1 − y_k))

w = 200 / √area makes every object count, small ones as well as large ones; c = 3 3 3 2 1 … stresses levels near the boundary.
The paper's sums are divided here, by the number of places or by the sum of w.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from annotated_types import Gt
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pixelwise.errors import ShapeError
from pixelwise.losses.base import Loss, Term, widened
from pixelwise.shelf import declares

Factor = Annotated[float, Gt(0)]
LEVEL_WEIGHTS = (3.0, 3.0, 3.0, 2.0)  # of the lowest levels; 1 for the others


def pixel_weights(areas: Tensor) -> Tensor:
    """(B, H, W): 200 / √area of the object at each pixel, 0 at pixels without an object."""
    return torch.where(areas > 0, 200 / areas.clamp(min=1).float().sqrt(), 0.0)


def squared_angles(scores: Tensor, directions: Tensor) -> Tensor:
    """(B, H, W) the squared angle in radians between scores and unit vectors, both (B, 2, H, W).

    By the arctangent of |cross product| and scalar product, which is the same angle: the derivative of the arccosine is
    infinite for equal directions.
    """
    along = (scores * directions).sum(dim=1)
    across = scores[:, 0] * directions[:, 1] - scores[:, 1] * directions[:, 0]
    return torch.atan2(across.abs(), along) ** 2


def level_entropy(scores: Tensor, levels: Tensor, level_weights: Tensor) -> Tensor:
    """(B, H, W): −Σ_k c_k (t_k log y_k + (1 − t_k) log(1 − y_k)) for scores (B, K, H, W), levels (B, H, W), weights (K,).

    1 − y_k is y of the other levels, in logarithms; only that of the largest y would lose digits as a difference.
    """
    total = scores.logsumexp(dim=1, keepdim=True)
    largest = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, scores.argmax(dim=1, keepdim=True), True)
    rest = scores.masked_fill(largest, -torch.inf).logsumexp(dim=1, keepdim=True) - total
    shares = (scores - total).exp().masked_fill(largest, 0)
    others = torch.where(largest, rest, torch.log1p(-shares))
    hit = torch.zeros_like(largest).scatter_(1, levels.unsqueeze(1), True)
    entropies = torch.where(hit, scores - total, others)
    return -(entropies * level_weights.view(1, -1, 1, 1)).sum(dim=1)


class SmoothL1(Loss):
    """Smooth L1 between values and their target, where that is a number."""

    def __init__(self, beta: float, factor: float) -> None:
        super().__init__()
        self.beta, self.factor = beta, factor

    def forward(self, scores: Tensor, target: Tensor) -> Term:
        scores = widened(scores)
        if target.ndim == scores.ndim - 1 and scores.shape[1] == 1:
            target = target.unsqueeze(1)
        _check(scores, target, scores.shape[1])
        valid = ~target.isnan()
        wanted = torch.where(valid, target, scores.detach())
        values = functional.smooth_l1_loss(scores, wanted, beta=self.beta, reduction="sum")
        return Term(self.factor * values, valid.sum(dtype=torch.float32))


class Angle(Loss):
    """The squared angle between predicted directions and their target (B, 3, H, W): down, right, and the object's area."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, scores: Tensor, target: Tensor) -> Term:
        _check(scores, target, 3)
        weights = pixel_weights(target[:, 2])
        values = squared_angles(widened(scores), target[:, :2])
        return Term(self.factor * (values * weights).sum(), weights.sum())


class EnergyLevels(Loss):
    """The cross-entropy of energy levels with the target (B, 2, H, W): level, and the object's area."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, scores: Tensor, target: Tensor) -> Term:
        _check(scores, target, 2)
        levels = scores.new_ones(scores.shape[1], dtype=torch.float32)
        stressed = min(len(LEVEL_WEIGHTS), scores.shape[1])
        levels[:stressed] = levels.new_tensor(LEVEL_WEIGHTS[:stressed])
        weights = pixel_weights(target[:, 1])
        values = level_entropy(widened(scores), target[:, 0].long(), levels)
        return Term(self.factor * (values * weights).sum(), weights.sum())


def _check(scores: Tensor, target: Tensor, channels: int) -> None:
    """Raise ShapeError where the target is not (B, `channels`, H, W) beside scores (B, C, H, W)."""
    if scores.ndim != 4 or target.shape != (scores.shape[0], channels, *scores.shape[2:]):
        what = f"scores {tuple(scores.shape)} need a target (B, {channels}, H, W); this one is {tuple(target.shape)}"
        raise ShapeError(what)


@declares(takes="values", per="pixel")
def smooth_l1(counts: NDArray[np.int64], *, beta: Factor = 0.1, factor: Factor = 1.0) -> SmoothL1:
    """Smooth L1 of regressed maps, such as distances: the mean over the values that are known.

    beta:    difference below which it is squared; above, it grows linearly
    factor:  of the whole loss, beside those of other heads
    """
    return SmoothL1(beta, factor)


@declares(takes="values", per="pixel")
def angle(counts: NDArray[np.int64], *, factor: Factor = 1.0) -> Angle:
    """Squared angle between directions (Bai & Urtasun 2017, eq. 2): the mean over objects' pixels, weighted by 1 / √area.

    factor:  of the whole loss, beside those of other heads
    """
    return Angle(factor)


@declares(takes="levels", per="pixel")
def energy_levels(counts: NDArray[np.int64], *, factor: Factor = 1.0) -> EnergyLevels:
    """Cross-entropy of energy levels (Bai & Urtasun 2017, eq. 3): the mean over objects' pixels, weighted by 1 / √area.

    factor:  of the whole loss, beside those of other heads
    """
    return EnergyLevels(factor)
