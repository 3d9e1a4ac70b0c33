"""Convolution and transposed convolution, each as one matrix product, and their gradients.

A convolution takes the scalar product of each window with each filter. Write every window as a column ("unfold") and
every filter as a row, and all of it is one product of two matrices:

    out = W · columns          W (O, C·kH·kW),  columns (C·kH·kW, h·w)

For G groups W falls into G blocks that read C/G channels each. This module is for reading; `unfold` and `winograd`
compute the same thing faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pixelwise.arithmetic.window import Window
from pixelwise.errors import ShapeError
from pixelwise.scratch.checks import Array, check_bias, check_convolution, check_float, check_gradient, check_pictures
from pixelwise.scratch.windows import fold, patches


@dataclass(frozen=True, eq=False)
class ConvolutionCache:
    """What the backward of a convolution, or of a transposed one, reads: its inputs and how its window moved."""

    x: Array
    weight: Array
    window: Window
    groups: int
    has_bias: bool
    output_shape: tuple[int, int, int, int]


def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[Array, ConvolutionCache]:
    """Convolution (without flipping the kernel, as all networks have it): a weighted sum over every window.

    out[n, o, y, z] = bias[o] + Σ_{c,i,j} weight[o, c, i, j] · x[n, c, y·stride + i·dilation − padding, …]

    x (N, C, H, W), weight (O, C/groups, kH, kW), bias (O,) → out (N, O, h, w). Options are one number or
    (vertical, horizontal). Raises ShapeError if channels, dtypes or sizes do not fit.

    >>> import numpy as np
    >>> out, _ = conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), stride=1)
    >>> out.tolist()
    [[[[4.0, 4.0], [4.0, 4.0]]]]
    """
    check_convolution(x, weight, bias, groups)
    window = Window(weight.shape[2:], stride, padding, dilation)
    height, width = window.output_size((x.shape[2], x.shape[3]))
    shape = (len(x), len(weight), height, width)
    columns = patches(x, window).reshape(len(x), groups, -1, height * width)  # (N, G, C/G·kH·kW, h·w)
    rows = weight.reshape(groups, len(weight) // groups, -1)  # (G, O/G, C/G·kH·kW)
    out = (rows @ columns).reshape(shape)
    if bias is not None:
        out += bias[:, None, None]
    return out, ConvolutionCache(x, weight, window, groups, bias is not None, shape)


def conv2d_backward(dout: Array, cache: ConvolutionCache) -> tuple[Array, Array, Array | None]:
    """The gradients of a loss L by x, weight and bias, from dout = ∂L/∂out (N, O, h, w).

    out = W · columns + bias is linear in each of the three. For one picture and one entry
    out[o, p] = Σ_k W[o, k] · columns[k, p] + bias[o], so by the chain rule

        ∂L/∂W[o, k]       = Σ_p dout[o, p] · columns[k, p]     dW = dout · columnsᵀ, summed over the pictures
        ∂L/∂columns[k, p] = Σ_o W[o, k] · dout[o, p]           dcolumns = Wᵀ · dout
        ∂L/∂bias[o]       = Σ_p dout[o, p]

    A pixel of x was copied into several columns. Its gradient is the sum of theirs: `fold`.
    Returns (dx, dweight, dbias); dbias is None if there was no bias.
    """
    check_gradient(dout, cache.x, cache.output_shape)
    x, weight, window, groups = cache.x, cache.weight, cache.window, cache.groups
    count, outputs, height, width = cache.output_shape
    columns = patches(x, window).reshape(count, groups, -1, height * width)
    rows = weight.reshape(groups, outputs // groups, -1)
    drows = dout.reshape(count, groups, outputs // groups, height * width)

    dweight = (drows @ columns.transpose(0, 1, 3, 2)).sum(axis=0).reshape(weight.shape)
    dcolumns = rows.transpose(0, 2, 1) @ drows
    dx = fold(dcolumns.reshape(*x.shape[:2], *window.kernel, height, width), window, (x.shape[2], x.shape[3]))
    dbias = dout.sum(axis=(0, 2, 3)) if cache.has_bias else None
    return dx, dweight, dbias


def conv_transpose2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[Array, ConvolutionCache]:
    """Transposed convolution: every input pixel adds the kernel times its value to the output.

    A convolution is out = A·x with a matrix A; this is out = Aᵀ·x, so the forward here is the dx of `conv2d_backward`.
    It enlarges a picture by its stride; it does not invert the convolution.

    x (N, C, H, W), weight (C, O/groups, kH, kW), bias (O,) → out (N, O, h, w). `output_padding` chooses among the
    sizes that a convolution with this stride would have mapped to (H, W). Raises ShapeError if things do not fit.
    """
    check_pictures(x)
    check_float(weight, "weight", like=x)
    count, channels, height, width = x.shape
    if weight.ndim != 4 or 0 in weight.shape or len(weight) != channels:
        raise ShapeError(
            f"weight has shape {weight.shape}; a transposed convolution of {channels} channels needs "
            f"({channels}, O/groups, kH, kW)."
        )
    if groups < 1 or channels % groups:
        raise ShapeError(f"{groups} groups cannot divide {channels} input channels evenly.")
    outputs = weight.shape[1] * groups
    check_bias(bias, outputs, x)
    window = Window(weight.shape[2:], stride, padding, dilation)
    size = window.transposed_output_size((height, width), output_padding)
    rows = weight.reshape(groups, channels // groups, -1)  # (G, C/G, O/G·kH·kW)
    stamps = rows.transpose(0, 2, 1) @ x.reshape(count, groups, channels // groups, height * width)
    out = fold(stamps.reshape(count, outputs, *window.kernel, height, width), window, size)
    if bias is not None:
        out += bias[:, None, None]
    return out, ConvolutionCache(x, weight, window, groups, bias is not None, (count, outputs, *size))


def conv_transpose2d_backward(dout: Array, cache: ConvolutionCache) -> tuple[Array, Array, Array | None]:
    """The gradients by x, weight and bias, from dout = ∂L/∂out (N, O, h, w).

    The forward is out = fold(Wᵀ · x) + bias. The transpose of `fold` is `patches`, so dout is unfolded once, and then

        dx = W · patches(dout)          (an ordinary convolution of dout with the same weight)
        dW = Σ_n x · patches(dout)ᵀ

    Returns (dx, dweight, dbias); dbias is None if there was no bias.
    """
    check_gradient(dout, cache.x, cache.output_shape)
    x, weight, groups = cache.x, cache.weight, cache.groups
    count, channels, height, width = x.shape
    dstamps = patches(dout, cache.window)[..., :height, :width].reshape(count, groups, -1, height * width)
    rows = weight.reshape(groups, channels // groups, -1)
    pixels = x.reshape(count, groups, channels // groups, height * width)

    dx = (rows @ dstamps).reshape(x.shape)
    dweight = (pixels @ dstamps.transpose(0, 1, 3, 2)).sum(axis=0).reshape(weight.shape)
    dbias = dout.sum(axis=(0, 2, 3)) if cache.has_bias else None
    return dx, dweight, dbias
