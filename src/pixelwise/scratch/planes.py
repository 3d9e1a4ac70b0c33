"""A picture taken apart by stride: what makes a window that moves by more than one pixel move by one.

With stride 2 the windows' upper left cells fall on every second pixel. Lying apart in memory, such pixels are slow to
read. Sorted into four planes, (row even or odd) × (column even or odd), each cell of the window falls on neighbours:

    a b a b          a a    b b
    c d c d    →     a a    b b        cell (2, 1) of the window is cell (1, 0) of plane b
    a b a b
    c d c d          c c    d d

The sorting is one pass; a window of 3×3 then reads nine times.
"""

from __future__ import annotations

from collections.abc import Iterator

from pixelwise.arithmetic.window import Window
from pixelwise.scratch.checks import Array
from pixelwise.scratch.windows import empty_like


class Planes:
    """Memory for one picture (C, H, W) in planes, with `fill` where the padding is; used for one picture after another.

    Plane (a, b) holds row a + stride·r and column b + stride·c of the padded picture at (r, c).
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
        (kernel_rows, kernel_columns), (down, right), gaps = (
            self.window.kernel,
            self.window.stride,
            self.window.dilation,
        )
        for i in range(kernel_rows):
            for j in range(kernel_columns):
                top, left = i * gaps[0], j * gaps[1]
                rows = slice(top // down, top // down + size[0])
                columns = slice(left // right, left // right + size[1])
                yield self._planes[top % down, left % right][:, rows, columns]


def _lines(length: int, window: Window, axis: int) -> Iterator[tuple[int, slice, slice]]:
    """For each offset below the stride: lines of its planes, those that are no padding, and the picture's lines there."""
    stride, padding = window.stride[axis], window.padding[axis]
    for offset in range(stride):
        lines = -(-(length + 2 * padding - offset) // stride)
        before = max(0, -(-(padding - offset) // stride))  # lines of padding
        start = offset + stride * before - padding
        count = max(0, -(-(length - start) // stride))
        yield max(0, lines), slice(before, before + count), slice(start, None, stride)
