"""Convolution, in the fastest of three ways, and its transpose."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pixelwise.arithmetic.window import Window
from pixelwise.scratch import functional
from pixelwise.scratch.checks import Array
from pixelwise.scratch.fast import unfold, winograd
from pixelwise.scratch.layers.base import Gradients, Shape, Weighted, picture_shape, window_words


class Conv2d(Weighted):
    """Convolution. `algorithm` says which of three ways it is computed."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Any,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        self.window = Window(kernel, stride, padding, dilation)
        self.in_channels, self.groups = in_channels, groups
        fan_in = in_channels // groups * math.prod(self.window.kernel)
        super().__init__((out_channels, in_channels // groups, *self.window.kernel), out_channels, fan_in, bias)
        self.algorithm = convolution_algorithm(self.window, in_channels, out_channels, groups)

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        weight, bias = self.weights()
        window = self.window
        if self.algorithm == "winograd":
            return winograd.conv2d(x, weight, bias, padding=window.padding, workspace=self.workspace)
        options = {"stride": window.stride, "padding": window.padding, "dilation": window.dilation}
        if self.algorithm == "unfold":
            return unfold.conv2d(x, weight, bias, **options, workspace=self.workspace)
        return functional.conv2d(x, weight, bias, **options, groups=self.groups)

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        if self.algorithm == "grouped":
            dx, dweight, dbias = functional.conv2d_backward(dout, cache)
            return dx, self.named(dweight, dbias)
        module = winograd if self.algorithm == "winograd" else unfold
        dx = module.input_gradient(dout, cache, workspace=self.workspace)
        return dx, self.parameter_gradients(dout, cache)

    def parameter_gradients(self, dout: Array, cache: Any) -> Gradients:
        if self.algorithm == "grouped":
            return self.backward(dout, cache)[1]
        module = winograd if self.algorithm == "winograd" else unfold
        return self.named(*module.weight_gradient(dout, cache, workspace=self.workspace))

    def output_shape(self, shape: Shape) -> Shape:
        _, height, width = picture_shape(self, shape, self.in_channels)
        return (self.outputs, *self.window.output_size((height, width)))

    def __repr__(self) -> str:
        groups = f" groups {self.groups}" if self.groups > 1 else ""
        return f"Conv2d {self.in_channels}→{self.outputs} {window_words(self.window)}{groups}"


def convolution_algorithm(window: Window, in_channels: int, out_channels: int, groups: int) -> str:
    """ "winograd", "unfold" or "grouped": the fastest way that can compute it.

    What Winograd saves grows with the product of the channels, C·O, what its transforms cost with their sum. Measured,
    the two are even at about C·O = 10·(C + O), such as 20 → 20 or 16 → 27, for kernels of 3, 4 and 5. For a kernel of 2
    it saves too little to pay.
    """
    if groups > 1:
        return "grouped"
    pays = window.kernel[0] > 2 and in_channels * out_channels >= 10 * (in_channels + out_channels)
    return "winograd" if pays and winograd.fits(window) else "unfold"


class ConvTranspose2d(Weighted):
    """Transposed convolution."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Any,
        *,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        self.window = Window(kernel, stride, padding, dilation)
        self.in_channels, self.groups, self.output_padding = in_channels, groups, output_padding
        # Each output pixel is reached by about kernel/stride² of the stamps.
        reached = max(1, math.prod(self.window.kernel) // math.prod(self.window.stride))
        shape = (in_channels, out_channels // groups, *self.window.kernel)
        super().__init__(shape, out_channels, in_channels // groups * reached, bias)

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        window = self.window
        return functional.conv_transpose2d(
            x,
            *self.weights(),
            stride=window.stride,
            padding=window.padding,
            output_padding=self.output_padding,
            dilation=window.dilation,
            groups=self.groups,
        )

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        dx, dweight, dbias = functional.conv_transpose2d_backward(dout, cache)
        return dx, self.named(dweight, dbias)

    def output_shape(self, shape: Shape) -> Shape:
        _, height, width = picture_shape(self, shape, self.in_channels)
        return (self.outputs, *self.window.transposed_output_size((height, width), self.output_padding))

    def __repr__(self) -> str:
        return f"ConvTranspose2d {self.in_channels}→{self.outputs} {window_words(self.window)}"
