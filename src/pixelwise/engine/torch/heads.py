"""The heads of a model: their scores, checked, and reduced to arrays picture by picture or band by band."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pixelwise.engine.base import Crop, function_of
from pixelwise.engine.torch.reductions import REDUCTIONS, enlarged
from pixelwise.errors import RunError, ShapeError
from pixelwise.tasks.base import Head, Reduced, Task

BAND = 1_000_000  # scores that are enlarged and reduced at a time: 4 MB, so that they stay in the cache


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


def reduced_pictures(heads: Mapping[str, Head], outputs: Mapping[str, Any], needs: Sequence[str]) -> list[Reduced]:
    """The reductions of every head, for each picture of a batch."""
    pictures: list[dict[str, dict[str, Any]]] = []
    for name, head in heads.items():
        for reduction, arrays in _reductions(head, outputs[name], needs):
            pictures = pictures or [{} for _ in range(len(arrays))]
            for picture, array in zip(pictures, arrays, strict=True):
                picture.setdefault(name, {})[reduction] = array
    return list(pictures)


def reduced_bands(
    heads: Mapping[str, Head],
    outputs: Mapping[str, Any],
    size: tuple[int, int] | None,
    crop: Crop | None,
    needs: Sequence[str],
) -> Iterator[tuple[slice, Reduced]]:
    """The outputs of one picture resized to `size`, or cropped, and reduced last, a few rows at a time."""
    if not all(isinstance(scores, Tensor) and scores.ndim == 4 for scores in outputs.values()):
        raise RunError("its model gives no scores for each pixel.")
    with torch.inference_mode():
        scores = {name: whole.float() for name, whole in outputs.items()}
    if crop is not None:
        scores = {name: whole[..., crop[0], crop[1]] for name, whole in scores.items()}
    height, width = tuple(next(iter(scores.values())).shape[2:]) if size is None else size
    step = max(1, BAND // (sum(whole.shape[1] for whole in scores.values()) * width))
    bands = [enlarged(scores[name], (height, width), step) if size else _cut(scores[name], step) for name in heads]
    for parts in zip(*bands, strict=True):
        with torch.inference_mode():
            reduced = {
                name: {reduction: arrays[0] for reduction, arrays in _reductions(head, part, needs)}
                for (name, head), (_, part) in zip(heads.items(), parts, strict=True)
            }
        yield parts[0][0], reduced


def _cut(scores: Tensor, step: int) -> Iterator[tuple[slice, Tensor]]:
    """Scores as they are, in bands of `step` rows: softmax needs as much memory as they have."""
    for start in range(0, scores.shape[2], step):
        part = scores[:, :, start : start + step]
        yield slice(start, start + part.shape[2]), part


def _reductions(head: Head, scores: Any, needs: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """(reduction, arrays with one entry a picture). Scores that are a list have one entry a picture themselves."""
    for name, options in head.wanted(needs).items():
        function = function_of(REDUCTIONS[name])
        if isinstance(scores, list):
            yield name, [function(one[None] if isinstance(one, Tensor) else [one], **options)[0] for one in scores]
        else:
            yield name, function(scores, **options)
