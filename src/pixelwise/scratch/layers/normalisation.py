"""Batch normalisation with its running statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from pixelwise.errors import ShapeError
from pixelwise.scratch import functional
from pixelwise.scratch.checks import Array
from pixelwise.scratch.layers.base import Gradients, Layer, Shape, picture_shape


class BatchNorm2d(Layer):
    """Batch normalisation: the batch's statistics in training, running ones in prediction.

    running ← (1 − momentum) · running + momentum · batch, with the variance divided by one less than the count.
    """

    def __init__(self, channels: int, *, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.channels, self.momentum, self.epsilon = channels, momentum, epsilon

    def initialise(
        self, generator: np.random.Generator, dtype: Any = np.float32, deviation: float | None = None
    ) -> None:
        self.parameters = {"scale": np.ones(self.channels, dtype), "shift": np.zeros(self.channels, dtype)}
        self.statistics = {"mean": np.zeros(self.channels, dtype), "variance": np.ones(self.channels, dtype)}

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        if not self.parameters:
            raise ShapeError(f"{self!r} has no weights yet.", hint="Call initialise, or put it into a Network.")
        scale, shift = self.parameters["scale"], self.parameters["shift"]
        mean, variance = self.statistics["mean"], self.statistics["variance"]
        if training is None:
            return functional.fixed_norm(x, scale, shift, mean, variance, epsilon=self.epsilon)
        out, cache = functional.batch_norm(x, scale, shift, epsilon=self.epsilon)
        mean += self.momentum * (cache.mean - mean)
        variance += self.momentum * (cache.variance * (cache.count / (cache.count - 1)) - variance)
        return out, cache

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        fixed = isinstance(cache, functional.FixedNormCache)
        backward = functional.fixed_norm_backward if fixed else functional.batch_norm_backward
        dx, dscale, dshift = backward(dout, cache)
        return dx, {"scale": dscale, "shift": dshift}

    def output_shape(self, shape: Shape) -> Shape:
        return picture_shape(self, shape, self.channels)

    def __repr__(self) -> str:
        return f"BatchNorm2d {self.channels}"
