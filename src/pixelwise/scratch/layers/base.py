"""What all layers have in common.

A layer keeps its weights, never what passed through it: `forward` returns the cache, and whoever calls `backward`
hands it back. So one layer can be run many times before any backward, and the caches do not disturb each other.

Layers begin without weights. `initialise` draws them; `Network` does so for all of its layers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from pixelwise.arithmetic.window import Window
from pixelwise.errors import ShapeError
from pixelwise.scratch.checks import Array
from pixelwise.scratch.fast.workspace import Workspace

Shape = tuple[int, ...]  # of one example, without the batch: (C, H, W) or (features,)
Gradients = dict[str, Array]


class Layer(ABC):
    """One step of a network.

    parameters:  what is learned, by name; "weight" alone is decayed
    statistics:  what is kept but not learned
    """

    def __init__(self) -> None:
        self.parameters: dict[str, Array] = {}
        self.statistics: dict[str, Array] = {}
        self.workspace = Workspace()

    @abstractmethod
    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        """(out, cache). `training` is the generator of this step's random draws; None means that this is prediction."""

    @abstractmethod
    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        """dx, and the gradient of each parameter."""

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of one output for one input of `shape`: the same here. Raises ShapeError where it does not fit."""
        return shape

    def parameter_gradients(self, dout: Array, cache: Any) -> Gradients:
        """The gradients of the parameters alone. All that is needed of a network's first layer, and often cheaper."""
        return self.backward(dout, cache)[1]

    def initialise(  # noqa: B027 (most layers have nothing to draw)
        self, generator: np.random.Generator, dtype: Any = np.float32, deviation: float | None = None
    ) -> None:
        """Draw the weights, where there are any: normal with this standard deviation.

        Where it is None: √(2/inputs), which keeps the size of what passes through ReLU layers (He et al., ICCV 2015).
        """

    def __repr__(self) -> str:
        return type(self).__name__


class Weighted(Layer, ABC):
    """A layer with a weight and mostly a bias."""

    def __init__(self, weight_shape: Shape, outputs: int, inputs_per_output: int, bias: bool) -> None:
        super().__init__()
        self.weight_shape, self.outputs, self.bias = weight_shape, outputs, bias
        self._inputs = inputs_per_output

    def initialise(
        self, generator: np.random.Generator, dtype: Any = np.float32, deviation: float | None = None
    ) -> None:
        spread = math.sqrt(2 / self._inputs) if deviation is None else deviation
        self.parameters["weight"] = (spread * generator.standard_normal(self.weight_shape)).astype(dtype)
        if self.bias:
            self.parameters["bias"] = np.zeros(self.outputs, dtype)

    def weights(self) -> tuple[Array, Array | None]:
        """(weight, bias). Raises ShapeError while there are none."""
        if "weight" not in self.parameters:
            raise ShapeError(f"{self!r} has no weights yet.", hint="Call initialise, or put it into a Network.")
        return self.parameters["weight"], self.parameters.get("bias")

    @staticmethod
    def named(dweight: Array, dbias: Array | None) -> Gradients:
        return {"weight": dweight} if dbias is None else {"weight": dweight, "bias": dbias}


def picture_shape(layer: Layer, shape: Shape, channels: int | None = None) -> tuple[int, int, int]:
    """`shape` as (C, H, W). Raises ShapeError where it is something else or has other channels than the layer reads."""
    if len(shape) != 3:
        raise ShapeError(f"{layer!r} reads pictures (C, H, W), but is given {shape}.")
    if channels is not None and shape[0] != channels:
        raise ShapeError(f"{layer!r} reads {channels} channels, but is given {shape[0]}.")
    return shape[0], shape[1], shape[2]


def window_words(window: Window) -> str:
    """Kernel, and stride, padding and dilation where they are not the plain ones."""
    words = ["×".join(map(str, window.kernel))]
    for name, value, plain in (
        ("stride", window.stride, 1),
        ("padding", window.padding, 0),
        ("dilation", window.dilation, 1),
    ):
        if value != (plain, plain):
            words.append(f"{name} {value[0] if value[0] == value[1] else f'{value[0]}×{value[1]}'}")
    return " ".join(words)
