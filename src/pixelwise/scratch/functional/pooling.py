"""Max-pooling and average pooling. Both read a window per channel; the code makes one pass for each cell of the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.arithmetic.window import Window
from pixelwise.errors import ShapeError
from pixelwise.scratch.checks import Array, check_gradient, check_pictures
from pixelwise.scratch.windows import cells, empty_like, padded


@dataclass(frozen=True, eq=False)
class MaxPoolCache:
    """The maxima, which cell of its window each was (counted row by row), and how the window moved."""

    out: Array
    cell: NDArray[Any]
    window: Window
    size: tuple[int, int]


def max_pool2d(
    x: Array, kernel: Any, *, stride: Any = None, padding: Any = 0, dilation: Any = 1
) -> tuple[Array, MaxPoolCache]:
    """The largest value of every window, channel by channel. The default stride is the kernel.

    x (N, C, H, W) → (N, C, h, w). Padding counts as −∞, so it is never the maximum. It may be at most half the kernel;
    otherwise a window could contain only padding. Raises ShapeError if sizes do not fit.
    """
    check_pictures(x)
    window = pooling_window(kernel, stride, padding, dilation)
    size = window.output_size((x.shape[2], x.shape[3]))
    out = empty_like(x, (*x.shape[:2], *size))
    small = np.min_scalar_type(window.kernel[0] * window.kernel[1] - 1)  # one byte, up to 16×16
    cell = np.zeros_like(out, small)
    planes = Planes(x, (x.shape[2], x.shape[3]), window, -np.inf)
    beaten, number = np.empty_like(out[0], bool), np.empty_like(out[0], small)
    for picture, highest, winner in zip(x, out, cell, strict=True):  # one at a time stays in the core's own memory
        planes.load(picture)
        for index, pixels in enumerate(planes.cells(size)):
            if index == 0:
                highest[...] = pixels
                continue
            np.greater(pixels, highest, out=beaten)  # not where it is equal: the first one keeps its place
            np.maximum(highest, pixels, out=highest)
            np.multiply(beaten, small.type(index), out=number)
            np.maximum(winner, number, out=winner)  # indices grow, so the latest to win is the largest
    return out, MaxPoolCache(out, cell, window, (x.shape[2], x.shape[3]))


def max_pool2d_backward(dout: Array, cache: MaxPoolCache) -> Array:
    """dx (N, C, H, W) from dout (N, C, h, w): each gradient goes to the pixel that was the maximum.

    Around any x without ties the maximum *is* one of the pixels, so its derivative is 1 there and 0 elsewhere. With
    ties the first in reading order receives everything. A pixel that is the maximum of several overlapping windows
    receives the sum of their gradients.
    """
    out, window = cache.out, cache.window
    check_gradient(dout, out)
    dx = empty_like(out, (*out.shape[:2], *cache.size))
    planes = Planes(out, cache.size, window, 0)
    share, won = np.empty_like(out[0]), np.empty_like(out[0], bool)
    for dpicture, dhighest, winner in zip(dx, dout, cache.cell, strict=True):
        planes.clear()
        for index, dpixels in enumerate(planes.cells((out.shape[2], out.shape[3]))):
            np.equal(winner, index, out=won)
            dpixels += np.multiply(dhighest, won, out=share)
        planes.store(dpicture)
    return dx


@dataclass(frozen=True, eq=False)
class AveragePoolCache:
    """The shapes, which are all that the gradient of an average needs."""

    x: Array
    window: Window
    output_size: tuple[int, int]


def avg_pool2d(x: Array, kernel: Any, *, stride: Any = None, padding: Any = 0) -> tuple[Array, AveragePoolCache]:
    """The mean of every window, channel by channel. The default stride is the kernel.

    x (N, C, H, W) → (N, C, h, w). Padding counts as zeros that are averaged over too, as in most libraries.
    Raises ShapeError if sizes do not fit.
    """
    check_pictures(x)
    window = pooling_window(kernel, stride, padding, 1)
    size = window.output_size((x.shape[2], x.shape[3]))
    picture = padded(x, window.padding)
    out = empty_like(x, (*x.shape[:2], *size))
    out[...] = 0
    for _, _, rows, columns in cells(window, size):
        out += picture[:, :, rows, columns]
    out /= window.kernel[0] * window.kernel[1]
    return out, AveragePoolCache(x, window, size)


def avg_pool2d_backward(dout: Array, cache: AveragePoolCache) -> Array:
    """dx (N, C, H, W) from dout (N, C, h, w): ∂mean/∂x = 1/(kH·kW) for every pixel of the window, and windows add."""
    x, window, size = cache.x, cache.window, cache.output_size
    check_gradient(dout, x, (*x.shape[:2], *size))
    (top, left), (height, width) = window.padding, x.shape[2:]
    dpicture = empty_like(x, (*x.shape[:2], height + 2 * top, width + 2 * left))
    dpicture[...] = 0
    share = dout / (window.kernel[0] * window.kernel[1])
    for _, _, rows, columns in cells(window, size):
        dpicture[:, :, rows, columns] += share
    return dpicture[:, :, top : top + height, left : left + width]


def pooling_window(kernel: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    """The window of a pooling: its stride is the kernel where it is None. Raises ShapeError if padding is too wide."""
    window = Window(kernel, kernel if stride is None else stride, padding, dilation)
    for axis, name in enumerate(("height", "width")):
        if 2 * window.padding[axis] > window.kernel[axis]:
            raise ShapeError(
                f"padding {window.padding[axis]} is more than half of the pooling kernel {window.kernel[axis]}: "
                "some windows would contain only padding.",
                where=name,
                hint=f"Padding may be at most {window.kernel[axis] // 2}.",
            )
    return window


class Planes:
    """Memory for one picture (C, H, W) taken apart by stride, so that a window that moves by more pixels moves by one.

    With stride 2 the windows' upper left cells fall on every second pixel. Lying apart in memory, such pixels are slow to
    read. Sorted into four planes, (row even or odd) × (column even or odd), each cell of the window falls on neighbours:

        a b a b          a a    b b
        c d c d    →     a a    b b        cell (2, 1) of the window is cell (1, 0) of plane b
        a b a b
        c d c d          c c    d d

    The sorting is one pass; a window of 3×3 then reads nine times.

    Plane (a, b) holds row a + stride·r and column b + stride·c of the padded picture at (r, c). It has `fill` where the
    padding is. The memory is used for one picture after another.
    """

    def __init__(self, like: Array, size: tuple[int, int], window: Window, fill: float) -> None:
        """like: an array (N, C, ·, ·) whose dtype and order in memory the planes take; size: (H, W) of the pictures"""
        self.window = window
        rows = list(_lines(size[0], window, axis=0))
        columns = list(_lines(size[1], window, axis=1))
        self._planes: dict[tuple[int, int], Array] = {}
        self._places: list[tuple[Array, Array, slice, slice]] = []  # (plane, its inner part, rows and columns of x)
        for a, (height, inner_rows, x_rows) in enumerate(rows):
            for b, (width, inner_columns, x_columns) in enumerate(columns):
                plane = empty_like(like, (1, like.shape[1], height, width))[0]
                plane[...] = fill
                self._planes[a, b] = plane
                self._places.append((plane, plane[:, inner_rows, inner_columns], x_rows, x_columns))

    def load(self, picture: Array) -> None:
        """Sort a picture (C, H, W) into the planes; the padding keeps its value."""
        for _, inner, rows, columns in self._places:
            inner[...] = picture[:, rows, columns]

    def store(self, picture: Array) -> None:
        """Write the planes into a picture (C, H, W), every pixel of it; what is on the padding is left out."""
        for _, inner, rows, columns in self._places:
            picture[:, rows, columns] = inner

    def clear(self) -> None:
        """Put zeros everywhere, the padding included."""
        for plane, *_ in self._places:
            plane[...] = 0

    def cells(self, size: tuple[int, int]) -> Iterator[Array]:
        """For each cell of the kernel, row by row, the pixels (C, h, w) that it falls on; `size` is (h, w)."""
        (down, right), gaps = self.window.stride, self.window.dilation
        for i, j in product(*map(range, self.window.kernel)):
            top, left = i * gaps[0], j * gaps[1]
            rows = slice(top // down, top // down + size[0])
            columns = slice(left // right, left // right + size[1])
            yield self._planes[top % down, left % right][:, rows, columns]


def _lines(length: int, window: Window, axis: int) -> Iterator[tuple[int, slice, slice]]:
    """For each offset below the stride: lines of its planes, those that are not padding, and the picture's lines there."""
    stride, padding = window.stride[axis], window.padding[axis]
    for offset in range(stride):
        lines = -(-(length + 2 * padding - offset) // stride)
        before = max(0, -(-(padding - offset) // stride))  # lines of padding
        start = offset + stride * before - padding
        count = max(0, -(-(length - start) // stride))
        yield max(0, lines), slice(before, before + count), slice(start, None, stride)
