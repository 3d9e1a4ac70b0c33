"""A weighted sum of losses, ℓ = Σ_k f_k ℓ_k, which is recorded part by part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from pixelwise.errors import RecipeError
from pixelwise.losses.base import Loss, Term
from pixelwise.losses.parts import sum_fault
from pixelwise.shelf import declares


class WeightedSum(Loss):
    """Several losses of the same scores. Each part is its own term, times its factor, so that the terms add up."""

    def __init__(self, parts: Sequence[tuple[str, float, Loss]]) -> None:
        super().__init__()
        self.names, self.factors = [name for name, _, _ in parts], [factor for _, factor, _ in parts]
        self.parts = nn.ModuleList(loss for _, _, loss in parts)
        if weighted := next((loss for _, _, loss in parts if loss.weights is not None), None):
            self.weights, self.weighting = weighted.weights, weighted.weighting

    def forward(self, scores: Tensor, target: Tensor) -> dict[str, Term]:
        found = {}
        for name, factor, loss in zip(self.names, self.factors, self.parts, strict=True):
            term = loss(scores, target)
            found[name] = Term(factor * term.numerator, term.denominator)
        return found


@declares(takes="categories", parts="parts")
def weighted_sum(
    counts: NDArray[np.int64], *, parts: list[str | dict[str, Any]], factors: list[float] | None = None
) -> WeightedSum:
    """A sum of losses, e.g. of cross-entropy, which is smooth, and soft IoU, which is close to the score.

    parts:    two losses or more, each a name or a map with its options; each is recorded under its name, times its factor
    factors:  of the parts, above 0, one for each; none: all 1

    Raises RecipeError for parts and factors that do not fit together, and for a sum within a sum.
    """
    from pixelwise.losses import LOSSES

    if fault := sum_fault(parts, factors):
        raise RecipeError(fault, where="loss 'weighted_sum'")
    made: list[tuple[str, float, Loss]] = []
    for part, factor in zip(parts, factors or [1.0] * len(parts), strict=True):
        options = {"name": part} if isinstance(part, str) else dict(part)
        name = str(options.pop("name"))
        if LOSSES[name] == LOSSES["weighted_sum"]:
            raise RecipeError("is a part of another one.", where="loss 'weighted_sum'", hint="Multiply their factors.")
        loss = LOSSES.build(name, counts, **options)
        same = sum(name == other.partition(" ")[0] for other, _, _ in made)
        made.append((f"{name} {same + 1}" if same else name, factor, loss))
    return WeightedSum(made)
