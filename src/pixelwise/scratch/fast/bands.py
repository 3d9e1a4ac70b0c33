"""Bands: some rows of some pictures, small enough that what is computed from them stays in a core's own memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pixelwise.scratch.checks import Array
from pixelwise.scratch.fast.workspace import Buffers


@dataclass(frozen=True)
class Band:
    """Pictures `first` to `first + count`, and of each the rows `top` to `top + rows`."""

    first: int
    count: int
    top: int
    rows: int

    @property
    def pictures(self) -> slice:
        return slice(self.first, self.first + self.count)

    def rows_of(self, step: int, height: int) -> slice:
        """The rows `step` to a row of this band, as far as the picture reaches."""
        return slice(step * self.top, min(height, step * (self.top + self.rows)))


def bands(part: slice, height: int, bytes_a_row: int, budget: int) -> Iterator[Band]:
    """The pictures of `part`, `height` rows each, cut into bands of about `budget` bytes, picture by picture.

    Large pictures are cut into bands of equal height; of small ones several are taken together.
    """
    fitting = max(1, round(budget / bytes_a_row))
    pieces = -(-height // min(fitting, height))
    rows = -(-height // pieces)
    together = max(1, fitting // height) if pieces == 1 else 1
    for first in range(part.start, part.stop, together):
        for top in range(0, height, rows):
            yield Band(first, min(together, part.stop - first), top, min(rows, height - top))


def cut_out(
    x: Array, pictures: slice, corner: tuple[int, int], size: tuple[int, int], name: str, buffers: Buffers
) -> Array:
    """A rectangle of some pictures x (N, H, W, C), zero if it reaches beyond them.

    A view where it does not reach beyond them and the channels of a pixel lie side by side; else a copy in memory that
    is reused. corner:  (row, column) where it begins, which may be negative
    """
    _, height, width, channels = x.shape
    (top, left), (rows, columns) = corner, size
    up, begin = min(rows, max(0, -top)), min(columns, max(0, -left))  # where the picture begins in the rectangle
    down, end = max(up, min(rows, height - top)), max(begin, min(columns, width - left))  # and where it ends
    inside = x[pictures, top + up : top + down, left + begin : left + end]
    if inside.shape[1:3] == size and inside.strides[3] == x.itemsize:
        return inside
    shape = (pictures.stop - pictures.start, rows, columns, channels)
    out = buffers.take(name, shape, x.dtype)
    if buffers.differs(name, (shape, x.dtype, up, down, begin, end)):  # else the margin is zero from last time
        out[:, :up] = out[:, down:] = 0
        out[:, up:down, :begin] = out[:, up:down, end:] = 0
    out[:, up:down, begin:end] = inside
    return out


def channel_sums(pictures: Array) -> Array:
    """(N, H, W, C) → (C,), as a product with a row of ones, which is several times faster than `sum`."""
    rows = pictures.reshape(-1, pictures.shape[3])
    sums: Array = np.ones(len(rows), rows.dtype) @ rows
    return sums
