"""Outputs of a model reduced to arrays, one picture or a few rows at a time: the same for both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pixelwise.engine.functions import function_of
from pixelwise.errors import RunError
from pixelwise.shelf import Shelf

if TYPE_CHECKING:
    from pixelwise.tasks.base import Head, Reduced

Crop = tuple[slice, slice]  # rows and columns
Enlarge = Callable[[Any, tuple[int, int], int], Iterator[tuple[slice, Any]]]  # (scores, size, rows of a band) → bands
BAND = 1_000_000  # scores that are enlarged and reduced at a time: 4 MB, so that they stay in the cache


def reduced_pictures(
    heads: Mapping[str, Head], outputs: Mapping[str, Any], needs: Sequence[str], shelf: Shelf
) -> list[Reduced]:
    """The reductions of every head, for each picture of a batch. Scores: (B, C, ...), or a list with one entry per picture."""
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
    """The outputs of one picture resized to `size`, or cropped, and reduced last, a few rows at a time.

    Heads without rows, which describe the whole picture, are the same in each band.
    """
    maps = {n: outputs[n] for n in heads if not isinstance(outputs[n], list) and outputs[n].ndim == 4}
    if not maps:
        raise RunError("the model gives no scores for each pixel.")
    (whole,) = reduced_pictures({n: head for n, head in heads.items() if n not in maps}, outputs, needs, shelf)
    if crop is not None:
        maps = {name: scores[..., crop[0], crop[1]] for name, scores in maps.items()}
    height, width = tuple(next(iter(maps.values())).shape[2:]) if size is None else size
    step = max(1, BAND // (sum(scores.shape[1] for scores in maps.values()) * width))
    bands = [enlarge(one, (height, width), step) if size else _cut(one, step) for one in maps.values()]
    for parts in zip(*bands, strict=True):
        band = {name: part for name, (_, part) in zip(maps, parts, strict=True)}
        (reduced,) = reduced_pictures({name: heads[name] for name in maps}, band, needs, shelf)
        yield parts[0][0], {**whole, **reduced}


def _cut(scores: Any, step: int) -> Iterator[tuple[slice, Any]]:
    """Unchanged scores, in bands of `step` rows: softmax needs as much memory as they have."""
    for start in range(0, scores.shape[2], step):
        part = scores[:, :, start : start + step]
        yield slice(start, start + part.shape[2]), part


def _reductions(head: Head, scores: Any, needs: Sequence[str], shelf: Shelf) -> dict[str, Any]:
    """reduction → arrays with one entry for each picture."""
    made = {}
    for name, options in head.wanted(needs).items():
        function = function_of(shelf.target(name))
        if isinstance(scores, list):
            made[name] = [function(one[None] if hasattr(one, "ndim") else [one], **options)[0] for one in scores]
        else:
            made[name] = function(scores, **options)
    return made
