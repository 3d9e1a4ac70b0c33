"""Losses that measure the overlap of prediction and truth: soft IoU, Dice, Tversky.

With the probabilities X and the truth Y (1 where the pixel is of the class) over the pixels of a region, void left out:

    T = Σ X·Y          F₊ = Σ X·(1 − Y)          F₋ = Σ (1 − X)·Y          ℓ = 1 − T / (T + α F₊ + β F₋)

    α = β = 1    soft IoU: T + F₊ + F₋ = Σ (X + Y − X·Y) = U (Rahman & Wang 2016, eq. 3 to 5)
    α = β = ½    Dice: 1 − 2T / (ΣX + ΣY)
    other        Tversky (Salehi, Erdogmus & Gholipour 2017, eq. 3): α weighs false positives, β false negatives

The loss of a region is the mean over its classes, that of a batch the mean over its regions.

* `over: picture`: a region is a picture. The loss is a sum over pictures, so that parts of a batch and several processes give
  exactly what the whole batch gives.
* `over: batch`: a region is all pictures of a batch, which is steadier for small objects. Overlap is not a sum over pictures,
  so each process (and each part of an accumulated batch) has its own region; the loss is their mean, weighted by pictures.
  A validation loss is the mean over the batches of the evaluation, whose size does not depend on `train.batch`.

Empty truth: a class without a pixel of truth in a region has T = 0, so ℓ = 1 whatever was predicted. With `empty: skip` it is
left out of the region's mean, and a region without any class of truth is left out of the batch. With `empty: penalise` its ℓ is
the mean probability that the region's pixels give it, which is 0 where it is not predicted.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Gt
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from pixelwise.errors import ShapeError
from pixelwise.losses.base import Loss, Term, widened
from pixelwise.shelf import declares
from pixelwise.types import IGNORE

Over = Literal["picture", "batch"]
Classes = Literal["all", "foreground"]
Empty = Literal["skip", "penalise"]
Share = Annotated[float, Gt(0)]


class OverlapSums(torch.autograd.Function):
    """(Σ X·Y, Σ X) over the places of each picture that count, each (B, C) float64; X is the softmax of the scores.

    scores: (B, C, N) float32 or wider;  index: (B, N) int64 in 0..C−1;  valid: (B, N) bool

    One softmax for both directions, as in cross_entropy.py: with g = ∂ℓ/∂X, ∂ℓ/∂s_c = X_c · (g_c − Σ_k X_k g_k).
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, index: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        probability = scores.softmax(dim=1).mul_(valid.unsqueeze(1))
        chosen = probability.gather(1, index.unsqueeze(1)).squeeze(1)
        both = probability.new_zeros(scores.shape[:2], dtype=torch.float64).scatter_add_(1, index, chosen.double())
        ctx.save_for_backward(probability, index, chosen)
        return both, probability.sum(dim=2).double()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_both: Tensor, of_given: Tensor) -> tuple[Tensor, None, None]:
        probability, index, chosen = ctx.saved_tensors
        of_both, of_given = of_both.to(probability.dtype), of_given.to(probability.dtype)
        gradient = probability * of_given.unsqueeze(2)  # X · g
        gradient.scatter_add_(1, index.unsqueeze(1), (chosen * of_both.gather(1, index)).unsqueeze(1))
        return gradient.addcmul_(probability, gradient.sum(dim=1, keepdim=True), value=-1), None, None


class Overlap(Loss):
    """1 − T / (T + α F₊ + β F₋), over the classes of each region."""

    def __init__(self, alpha: float, beta: float, over: Over, classes: Classes, empty: Empty) -> None:
        super().__init__()
        self.alpha, self.beta, self.over, self.classes, self.empty = alpha, beta, over, classes, empty

    def forward(self, scores: Tensor, target: Tensor) -> Term:
        first = check_regions(scores, target, self.classes)
        valid, index = target.flatten(1) != IGNORE, target.flatten(1).clamp(min=0)
        found, given = OverlapSums.apply(widened(scores).flatten(2), index, valid)  # T and ΣX, (B, C)
        there = class_counts(index, valid, scores.shape[1])[:, first:].double()  # ΣY
        sums = found[:, first:], given[:, first:], there, valid.sum(dim=1, keepdim=True)
        pictures = valid.any(dim=1).sum()
        if self.over == "batch":
            sums = tuple(part.sum(dim=0, keepdim=True) for part in sums)
        found, given, there, places = sums
        union = found + self.alpha * (given - found) + self.beta * (there - found)
        value = 1 - found / union.clamp(min=torch.finfo(torch.float32).tiny)
        counted = there > 0
        if self.empty == "penalise":
            value = torch.where(counted, value, given / places.clamp(min=1))
            counted = (places > 0).expand_as(counted)
        return mean_of_regions(value.to(widened(scores).dtype), counted, pictures if self.over == "batch" else None)


