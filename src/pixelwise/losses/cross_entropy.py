"""Weighted softmax cross-entropy over pixels or pictures, with its gradient written out.

With scores s and target t at one place:  ℓ = w_t · (log Σ_c exp s_c − s_t),  ∂ℓ/∂s_c = w_t · (softmax(s)_c − [c = t]).
The loss is Σ ℓ / Σ w_t (normalisation `weights`) or Σ ℓ / Σ 1 (`pixels`), both sums over the places that count.
With label smoothing ε the target shares: 1 − ε for t, and ε / C for every class (Szegedy et al. 2016, section 7).
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from pixelwise.losses.base import ClassWeighted, Term, widened
from pixelwise.losses.weights import effective_number, inverse_frequency, median_frequency, rarity
from pixelwise.shelf import declares

Weighting = Literal["none", "inverse", "median", "effective", "rarity"]
Normalisation = Literal["weights", "pixels"]


class CrossEntropySum(torch.autograd.Function):
    """Σ over places of w · (log Σ_c exp s_c − s_t): a scalar, float32 or wider.

    scores:         (B, C, ...) of any floating type; the arithmetic is float32 or wider
    target:         (B, ...) int64 in 0..C−1; where the weight is 0, any class will do
    place_weights:  (B, ...) the weight of each place, no gradient

    Forward and backward pass share one softmax; autograd would keep and process five maps of C channels.
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, target: Tensor, place_weights: Tensor) -> Tensor:
        wide = widened(scores)
        index = target.unsqueeze(1)
        shifted = wide - wide.amax(dim=1, keepdim=True)  # exp can no longer overflow
        chosen = shifted.gather(1, index)
        exponentials = shifted.exp_()
        total = exponentials.sum(dim=1, keepdim=True)
        weights = place_weights.unsqueeze(1).to(wide.dtype)
        ctx.save_for_backward(exponentials, total, index, weights)
        ctx.dtype = scores.dtype
        return ((total.log() - chosen) * weights).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        exponentials, total, index, weights = ctx.saved_tensors
        weights = weights * gradient
        scores_gradient = exponentials * (weights / total)  # w · softmax
        scores_gradient.scatter_add_(1, index, -weights)  # − w at the target
        return scores_gradient.to(ctx.dtype), None, None


def uniform_cross_entropy_sum(scores: Tensor, place_weights: Tensor) -> Tensor:
    """Σ over places of w · (log Σ_c exp s_c − mean_c s_c): the cross-entropy with a uniform target over all classes.

    scores: (B, C, ...);  place_weights: (B, ...), no gradient;  result: a scalar, float32 or wider
    """
    wide = widened(scores)
    return ((wide.logsumexp(dim=1) - wide.mean(dim=1)) * place_weights).sum()


class CrossEntropy(ClassWeighted):
    """Cross-entropy with a weight per class. weights: (C,) float64, or None if all weigh 1."""

    def __init__(
        self, weights: NDArray[np.float64] | None, normalisation: Normalisation, smoothing: float = 0.0
    ) -> None:
        super().__init__(weights)
        self.normalisation, self.smoothing = normalisation, smoothing

    def forward(self, scores: Tensor, target: Tensor) -> Term:
        index, valid, weights = self.weigh(scores, target)
        counted = weights if self.normalisation == "weights" else valid
        numerator = CrossEntropySum.apply(scores, index, weights)
        if self.smoothing:
            uniform = uniform_cross_entropy_sum(scores, weights)
            numerator = (1 - self.smoothing) * numerator + self.smoothing * uniform
        return Term(numerator, counted.sum(dtype=torch.float32))


@declares(takes="categories", only_with={"beta": "weights=effective", "uniform": "weights=rarity"})
def cross_entropy(
    counts: NDArray[np.int64],
    *,
    weights: Weighting = "none",
    normalisation: Normalisation = "weights",
    beta: Annotated[float, Ge(0), Lt(1)] = 0.999,
    uniform: Annotated[float, Gt(0), Le(1)] = 0.5,
    smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0,
) -> CrossEntropy:
    """Softmax cross-entropy, void left out, each class with a weight from its frequency in the training set.

    weights:        `none`, or by `inverse` frequency, `median` frequency, `effective` number, or `rarity` (a
                    frequency mixed with the uniform one); losses/weights.py has the formulas and their sources
    normalisation:  divide by the sum of the `weights` of the valid pixels (torch's way, a weighted mean) or by the
                    number of valid `pixels`. They differ as soon as the mean weight over the pixels is not 1, and so
                    does the learning rate that fits.
    beta:           of the effective number, in [0, 1); read by `weights: effective` only
    uniform:        share of the uniform distribution, above 0 and up to 1; read by `weights: rarity` only
    smoothing:      share of the target that is spread evenly over all classes (Szegedy et al. 2016, section 7)
    """
    rules = {"inverse": inverse_frequency, "median": median_frequency}
    rules |= {"effective": partial(effective_number, beta=beta), "rarity": partial(rarity, uniform=uniform)}
    loss = CrossEntropy(None if weights == "none" else rules[weights](counts), normalisation, smoothing)
    loss.weighting = weights
    return loss
