"""Scores averaged over views of a picture (engine/views.py), on the device where they are computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pixelwise.engine.checks.guard import explain_memory
from pixelwise.engine.torch.model import TensorBatch, inputs_of
from pixelwise.engine.views import Views, refused
from pixelwise.errors import PixelwiseError, RunError, raised
from pixelwise.tasks.base import Head, Task

Compute = Callable[[Tensor], Mapping[str, Any]]  # pictures as the model reads them → scores of each head


def averaged_scores(batch: TensorBatch, views: Views, task: Task, compute: Compute) -> dict[str, Tensor]:
    """head → logarithms of the mean probabilities, or the mean of values. One more set of scores is in memory."""
    if not isinstance(batch.images, Tensor) or any(head.form == "objects" for head in task.heads.values()):
        raise refused("model", task.kind)
    height, width = batch.images.shape[1:3]
    total: dict[str, Tensor] = {}
    for scale, flipped in views:
        size = views.size(height, width, scale)
        # mirrored as a picture, before a mean picture is subtracted: so the training's flips are
        images = inputs_of(batch.images.flip(2) if flipped else batch.images, task.input)
        if size != (height, width):
            images = functional.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
        for name, scores in _computed(compute, images, size, scale).items():
            found = _turned_back(_brought_back(scores, flipped, (height, width)), task.heads[name], flipped, scale)
            found = found.softmax(dim=1) if task.heads[name].by_class else found
            total[name] = total[name].add_(found) if name in total else found
    for name, found in total.items():
        found.div_(views.count)
        if task.heads[name].by_class:
            found.clamp_(min=torch.finfo(found.dtype).tiny).log_()
    return total


def _turned_back(scores: Tensor, head: Head, flipped: bool, scale: float) -> Tensor:
    """Ways (B, 2, H, W) down and right in a view, as they are in the picture; other scores unchanged."""
    if not head.ways or not (flipped or scale != 1):
        return scores
    length = scale if head.ways == "pixels" else 1.0
    factors = torch.tensor([1 / length, (-1 if flipped else 1) / length], device=scores.device)
    return scores * factors[:, None, None]


def _computed(compute: Compute, images: Tensor, size: tuple[int, int], scale: float) -> Mapping[str, Any]:
    """The scores of one view. Raises RunError if the model does not compute pictures of this size."""
    try:
        return compute(images)
    except Exception as error:
        if scale == 1 or explain_memory(error, len(images)) is not None:
            raise
        said = error.problems[0].what if isinstance(error, PixelwiseError) else raised(error)
        what = f"the model does not compute pictures of {size[1]}×{size[0]} (scale {scale:g}): {said}"
        raise RunError(what, where="--scales", hint="Leave it out, or choose scales nearer to 1.") from error


def _brought_back(scores: Tensor, flipped: bool, size: tuple[int, int]) -> Tensor:
    """The scores of a view, moved back to the picture's pixels; scores of whole pictures stay unchanged."""
    scores = scores.float()
    if scores.ndim < 4:
        return scores
    if flipped:
        scores = scores.flip(3)
    if tuple(scores.shape[2:]) != size:
        scores = functional.interpolate(scores, size, mode="bilinear", align_corners=False)
    return scores
