"""The windows of a picture: as one array (`patches`), and summed back into a picture (`fold`).

The two are transposes of each other: ⟨patches(x), p⟩ = ⟨x, fold(p)⟩ for all x and p. That is why the one is the
forward step of a convolution and the other its backward step. Sizes come from `pixelwise.arithmetic.window`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import as_strided

from pixelwise.arithmetic.window import Window
from pixelwise.scratch.checks import Array


def empty_like(x: Array, shape: tuple[int, int, int, int]) -> Array:
    """An unset array (N, C, H, W) whose axes follow each other in memory as those of x do."""
    if x.strides[1] < x.strides[3]:  # channels last
        count, channels, height, width = shape
        return np.empty((count, height, width, channels), x.dtype).transpose(0, 3, 1, 2)
    return np.empty(shape, x.dtype)


def padded(x: Array, padding: tuple[int, int]) -> Array:
    """x (N, C, H, W) with rows and columns of zeros on each side; x itself without padding."""
    rows, columns = padding
    if rows == columns == 0:
        return x
    count, channels, height, width = x.shape
    out = empty_like(x, (count, channels, height + 2 * rows, width + 2 * columns))
    out[...] = 0
    out[:, :, rows : rows + height, columns : columns + width] = x
    return out


def cells(window: Window, size: tuple[int, int]) -> Iterator[tuple[int, int, slice, slice]]:
    """For each cell (i, j) of the kernel the rows and columns of a padded picture on which it falls.

    `size` is the number of places (h, w) of the window. Row by row, so that "first" has one meaning.
    """
    (down, right), (gap_rows, gap_columns) = window.stride, window.dilation
    for i, j in product(*map(range, window.kernel)):
        top, left = i * gap_rows, j * gap_columns
        rows = slice(top, top + down * (size[0] - 1) + 1, down)
        columns = slice(left, left + right * (size[1] - 1) + 1, right)
        yield i, j, rows, columns


def patches(x: Array, window: Window) -> Array:
    """Every window of x (N, C, H, W) as a read-only view (N, C, kH, kW, h, w): no number is copied, save for padding.

    patches(x)[n, c, i, j, y, z] = padded x[n, c, y·stride + i·dilation, z·stride + j·dilation]
    """
    height, width = window.output_size((x.shape[2], x.shape[3]))
    picture = padded(x, window.padding)
    image, channel, row, column = picture.strides
    (down, right), (gap_rows, gap_columns) = window.stride, window.dilation
    strides = (image, channel, gap_rows * row, gap_columns * column, down * row, right * column)
    shape = (*x.shape[:2], *window.kernel, height, width)
    return as_strided(picture, shape, strides, writeable=False)


def fold(values: Array, window: Window, size: tuple[int, int]) -> Array:
    """The transpose of `patches`: each pixel receives the sum of all window cells that fell on it.

    values (N, C, kH, kW, h, w) → (N, C, H, W) with (H, W) = `size`; what fell on the padding is dropped.
    """
    count, channels = values.shape[:2]
    (rows, columns), (height, width) = window.padding, size
    out = np.zeros((count, channels, height + 2 * rows, width + 2 * columns), values.dtype)
    for i, j, down, right in cells(window, (values.shape[4], values.shape[5])):
        out[:, :, down, right] += values[:, :, i, j]
    return out[:, :, rows : rows + height, columns : columns + width]
