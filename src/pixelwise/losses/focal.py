"""Focal loss: cross-entropy with less weight for predictions that are already correct, in a softmax and a sigmoid form.

Softmax, with p_t the probability of the target t among C classes:

    ℓ = −w_t · (1 − p_t)^γ · log p_t

Sigmoid, a yes-or-no question for every class, with z_t = s_t and z_c = −s_c for the others (Lin et al. 2017, eq. 5; Cui et
al. 2019, section 4.3):

    ℓ = −w_t · Σ_c (1 − σ(z_c))^γ · log σ(z_c)

γ = 0 is weighted cross-entropy. The sum is divided by the number of places that count, not by the sum of their weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import torch
from annotated_types import Ge, Lt
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pixelwise.errors import RecipeError, ShapeError
from pixelwise.losses.base import ClassWeighted, Term, widened
from pixelwise.losses.weights import effective_number
from pixelwise.shelf import declares

Form = Literal["softmax", "sigmoid"]
Gamma = Annotated[float, Ge(0)]
Beta = Annotated[float, Ge(0), Lt(1)]


def softmax_focal(scores: Tensor, target: Tensor, gamma: float) -> Tensor:
    """(1 − p_t)^γ · (−log p_t) at every place.

    scores:  (B, C, ...) float32 or wider, C ≥ 2;  target: (B, ...) int64;  result: (B, ...)

    1 − p_t is taken as the probability of the other classes, in logarithms: the difference from 1 would be 0 for every
    p_t above 1 − 6e-8, where a power γ below 1 has no derivative.
    """
    index = target.unsqueeze(1)
    total = scores.logsumexp(dim=1)
    others = scores.scatter(1, index, -torch.inf).logsumexp(dim=1)
    chosen = scores.gather(1, index).squeeze(1)
    return (gamma * (others - total)).exp() * (total - chosen)


def sigmoid_focal(scores: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Σ_c (1 − σ(z_c))^γ · (−log σ(z_c)) at every place, z_c = s_c for the target and −s_c for the others.

    scores:  (B, C, ...) float32 or wider;  target: (B, ...) int64;  result: (B, ...)
    """
    signs = torch.full_like(scores, -1).scatter_(1, target.unsqueeze(1), 1)
    agreement = signs * scores  # z
    # 1 − σ(z) = σ(−z), in logarithms
    return ((gamma * functional.logsigmoid(-agreement)).exp() * -functional.logsigmoid(agreement)).sum(dim=1)


FORMS = {"softmax": softmax_focal, "sigmoid": sigmoid_focal}


class Focal(ClassWeighted):
    """Focal loss of one form, with a weight per class. weights: (C,) float64, or None if all weigh 1."""

    def __init__(self, weights: NDArray[np.float64] | None, gamma: float, form: Form) -> None:
        super().__init__(weights)
        self.gamma, self.form = gamma, form

    def forward(self, scores: Tensor, target: Tensor) -> Term:
        index, valid, weights = self.weigh(scores, target)
        if scores.shape[1] < 2:
            raise ShapeError("the focal loss needs at least two classes")
        wide = widened(scores)
        values = FORMS[self.form](wide, index, self.gamma)
        return Term((values * weights).sum(), valid.sum(dtype=torch.float32))


@declares(takes="categories")
def focal(
    counts: NDArray[np.int64], *, gamma: Gamma = 2.0, form: Form = "softmax", weights: list[float] | None = None
) -> Focal:
    """Focal loss (Lin, Goyal, Girshick, He & Dollár 2017): mean over the places that count.

    gamma:    the larger, the less weight nearly correct predictions get; 0 is cross-entropy
    form:     `softmax`, or `sigmoid` as in the paper (a yes-or-no question for every class)
    weights:  of the classes (the paper's α), one per class; none: all 1
    """
    loss = Focal(None if weights is None else _checked(weights, len(counts)), gamma, form)
    loss.weighting = "none" if weights is None else "given"
    return loss


@declares(takes="categories")
def class_balanced(
    counts: NDArray[np.int64], *, beta: Beta = 0.9999, gamma: Gamma = 0.5, form: Form = "softmax"
) -> Focal:
    """w_c = (1 − β) / (1 − β^n_c), scaled to sum to C, before a focal loss (Cui, Jia, Lin, Song & Belongie 2019, eq. 4–5).

    beta:   in [0, 1). 0 gives equal weights; the closer to 1, the more rare classes count. It has an effect from about
            1 − 1/n, where n is the size of a rare class: .5 changes nothing for classes of at least 50 pictures
    gamma:  of the focal loss; 0 gives class-balanced cross-entropy
    form:   `softmax`, or `sigmoid` as in most of the paper's tables
    """
    loss = Focal(effective_number(counts, beta), gamma, form)
    loss.weighting = "class_balanced"
    return loss


def _checked(weights: Sequence[float], classes: int) -> NDArray[np.float64]:
    if len(weights) != classes:
        raise RecipeError(f"has {len(weights)} weights for {classes} classes.", where="loss.weights")
    if not all(0 <= weight < float("inf") for weight in weights):
        raise RecipeError(f"read {list(weights)}; weights must be finite and at least 0.", where="loss.weights")
    return np.array(weights, np.float64)
