"""The heads of a model reduced to arrays, picture by picture or band by band: the same for both engines.

Scores are arrays or tensors (B, C, ...), or a list with one entry for each picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pixelwise.engine.base import Crop, function_of
from pixelwise.errors import RunError
from pixelwise.shelf import Shelf
from pixelwise.tasks.base import Head, Reduced

BAND = 1_000_000  # scores that are enlarged and reduced at a time: 4 MB, so that they stay in the cache
Enlarge = Callable[[Any, tuple[int, int], int], Iterator[tuple[slice, Any]]]  # (scores, size, rows of a band) → bands


def reduced_pictures(
    heads: Mapping[str, Head], outputs: Mapping[str, Any], needs: Sequence[str], shelf: Shelf
) -> list[Reduced]:
    """The reductions of every head, for each picture of a batch."""
    made = {name: _reductions(head, outputs[name], needs, shelf) for name, head in heads.items()}
    count = len(next(iter(outputs.values())))
    return [{name: {r: arrays[i] for r, arrays in found.items()} for name, found in made.items()} for i in range(count)]


def reduced_bands(
    heads: Mapping[str, Head],
    outputs: Mapping[str, Any],
    needs: Sequence[str],
    shelf: Shelf,
    enlarge: Enlarge,
    *,
    size: tuple[int, int] | None = None,
    crop: Crop | None = None,
) -> Iterator[tuple[slice, Reduced]]:
    """The outputs of one picture resized to `size`, or cropped, and reduced last, a few rows at a time."""
    if any(isinstance(scores, list) or scores.ndim != 4 for scores in outputs.values()):
        raise RunError("its model gives no scores for each pixel.")
    if crop is not None:
        outputs = {name: whole[..., crop[0], crop[1]] for name, whole in outputs.items()}
    height, width = tuple(next(iter(outputs.values())).shape[2:]) if size is None else size
    step = max(1, BAND // (sum(whole.shape[1] for whole in outputs.values()) * width))
    bands = [enlarge(outputs[n], (height, width), step) if size else _cut(outputs[n], step) for n in heads]
    for parts in zip(*bands, strict=True):
        reduced = {
            name: {reduction: arrays[0] for reduction, arrays in _reductions(head, part, needs, shelf).items()}
            for (name, head), (_, part) in zip(heads.items(), parts, strict=True)
        }
        yield parts[0][0], reduced


def _cut(scores: Any, step: int) -> Iterator[tuple[slice, Any]]:
    """Scores as they are, in bands of `step` rows: softmax needs as much memory as they have."""
    for start in range(0, scores.shape[2], step):
        part = scores[:, :, start : start + step]
        yield slice(start, start + part.shape[2]), part


def _reductions(head: Head, scores: Any, needs: Sequence[str], shelf: Shelf) -> dict[str, Any]:
    """reduction → arrays with one entry for each picture."""
    made = {}
    for name, options in head.wanted(needs).items():
        function = function_of(shelf[name])
        if isinstance(scores, list):
            made[name] = [function(one[None] if hasattr(one, "ndim") else [one], **options)[0] for one in scores]
        else:
            made[name] = function(scores, **options)
    return made
