"""Max-pooling and average pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from pixelwise.scratch import functional
from pixelwise.scratch.checks import Array
from pixelwise.scratch.layers.base import Gradients, Layer, Shape, picture_shape, window_words


class MaxPool2d(Layer):
    """The largest value of every window."""

    def __init__(self, kernel: Any, *, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> None:
        super().__init__()
        self.window = functional.pooling_window(kernel, stride, padding, dilation)

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        window = self.window
        return functional.max_pool2d(
            x, window.kernel, stride=window.stride, padding=window.padding, dilation=window.dilation
        )

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        return functional.max_pool2d_backward(dout, cache), {}

    def output_shape(self, shape: Shape) -> Shape:
        channels, height, width = picture_shape(self, shape)
        return (channels, *self.window.output_size((height, width)))

    def __repr__(self) -> str:
        return f"MaxPool2d {window_words(self.window)}"


class AvgPool2d(Layer):
    """The mean of every window."""

    def __init__(self, kernel: Any, *, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.window = functional.pooling_window(kernel, stride, padding, 1)

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        return functional.avg_pool2d(x, self.window.kernel, stride=self.window.stride, padding=self.window.padding)

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        return functional.avg_pool2d_backward(dout, cache), {}

    def output_shape(self, shape: Shape) -> Shape:
        channels, height, width = picture_shape(self, shape)
        return (channels, *self.window.output_size((height, width)))

    def __repr__(self) -> str:
        return f"AvgPool2d {window_words(self.window)}"
