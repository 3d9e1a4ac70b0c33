"""ReLU, sigmoid and dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from pixelwise.errors import ShapeError
from pixelwise.scratch import functional
from pixelwise.scratch.checks import Array
from pixelwise.scratch.layers.base import Gradients, Layer


class ReLU(Layer):
    """max(x, 0)."""

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        return functional.relu(x)

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        return functional.relu_backward(dout, cache), {}


class Sigmoid(Layer):
    """1/(1 + e⁻ˣ)."""

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        return functional.sigmoid(x)

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        return functional.sigmoid_backward(dout, cache), {}


class Dropout(Layer):
    """Sets numbers to 0 by lot in training; does nothing in prediction."""

    def __init__(self, probability: float = 0.5) -> None:
        super().__init__()
        if not 0 <= probability < 1:
            raise ShapeError(f"the probability of dropout must be at least 0 and below 1, not {probability}.")
        self.probability = probability

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        if training is None:
            return x, None
        return functional.dropout(x, self.probability, training)

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        return dout if cache is None else functional.dropout_backward(dout, cache), {}

    def __repr__(self) -> str:
        return f"Dropout {self.probability:g}"
