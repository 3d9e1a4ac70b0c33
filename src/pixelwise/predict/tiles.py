"""Tiles: how a picture that is too large to be computed at once is cut, and which part of each tile is used.

    tile 1   [ · · · · · · · · ┆ · ]
    tile 2               [ · ┆ · · · · · · ┆ · ]         neighbours share `overlap` pixels; each keeps its own half
    tile 3                             [ · ┆ · · · · ]

A network sees less context at the edge of a tile than in the middle. So every overlap is computed twice, and each tile
discards its outer half. If half the overlap covers the receptive field of an output pixel to one side, tiles give the same
result as the whole picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pixelwise.errors import ShapeError


@dataclass(frozen=True)
class Span:
    """What one tile is along one axis: it reads pixels `start` to `stop` and keeps `first` to `last` (ends excluded)."""

    start: int
    stop: int
    first: int
    last: int

    @property
    def read(self) -> slice:
        """The pixels of the picture that the network reads."""
        return slice(self.start, self.stop)

    @property
    def kept(self) -> slice:
        """The pixels of the picture that this tile decides."""
        return slice(self.first, self.last)

    @property
    def inner(self) -> slice:
        """The part of the tile that is kept."""
        return slice(self.first - self.start, self.last - self.start)


def cover(length: int, tile: int, overlap: int, *, multiple: int = 1) -> list[Span]:
    """Spans of at most `tile` pixels that together keep each of `length` pixels once, in order.

    Tiles start at multiples of `multiple` (the network's stride, so that its coarse grids lie as they would in the whole
    picture); neighbours share at least `overlap` pixels. Raises ShapeError if a tile is too small for that.
    """
    if length <= tile:
        return [Span(0, length, 0, length)]
    step = (tile - overlap) // multiple * multiple
    if overlap < 0 or step < 1:
        raise ShapeError(
            f"tiles of {tile} pixels cannot overlap by {overlap} and start at multiples of {multiple}.",
            where="tile, overlap",
            hint=f"The tile must be at least {max(0, overlap) + multiple}; the overlap, 0 or more.",
        )
    starts = range(0, length - tile + step, step)
    edges = [0, *(start + (tile - step) // 2 for start in starts[1:]), length]
    return [
        Span(start, min(start + tile, length), first, last)
        for start, first, last in zip(starts, edges[:-1], edges[1:], strict=True)
    ]


def cut(size: tuple[int, int], tile: int, overlap: int, *, multiple: int = 1) -> Iterator[tuple[Span, Span]]:
    """The tiles of a picture of `size` (height, width), row by row: (rows, columns) of each."""
    height, width = size
    columns = cover(width, tile, overlap, multiple=multiple)
    for rows in cover(height, tile, overlap, multiple=multiple):
        for across in columns:
            yield rows, across
