"""Lovász-softmax: the IoU of the finished class map, extended to a convex loss of the errors (Berman, Triki & Blaschko 2018).

For one class of a region with errors m_i = 1 − p_i where the pixel is of the class, p_i elsewhere, sorted in falling order
m_1 ≥ m_2 ≥ …, and J_i the Jaccard loss 1 − IoU of the map in which the pixels 1 … i are wrong and no other:

    ℓ = Σ_i m_i · (J_i − J_{i−1})          J_0 = 0 (algorithm 1)

Where every p is 0 or 1, ℓ is 1 − IoU itself. Regions, classes, and what several processes give are as in overlap.py.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixelwise.losses.base import Loss, Term
from pixelwise.losses.overlap import Classes, Empty, Over, mean_of_regions, regions
from pixelwise.shelf import declares


class LovaszSoftmax(Loss):
    """The Lovász extension of the Jaccard loss, over the classes of each region."""

    def __init__(self, over: Over, classes: Classes, empty: Empty) -> None:
        super().__init__()
        self.over, self.classes, self.empty = over, classes, empty

    def forward(self, scores: Tensor, target: Tensor) -> Term:
        probability, truth, valid = regions(scores, target, self.classes)
        pictures = valid.any(dim=1).sum()
        if self.over == "batch":  # (1, C, B·N)
            probability, truth = (part.transpose(0, 1).flatten(1)[None] for part in (probability, truth))
            valid = valid.flatten()[None]
        counted = truth.any(dim=2) if self.empty == "skip" else valid.any(dim=1, keepdim=True).expand(truth.shape[:2])
        errors = torch.where(valid.unsqueeze(1), (truth.to(probability.dtype) - probability).abs(), 0)
        found = 0 * errors.sum(dim=2)  # has a gradient (of zeros) even where nothing is counted
        for region, number in counted.nonzero().tolist():  # a sort for each class that occurs, not for every class
            found[region, number] = jaccard_extension(errors[region, number], truth[region, number])
        return mean_of_regions(found, counted, pictures if self.over == "batch" else None)


def jaccard_extension(errors: Tensor, truth: Tensor) -> Tensor:
    """Σ m_i · (J_i − J_{i−1}) over the pixels of one class. errors: (N,) at least 0;  truth: (N,) bool

    A pixel with the error 0, e.g. a void one, adds nothing wherever it is. Without truth it is the largest error.
    """
    falling, order = errors.sort(descending=True, stable=True)
    sorted_truth = truth[order].to(errors.dtype)
    total = sorted_truth.sum()
    union = total + (1 - sorted_truth).cumsum(dim=0)
    jaccard = 1 - (total - sorted_truth.cumsum(dim=0)) / union
    steps = torch.cat((jaccard[:1], jaccard[1:] - jaccard[:-1]))
    return (falling * steps).sum()


@declares(takes="categories", per="pixel")
def lovasz_softmax(
    counts: NDArray[np.int64], *, over: Over = "picture", classes: Classes = "all", empty: Empty = "skip"
) -> LovaszSoftmax:
    """Lovász-softmax (Berman, Triki & Blaschko 2018): a convex surrogate of 1 − IoU, void left out.

    over:     each `picture` by itself, or all pictures of a `batch` together (by process, where there are several)
    classes:  the mean over `all` of them, or over the `foreground`: all but the first, which is the background
    empty:    a class without truth in a picture (or batch) is left out (`skip`), or costs its largest probability, which is
              what the extension gives (`penalise`)
    """
    return LovaszSoftmax(over, classes, empty)