def check_regions(scores: Tensor, target: Tensor, classes: Classes) -> int:
    """The index of the first class that counts: 1 for `foreground`, else 0. Raises ShapeError if shapes do not fit."""
    if scores.ndim < 3 or target.shape != (scores.shape[0], *scores.shape[2:]):
        what = f"scores {tuple(scores.shape)} are (B, C, H, W), but their target is {tuple(target.shape)}"
        raise ShapeError(what, hint="This loss compares areas, so it needs a class for each pixel.")
    first = 1 if classes == "foreground" else 0
    if scores.shape[1] <= first:
        raise ShapeError("the loss is over the foreground, every class but the first; the scores have one class")
    return first


def class_counts(index: Tensor, valid: Tensor, classes: int) -> Tensor:
    """(R, C) int64: how often each class occurs in each region. index, valid: (R, N)"""
    counts = torch.zeros(len(index), classes, dtype=torch.int64, device=index.device)
    return counts.scatter_add_(1, index, valid.long())


def mean_of_regions(value: Tensor, counted: Tensor, weight: Tensor | None = None) -> Term:
    """The sum over regions of the mean over their counted classes, and the number of regions that have any.

    value, counted: (R, C);  weight: of each region, where it is not 1
    """
    classes = counted.sum(dim=1)
    means = torch.where(counted, value, 0).sum(dim=1) / classes.clamp(min=1)
    regions = (classes > 0).to(value.dtype) * (1 if weight is None else weight)
    return Term((means * regions).sum(), regions.sum().to(torch.float32).detach())


@declares(takes="categories", per="pixel")
def soft_iou(
    counts: NDArray[np.int64], *, over: Over = "picture", classes: Classes = "all", empty: Empty = "skip"
) -> Overlap:
    """Soft IoU (Rahman & Wang 2016): 1 − Σ XY / Σ (X + Y − XY), void left out.

    over:     each `picture` by itself, or all pictures of a `batch` together (of one process, if there are several)
    classes:  the mean over `all` of them, or over the `foreground`: all but the first, which is the background
    empty:    a class without truth in a picture (or batch) is left out (`skip`), or costs its mean probability (`penalise`)
    """
    return Overlap(1.0, 1.0, over, classes, empty)


@declares(takes="categories", per="pixel")
def dice(
    counts: NDArray[np.int64], *, over: Over = "picture", classes: Classes = "all", empty: Empty = "skip"
) -> Overlap:
    """Soft Dice (Sørensen 1948; Sudre et al. 2017): 1 − 2 Σ XY / (Σ X + Σ Y), void left out.

    over:     each `picture` by itself, or all pictures of a `batch` together (of one process, if there are several)
    classes:  the mean over `all` of them, or over the `foreground`: all but the first, which is the background
    empty:    a class without truth in a picture (or batch) is left out (`skip`), or costs its mean probability (`penalise`)
    """
    return Overlap(0.5, 0.5, over, classes, empty)


@declares(takes="categories", per="pixel")
def tversky(
    counts: NDArray[np.int64],
    *,
    alpha: Share = 0.3,
    beta: Share = 0.7,
    over: Over = "picture",
    classes: Classes = "all",
    empty: Empty = "skip",
) -> Overlap:
    """Tversky loss (Salehi, Erdogmus & Gholipour 2017): overlap with different weights for missed and invented pixels.

    alpha:    weight of false positives; alpha = beta = 0.5 is Dice, alpha = beta = 1 soft IoU
    beta:     weight of false negatives: the larger, the fewer pixels of a small class are missed
    over:     each `picture` by itself, or all pictures of a `batch` together (of one process, if there are several)
    classes:  the mean over `all` of them, or over the `foreground`: all but the first, which is the background
    empty:    a class without truth in a picture (or batch) is left out (`skip`), or costs its mean probability (`penalise`)
    """
    return Overlap(alpha, beta, over, classes, empty)
