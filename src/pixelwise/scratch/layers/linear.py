"""A layer in which everything is connected with everything, and the flattening before it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pixelwise.errors import ShapeError
from pixelwise.scratch import functional
from pixelwise.scratch.checks import Array
from pixelwise.scratch.layers.base import Gradients, Layer, Shape, Weighted


class Linear(Weighted):
    """Everything connected with everything."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__((outputs, inputs), outputs, inputs, bias)
        self.inputs = inputs

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        return functional.linear(x, *self.weights())

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        dx, dweight, dbias = functional.linear_backward(dout, cache)
        return dx, self.named(dweight, dbias)

    def output_shape(self, shape: Shape) -> Shape:
        if shape != (self.inputs,):
            raise ShapeError(
                f"{self!r} reads {self.inputs} numbers, but is given {'×'.join(map(str, shape))} = {math.prod(shape)}.",
                hint="Put a Flatten before it." if math.prod(shape) == self.inputs else "",
            )
        return (self.outputs,)

    def __repr__(self) -> str:
        return f"Linear {self.inputs}→{self.outputs}"


class Flatten(Layer):
    """(C, H, W) → C·H·W numbers."""

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        return functional.flatten(x)

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        return functional.flatten_backward(dout, cache), {}

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)
