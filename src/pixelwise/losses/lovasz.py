"""Lovász-softmax: 1 − IoU of the class map, extended to a convex loss of the errors (Berman, Triki & Blaschko 2018).

For one class of a region with errors m_i = 1 − p_i where the pixel is of the class, p_i elsewhere, sorted in falling order
m_1 ≥ m_2 ≥ …, and J_i the Jaccard loss 1 − IoU of the map in which the pixels 1 … i are wrong and no other:

    ℓ = Σ_i m_i · (J_i − J_{i−1})          J_0 = 0 (algorithm 1)

If every p is 0 or 1, ℓ is 1 − IoU itself. Regions, classes, and several processes are treated as in overlap.py.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixelwise.losses.base import Loss, Term, widened
from pixelwise.losses.overlap import Classes, Empty, Over, check_regions, class_counts, mean_of_regions
from pixelwise.shelf import declares
from pixelwise.types import IGNORE


class LovaszSoftmax(Loss):
    """The Lovász extension of the Jaccard loss, over the classes of each region."""

    def __init__(self, over: Over, classes: Classes, empty: Empty) -> None:
        super().__init__()
        self.over, self.classes, self.empty = over, classes, empty

    def forward(self, scores: Tensor, target: Tensor) -> Term:
        first = check_regions(scores, target, self.classes)
        probability, labels = widened(scores).softmax(dim=1).flatten(2), target.flatten(1)  # (R, C, N), (R, N)
        pictures = (labels != IGNORE).any(dim=1).sum()
        if self.over == "batch":
            probability, labels = probability.transpose(0, 1).flatten(1)[None], labels.reshape(1, -1)
        valid = labels != IGNORE
        counts = class_counts(labels.clamp(min=0), valid, scores.shape[1])[:, first:]
        counted = counts > 0 if self.empty == "skip" else valid.any(dim=1, keepdim=True).expand(counts.shape)
        of, place = counted.nonzero(as_tuple=True)  # a sort for each class that occurs, not for every class
        truth = labels[of] == (place + first).unsqueeze(1)  # (K, N)
        errors = (truth.to(probability.dtype) - probability[of, place + first]).abs()
        extensions = jaccard_extension(torch.where(valid[of], errors, 0), truth)
        found = torch.zeros_like(counts, dtype=errors.dtype).index_put((of, place), extensions)
        return mean_of_regions(found, counted, pictures if self.over == "batch" else None)


def jaccard_extension(errors: Tensor, truth: Tensor) -> Tensor:
    """Σ m_i · (J_i − J_{i−1}) over the pixels of each class. errors: (K, N) at least 0;  truth: (K, N) bool;  result: (K,)

    A pixel with the error 0, e.g. a void one, adds nothing wherever it is. Without truth it is the largest error.
    """
    falling, order = errors.sort(dim=1, descending=True, stable=True)
    inside = truth.gather(1, order).long()  # whole numbers: exact, and summed alike on every device
    total = inside.sum(dim=1, keepdim=True)
    union = total + (1 - inside).cumsum(dim=1)
    jaccard = 1 - (total - inside.cumsum(dim=1)).to(errors.dtype) / union
    steps = torch.cat((jaccard[:, :1], jaccard[:, 1:] - jaccard[:, :-1]), dim=1)
    return (falling * steps).sum(dim=1)


@declares(takes="categories", per="pixel")
def lovasz_softmax(
    counts: NDArray[np.int64], *, over: Over = "picture", classes: Classes = "all", empty: Empty = "skip"
) -> LovaszSoftmax:
    """Lovász-softmax (Berman, Triki & Blaschko 2018): a convex surrogate of 1 − IoU, void left out.

    over:     each `picture` by itself, or all pictures of a `batch` together (of one process, if there are several)
    classes:  the mean over `all` of them, or over the `foreground`: all but the first, which is the background
    empty:    a class without truth in a picture (or batch) is left out (`skip`), or costs its largest probability, which is
              the value of the extension (`penalise`)
    """
    return LovaszSoftmax(over, classes, empty)
