"""Convolution by unfolding: every window becomes a row of a matrix, and all filters are applied by one product.

The same sum as in `functional.conv2d`, arranged for speed. The channels of a pixel lie side by side, so a row of a
window is one run of kW·C numbers that is copied at once. Windows are unfolded band by band into memory that is
reused. So the whole matrix, which is kH·kW times as large as the picture, never exists. The backward pass unfolds again,
which is faster than reading the matrix from main memory.

Any kernel, stride, padding and dilation; for groups see `functional.conv2d`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from pixelwise.arithmetic.window import Window
from pixelwise.scratch.checks import Array, check_convolution, check_gradient
from pixelwise.scratch.fast.bands import Band, bands, channel_sums, cut_out
from pixelwise.scratch.fast.workspace import Buffers, Workspace, added
from pixelwise.scratch.functional.convolution import ConvolutionCache
from pixelwise.scratch.windows import cells

BYTES_AT_ONCE = 1_200_000  # of unfolded windows


def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    workspace: Workspace,
) -> tuple[Array, ConvolutionCache]:
    """`functional.conv2d` with one group, in memory that is reused.

    x (N, C, H, W), weight (O, C, kH, kW), bias (O,) → out (N, O, h, w), channels last in memory. Raises ShapeError
    if channels, dtypes or sizes do not fit.
    """
    check_convolution(x, weight, bias)
    window = Window(weight.shape[2:], stride, padding, dilation)
    out = _convolve(x.transpose(0, 2, 3, 1), weight.transpose(2, 3, 1, 0), bias, window, workspace)
    out = out.transpose(0, 3, 1, 2)
    return out, ConvolutionCache(x, weight, window, 1, bias is not None, out.shape)


def weight_gradient(dout: Array, cache: ConvolutionCache, *, workspace: Workspace) -> tuple[Array, Array | None]:
    """dweight (O, C, kH, kW) and dbias (O,).

    out = rows · W with one row a window, hence dW = rowsᵀ · dout, summed over the bands; dbias = Σ dout.
    """
    check_gradient(dout, cache.x, cache.output_shape)
    x = cache.x.transpose(0, 2, 3, 1)
    dpictures = np.ascontiguousarray(dout.transpose(0, 2, 3, 1))
    outputs = len(cache.weight)

    def work(part: slice, buffers: Buffers) -> tuple[Array, Array]:
        dkernel = np.zeros((cache.weight[0].size, outputs), x.dtype)
        more = buffers.take("product", dkernel.shape, x.dtype)
        for band, rows in _unfolded(x, cache.window, part, buffers):
            dproducts = dpictures[band.pictures, band.top : band.top + band.rows].reshape(-1, outputs)
            dkernel += np.matmul(rows.T, dproducts, out=more)
        return dkernel, channel_sums(dpictures[part])

    dkernel, sums = added(workspace.over(len(x), work))
    dweight = dkernel.reshape(*cache.window.kernel, x.shape[3], outputs).transpose(3, 2, 0, 1)
    return np.ascontiguousarray(dweight), sums if cache.has_bias else None


def input_gradient(dout: Array, cache: ConvolutionCache, *, workspace: Workspace) -> Array:
    """dx (N, C, H, W), in one of two ways.

    With stride 1 it is a convolution of dout with the kernel turned by 180°, input and output channels exchanged and
    padding span − 1 − p (derived in `winograd.input_gradient`), so it is unfolded like one. With a larger stride that
    convolution would have to read dout with zeros between its pixels. Then drows = dout · Wᵀ is folded back: each cell
    of each window adds to the pixel it came from.
    """
    check_gradient(dout, cache.x, cache.output_shape)
    window, kernels = cache.window, cache.weight.transpose(2, 3, 1, 0)
    dpictures = np.ascontiguousarray(dout.transpose(0, 2, 3, 1))
    around = tuple(reach - 1 - padding for reach, padding in zip(window.span, window.padding, strict=True))
    if window.stride == (1, 1) and min(around) >= 0:
        turned = kernels[::-1, ::-1].transpose(0, 1, 3, 2)
        dx = _convolve(dpictures, turned, None, Window(window.kernel, 1, around, window.dilation), workspace)
    else:
        dx = _fold_product(dpictures, kernels, window, (cache.x.shape[2], cache.x.shape[3]), workspace)
    return dx.transpose(0, 3, 1, 2)


def _convolve(x: Array, kernels: Array, bias: Array | None, window: Window, workspace: Workspace) -> Array:
    """x (N, H, W, C) and kernels (kH, kW, C, O) → (N, h, w, O)."""
    outputs = kernels.shape[3]
    height, width = window.output_size((x.shape[1], x.shape[2]))
    matrix = kernels.reshape(-1, outputs)
    bias_row = np.zeros(1) if bias is None else np.tile(bias, width)  # added a row of pixels at a time
    out = workspace.result((len(x), height, width, outputs), x.dtype)

    def work(part: slice, buffers: Buffers) -> None:
        for band, rows in _unfolded(x, window, part, buffers):
            target = out[band.pictures, band.top : band.top + band.rows]
            np.matmul(rows, matrix, out=target.reshape(-1, outputs))
            if bias is not None:
                target.reshape(-1, len(bias_row))[...] += bias_row

    workspace.over(len(x), work)
    return out


def _unfolded(x: Array, window: Window, part: slice, buffers: Buffers) -> Iterator[tuple[Band, Array]]:
    """Band by band the windows of x (N, H, W, C), one per row: (windows, kH·kW·C). Valid until the next band."""
    height, width = window.output_size((x.shape[1], x.shape[2]))
    (rows, columns), (down, right) = window.kernel, window.stride
    channels = x.shape[3]
    for band in bands(part, height, width * rows * columns * channels * x.itemsize, BYTES_AT_ONCE):
        if rows == columns == down == right == 1 and window.padding == (0, 0) and x.flags.c_contiguous:
            yield band, x[band.pictures, band.top : band.top + band.rows].reshape(-1, channels)  # nothing to unfold
            continue
        corner = (down * band.top - window.padding[0], -window.padding[1])
        size = (down * (band.rows - 1) + window.span[0], right * (width - 1) + window.span[1])
        picture = cut_out(x, band.pictures, corner, size, "picture", buffers)
        unfolded = buffers.take("unfolded", (band.count, band.rows, width, rows, columns, channels), x.dtype)
        _copy_windows(picture, unfolded, window)
        yield band, unfolded.reshape(-1, rows * columns * channels)


def _copy_windows(picture: Array, unfolded: Array, window: Window) -> None:
    """Fill unfolded (N, h, w, kH, kW, C) with the windows of a padded picture (N, H, W, C)."""
    image, row, column, number = picture.strides
    (down, right), (gap_down, gap_right) = window.stride, window.dilation
    strides = (image, down * row, right * column, gap_down * row, gap_right * column, number)
    if gap_right > 1:
        unfolded[...] = as_strided(picture, unfolded.shape, strides)
        return
    # Without dilation a row of a window is one run of kW·C numbers. Declared as one item of that many bytes, it is
    # copied at once, without a loop over its numbers: twice as fast where C is small.
    runs = unfolded.shape[:4], unfolded.shape[4] * column
    np.asarray(_Runs(unfolded, *runs, unfolded.strides[:4]))[...] = np.asarray(_Runs(picture, *runs, strides[:4]))


class _Runs:
    """The memory of an array, declared as items of `length` bytes."""

    def __init__(self, array: Array, shape: tuple[int, ...], length: int, strides: tuple[int, ...]) -> None:
        self.array = array  # kept alive as long as this is
        form = {"typestr": f"|V{length}", "shape": shape, "strides": strides}
        self.__array_interface__ = {**array.__array_interface__, "descr": [("", f"|V{length}")], **form}


def _fold_product(
    dpictures: Array, kernels: Array, window: Window, size: tuple[int, int], workspace: Workspace
) -> Array:
    """dout (N, h, w, O) and kernels (kH, kW, C, O) → dx (N, H, W, C): drows = dout · Wᵀ, folded into the pictures."""
    count, height, width, outputs = dpictures.shape
    channels = kernels.shape[2]
    (top, left), step = window.padding, window.stride[0]
    matrix = kernels.reshape(-1, outputs)
    dx = workspace.result((count, *size, channels), dpictures.dtype)

    def work(part: slice, buffers: Buffers) -> None:
        for band in bands(part, height, width * len(matrix) * dx.itemsize, BYTES_AT_ONCE):
            shape = (band.count, band.rows, width, *kernels.shape[:3])
            drows = buffers.take("unfolded", shape, dx.dtype)
            dproducts = dpictures[band.pictures, band.top : band.top + band.rows].reshape(-1, outputs)
            np.matmul(dproducts, matrix.T, out=drows.reshape(-1, len(matrix)))
            padded = (band.count, size[0] + 2 * top, size[1] + 2 * left, channels)
            dpicture = buffers.take("dpicture", padded, dx.dtype)
            if band.top == 0:
                dpicture[...] = 0
            below = dpicture[:, step * band.top :]
            for i, j, rows, columns in cells(window, (band.rows, width)):
                below[:, rows, columns] += drows[:, :, :, i, j]
            if band.top + band.rows == height:
                dx[band.pictures] = dpicture[:, top : top + size[0], left : left + size[1]]

    workspace.over(count, work)
    return dx
