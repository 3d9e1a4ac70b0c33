"""The scores of a model's heads, checked."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pixelwise.errors import ShapeError
from pixelwise.tasks.base import Head, Task


def scores_of(outputs: Any, task: Task, images: Any) -> dict[str, Any]:
    """head → scores, of what a model gives. Raises ShapeError where that is not what the task's heads need."""
    heads = task.heads
    if isinstance(outputs, Tensor):
        if len(heads) == 1:
            outputs = dict.fromkeys(heads, outputs)
        elif outputs.ndim > 1 and outputs.shape[1] == task.out_channels:
            parts = outputs.split([head.channels for head in heads.values()], dim=1)
            outputs = dict(zip(heads, parts, strict=True))
        else:
            raise _misfit(outputs, f"the task's heads take {task.out_channels} channels side by side")
    if missing := [name for name in heads if name not in outputs]:
        raise ShapeError(f"the model gives no '{missing[0]}', which the task needs.", where="model")
    if len(heads) == 1 and isinstance(images, Tensor):
        ((name, head),) = heads.items()
        if isinstance(outputs[name], Tensor) and head.form != "objects":
            _check_scores(outputs[name], head, task.per, images)
    return dict(outputs)


def _check_scores(scores: Tensor, head: Head, per: str, images: Tensor) -> None:
    """Raise ShapeError where the scores are not (B, C) for pictures, or (B, C, H, W) for pixels."""
    if per == "picture" and scores.ndim != 2:
        raise _misfit(scores, "a classifier gives (B, classes)", "Take a classifier, e.g. resnet")
    height, width = images.shape[2:]
    if per == "pixel" and (scores.ndim != 4 or tuple(scores.shape[2:]) != (height, width)):
        wanted = f"the task needs scores for each pixel, (B, {head.channels}, {height}, {width})"
        raise _misfit(scores, wanted, "Take a dense model, e.g. unet")
    if scores.shape[1] != head.channels:
        raise _misfit(scores, f"the task needs {head.channels} channels")


def _misfit(scores: Tensor, wanted: str, hint: str = "") -> ShapeError:
    return ShapeError(
        f"the model gives scores of shape {tuple(scores.shape)}; {wanted}.",
        where="model",
        hint=f"{hint}; `pixelwise list models` names them all." if hint else "",
    )
