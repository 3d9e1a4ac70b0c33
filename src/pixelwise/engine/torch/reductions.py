"""From scores to arrays that a task can decode, computed where the scores are: a GPU sends back bytes, not score maps.

A reduction is a function of unnormalised scores (B, C, ...) with options. It returns an array whose first axis is B. For a head
of objects its argument is a list with the objects found in each picture, and it returns a list of arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pixelwise.metrics.ranking import LEVELS, LIMIT, not_finite
from pixelwise.shelf import Shelf

REDUCTIONS = Shelf(
    "reduction",
    {
        name: f"pixelwise.engine.torch.reductions:{name}"
        for name in (
            *("winner", "probability", "vector", "values", "expectation", "mean", "levels"),  # of scores
            *("boxes", "labels", "scores", "masks"),  # of objects
        )
    },
)


def winner(scores: Tensor) -> NDArray[Any]:
    """The index of the largest score, the lowest of equals: (B, ...) uint8, or uint16 for more than 256."""
    classes = scores.argmax(dim=1)  # over channels_last scores 4 times faster than over contiguous ones
    indices: NDArray[Any] = classes.to(torch.uint8 if scores.shape[1] <= 256 else torch.int32).cpu().numpy()
    return indices if indices.dtype == np.uint8 else indices.astype(np.uint16)


def probability(scores: Tensor) -> NDArray[Any]:
    """The probability of the winner: softmax of the largest score, 1 / Σ exp(score − max)."""
    scores = scores.float()
    array: NDArray[Any] = (1 / (scores - scores.amax(dim=1, keepdim=True)).exp_().sum(dim=1)).cpu().numpy()
    return array


def vector(scores: Tensor) -> NDArray[Any]:
    """The probabilities of all classes, (B, C, ...) float32."""
    array: NDArray[Any] = scores.float().softmax(dim=1).cpu().numpy()
    return array


def values(scores: Tensor) -> NDArray[Any]:
    """The numbers themselves, (B, C, ...) float32."""
    array: NDArray[Any] = scores.float().cpu().numpy()
    return array


def expectation(scores: Tensor) -> NDArray[Any]:
    """The mean of the class indices, weighted by their probabilities: (B, ...) float32, for classes that are in order."""
    indices = torch.arange(scores.shape[1], dtype=torch.float32, device=scores.device)
    array: NDArray[Any] = torch.einsum("bc...,c->b...", scores.float().softmax(dim=1), indices).cpu().numpy()
    return array


def mean(scores: Tensor, *, table: Sequence[Sequence[int]], temperature: float) -> NDArray[np.uint8]:
    """(B, H, W, 3): Σ_q f_T(z)_q · colour_q with f_T(z) = exp(log z / T) / Σ exp(log z / T) (Zhang et al. 2016, eq. 5).

    z = softmax(scores), so f_T(z) = softmax(scores / T). The paper takes the mean of a and b of CIELAB and keeps the grey
    picture's lightness; pixelwise takes the mean of R, G and B.
    """
    shares = (scores.float() / temperature).softmax(dim=1)
    colours = torch.tensor(table, dtype=torch.float32, device=scores.device)
    image: NDArray[np.uint8] = (
        torch.einsum("bqhw,qc->bhwc", shares, colours).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    )
    return image


def levels(scores: Tensor) -> NDArray[np.uint16]:
    """(B, ..., C): the log-odds of every class, z_c − logsumexp of the other classes' z, in levels (metrics/ranking.py).

    Let q be the sum of e_c = exp(z_c − max z) over all classes but the largest. The others of the largest class sum to q,
    however small it is; those of another class to 1 + q − e_c, which does not cancel. Raises DataError for nan and inf.
    """
    found = torch.empty(scores.shape, dtype=torch.uint16, device=scores.device)
    for place, one in zip(found, scores, strict=True):  # one picture at a time stays in the cache
        odds = _log_odds(one.float()).add_(LIMIT).mul_(LEVELS / (2 * LIMIT))
        place.copy_(odds.clamp_(0, LEVELS - 1).to(torch.int32))
    array: NDArray[np.uint16] = found.movedim(1, -1).cpu().numpy()
    return array


def _log_odds(scores: Tensor) -> Tensor:
    """Of the scores (C, ...) of one picture. Most of it is computed in place, because allocating takes longer."""
    odds = scores - scores.amax(dim=0, keepdim=True)
    other = odds.sign().neg_()  # 0 for the largest score, or for several equal ones; 1 for the others
    shares = odds.exp().mul_(other)
    rest = shares.sum(dim=0, keepdim=True).add_(len(scores) - 1 - other.sum(dim=0, keepdim=True))
    if not bool(torch.isfinite(rest).all()):
        raise not_finite()
    return odds.sub_(other.sub_(shares).add_(rest).log_())


# -- of objects: boxes, labels, scores, masks within boxes and the size of the picture --

Found = Sequence[Mapping[str, Any]]


def boxes(found: Found) -> list[NDArray[np.float32]]:
    """(N, 4) of each picture: x0 y0 x1 y1 in pixels."""
    return [one["boxes"].float().cpu().numpy() for one in found]


def labels(found: Found) -> list[NDArray[np.int64]]:
    """(N,) of each picture."""
    return [one["labels"].cpu().numpy() for one in found]


def scores(found: Found) -> list[NDArray[np.float32]]:
    """(N,) of each picture."""
    return [one["scores"].float().cpu().numpy() for one in found]


def masks(found: Found) -> list[NDArray[np.bool_]]:
    """(N, H, W) of each picture: where the mask of each object, enlarged to its box, exceeds ½. (0, H, W) without masks."""
    return [_pasted(one) for one in found]


def _pasted(one: Mapping[str, Any]) -> NDArray[np.bool_]:
    # imported late: it brings torchvision, whose import takes as long as torch's
    from torchvision.models.detection.roi_heads import paste_masks_in_image

    drawn = np.zeros((len(one.get("masks", ())), *one["size"]), bool)
    for place in range(len(drawn)):  # one at a time, because a mask takes four bytes per pixel before it is compared
        part = slice(place, place + 1)
        whole = paste_masks_in_image(one["masks"][part].float(), one["boxes"][part].float(), one["size"])
        drawn[place] = (whole[0, 0] > 0.5).cpu().numpy()
    return drawn


def enlarged(scores: Tensor, size: tuple[int, int], step: int) -> Iterator[tuple[slice, Tensor]]:
    """Scores (1, C, h, w) at `size` (H, W), as bands (1, C, `step`, W) of few rows with the rows that they fill.

    Together they are `interpolate(scores, size, mode="bilinear", align_corners=False)`, which is separable: the rows of a
    band are mixed from the two nearest ones here, and torch's kernel then widens a band whose height stays unchanged.
    """
    height, width = size
    centres = (torch.arange(height, dtype=torch.float32) + 0.5) * (scores.shape[2] / height) - 0.5
    centres = centres.clamp(min=0)
    upper = centres.long()
    lower = (upper + 1).clamp(max=scores.shape[2] - 1)
    share = (centres - upper).to(scores.dtype)[:, None]
    upper, lower, share = upper.to(scores.device), lower.to(scores.device), share.to(scores.device)
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        if scores.shape[2] == height:
            mixed = scores[:, :, rows]
        else:
            mixed = torch.lerp(scores[:, :, upper[rows]], scores[:, :, lower[rows]], share[rows])
        # with the classes of a pixel side by side widening and argmax take a third of the time
        mixed = mixed.contiguous(memory_format=torch.channels_last)
        if scores.shape[3] != width:
            mixed = functional.interpolate(mixed, (mixed.shape[2], width), mode="bilinear", align_corners=False)
        yield rows, mixed
