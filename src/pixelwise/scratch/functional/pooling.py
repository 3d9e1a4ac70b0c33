"""Max-pooling and average pooling. Both look at a window per channel; written as one pass per cell of the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pixelwise.arithmetic.window import Window
from pixelwise.errors import ShapeError
from pixelwise.scratch.checks import Array, check_float, check_pictures, check_shape
from pixelwise.scratch.windows import cells, empty_like, padded


@dataclass(frozen=True, eq=False)
class MaxPoolCache:
    """The padded input, the maxima found in it, and how the window moved."""

    picture: Array
    out: Array
    window: Window
    size: tuple[int, int]


def max_pool2d(
    x: Array, kernel: Any, *, stride: Any = None, padding: Any = 0, dilation: Any = 1
) -> tuple[Array, MaxPoolCache]:
    """The largest value of every window, channel by channel. The stride is the kernel where none is given.

    x (N, C, H, W) → (N, C, h, w). Padding counts as −∞, so it never wins; it may be at most half the kernel, or else
    a window could lie in the padding alone. Raises ShapeError where sizes do not fit.
    """
    check_pictures(x)
    window = pooling_window(kernel, stride, padding, dilation)
    height, width = window.output_size((x.shape[2], x.shape[3]))
    picture = padded(x, window.padding, -np.inf)
    out = empty_like(x, (*x.shape[:2], height, width))
    for pixels, highest in zip(picture, out, strict=True):  # one picture at a time stays in the core's own memory
        for i, j, rows, columns in cells(window, (height, width)):
            if i == j == 0:
                highest[...] = pixels[:, rows, columns]
            else:
                np.maximum(highest, pixels[:, rows, columns], out=highest)
    return out, MaxPoolCache(picture, out, window, (x.shape[2], x.shape[3]))


def max_pool2d_backward(dout: Array, cache: MaxPoolCache) -> Array:
    """dx (N, C, H, W) from dout (N, C, h, w): each gradient goes to the pixel that was the maximum.

    Around any x without ties the maximum *is* one of the pixels, so its derivative is 1 there and 0 elsewhere. With
    ties the first in reading order receives everything. A pixel that is the maximum of several overlapping windows
    receives the sum of their gradients.
    """
    picture, out, window = cache.picture, cache.out, cache.window
    check_float(dout, "dout", like=out)
    check_shape(dout, "dout", out.shape)
    dpicture = empty_like(picture, picture.shape)
    dpicture[...] = 0
    for pixels, highest, dhighest, dpixels in zip(picture, out, dout, dpicture, strict=True):
        waiting = np.ones_like(highest, bool)  # windows whose maximum has not been met yet
        for _, _, rows, columns in cells(window, (out.shape[2], out.shape[3])):
            found = pixels[:, rows, columns] == highest
            found &= waiting
            waiting ^= found
            dpixels[:, rows, columns] += dhighest * found
    (top, left), (height, width) = window.padding, cache.size
    return dpicture[:, :, top : top + height, left : left + width]


@dataclass(frozen=True, eq=False)
class AveragePoolCache:
    """Shapes are all that the gradient of an average needs."""

    x: Array
    window: Window
    output_size: tuple[int, int]


def avg_pool2d(x: Array, kernel: Any, *, stride: Any = None, padding: Any = 0) -> tuple[Array, AveragePoolCache]:
    """The mean of every window, channel by channel. The stride is the kernel where none is given.

    x (N, C, H, W) → (N, C, h, w). Padding counts as zeros that are averaged over too, as in most libraries.
    Raises ShapeError where sizes do not fit.
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
    check_float(dout, "dout", like=x)
    check_shape(dout, "dout", (*x.shape[:2], *size))
    (top, left), (height, width) = window.padding, x.shape[2:]
    dpicture = empty_like(x, (*x.shape[:2], height + 2 * top, width + 2 * left))
    dpicture[...] = 0
    share = dout / (window.kernel[0] * window.kernel[1])
    for _, _, rows, columns in cells(window, size):
        dpicture[:, :, rows, columns] += share
    return dpicture[:, :, top : top + height, left : left + width]


def pooling_window(kernel: Any, stride: Any, padding: Any, dilation: Any) -> Window:
    """The window of a pooling: its stride is the kernel where it is None. Raises ShapeError where padding is too wide."""
    window = Window(kernel, kernel if stride is None else stride, padding, dilation)
    for axis, name in enumerate(("height", "width")):
        if 2 * window.padding[axis] > window.kernel[axis]:
            raise ShapeError(
                f"padding {window.padding[axis]} is more than half of the pooling kernel {window.kernel[axis]}: "
                "some windows would hold nothing but padding.",
                where=name,
                hint=f"Padding may be at most {window.kernel[axis] // 2}.",
            )
    return window
