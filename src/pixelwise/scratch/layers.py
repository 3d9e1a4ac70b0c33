"""Layers: the functions of `functional` together with the weights and options they are called with.

A layer keeps its weights, never what passed through it: `forward` returns the cache, and the caller of `backward`
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
from pixelwise.scratch import functional
from pixelwise.scratch.checks import Array, check_fraction
from pixelwise.scratch.fast import unfold, winograd
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
        """The shape of one output for one input of `shape`: the same here. Raises ShapeError if it does not fit."""
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

    def initialised(self) -> dict[str, Array]:
        """The parameters. Raises ShapeError while there are none."""
        if not self.parameters:
            raise ShapeError(f"{self!r} has no weights yet.", hint="Call initialise, or put it into a Network.")
        return self.parameters

    def __repr__(self) -> str:
        return type(self).__name__


class Weighted(Layer, ABC):
    """A layer with a weight and usually a bias."""

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
        parameters = self.initialised()
        return parameters["weight"], parameters.get("bias")

    @staticmethod
    def named(*gradients: Array | None) -> Gradients:
        return {name: value for name, value in zip(("weight", "bias"), gradients, strict=True) if value is not None}


def picture_shape(layer: Layer, shape: Shape, channels: int | None = None) -> tuple[int, int, int]:
    """`shape` as (C, H, W). Raises ShapeError if it is something else or has other channels than the layer reads."""
    if len(shape) != 3:
        raise ShapeError(f"{layer!r} reads pictures (C, H, W), but gets {shape}.")
    if channels is not None and shape[0] != channels:
        raise ShapeError(f"{layer!r} reads {channels} channels, but gets {shape[0]}.")
    return shape[0], shape[1], shape[2]


def window_options(window: Window) -> dict[str, Any]:
    """Stride, padding and dilation by name, as functions take them."""
    return {"stride": window.stride, "padding": window.padding, "dilation": window.dilation}


def window_words(window: Window) -> str:
    """Kernel, and stride, padding and dilation where they are not the plain ones."""
    words = ["×".join(map(str, window.kernel))]
    for name, value in window_options(window).items():
        if value != ((0, 0) if name == "padding" else (1, 1)):
            words.append(f"{name} {value[0] if value[0] == value[1] else f'{value[0]}×{value[1]}'}")
    return " ".join(words)


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
    """Sets random numbers to 0 in training; has no effect in prediction (Srivastava et al., JMLR 2014)."""

    def __init__(self, probability: float = 0.5) -> None:
        super().__init__()
        check_fraction(probability, "the probability of dropout")
        self.probability = probability

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        if training is None:
            return x, None
        return functional.dropout(x, self.probability, training)

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        return dout if cache is None else functional.dropout_backward(dout, cache), {}

    def __repr__(self) -> str:
        return f"Dropout {self.probability:g}"


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
        if self.algorithm == "winograd":
            return winograd.conv2d(x, weight, bias, padding=self.window.padding, workspace=self.workspace)
        options = window_options(self.window)
        if self.algorithm == "unfold":
            return unfold.conv2d(x, weight, bias, **options, workspace=self.workspace)
        return functional.conv2d(x, weight, bias, **options, groups=self.groups)

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        if self.algorithm == "grouped":
            dx, *found = functional.conv2d_backward(dout, cache)
            return dx, self.named(*found)
        fast = winograd if self.algorithm == "winograd" else unfold
        return fast.input_gradient(dout, cache, workspace=self.workspace), self.parameter_gradients(dout, cache)

    def parameter_gradients(self, dout: Array, cache: Any) -> Gradients:
        if self.algorithm == "grouped":
            return self.backward(dout, cache)[1]
        fast = winograd if self.algorithm == "winograd" else unfold
        return self.named(*fast.weight_gradient(dout, cache, workspace=self.workspace))

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
        options = {**window_options(self.window), "output_padding": self.output_padding, "groups": self.groups}
        return functional.conv_transpose2d(x, *self.weights(), **options)

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        dx, *found = functional.conv_transpose2d_backward(dout, cache)
        return dx, self.named(*found)

    def output_shape(self, shape: Shape) -> Shape:
        _, height, width = picture_shape(self, shape, self.in_channels)
        return (self.outputs, *self.window.transposed_output_size((height, width), self.output_padding))

    def __repr__(self) -> str:
        return f"ConvTranspose2d {self.in_channels}→{self.outputs} {window_words(self.window)}"


class Linear(Weighted):
    """A fully connected layer: out = x · weightᵀ + bias."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__((outputs, inputs), outputs, inputs, bias)
        self.inputs = inputs

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        return functional.linear(x, *self.weights())

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        dx, *found = functional.linear_backward(dout, cache)
        return dx, self.named(*found)

    def output_shape(self, shape: Shape) -> Shape:
        if shape != (self.inputs,):
            raise ShapeError(
                f"{self!r} reads {self.inputs} numbers, but gets {'×'.join(map(str, shape))} = {math.prod(shape)}.",
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
        scale, shift = self.initialised().values()
        mean, variance = self.statistics.values()
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


class Pool(Layer, ABC):
    """A layer that looks at a window per channel."""

    def __init__(self, window: Window) -> None:
        super().__init__()
        self.window = window

    def output_shape(self, shape: Shape) -> Shape:
        channels, height, width = picture_shape(self, shape)
        return (channels, *self.window.output_size((height, width)))

    def __repr__(self) -> str:
        return f"{type(self).__name__} {window_words(self.window)}"


class MaxPool2d(Pool):
    """The largest value of every window."""

    def __init__(self, kernel: Any, *, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> None:
        super().__init__(functional.pooling_window(kernel, stride, padding, dilation))

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        return functional.max_pool2d(x, self.window.kernel, **window_options(self.window))

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        return functional.max_pool2d_backward(dout, cache), {}


class AvgPool2d(Pool):
    """The mean of every window."""

    def __init__(self, kernel: Any, *, stride: Any = None, padding: Any = 0) -> None:
        super().__init__(functional.pooling_window(kernel, stride, padding, 1))

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, Any]:
        return functional.avg_pool2d(x, self.window.kernel, stride=self.window.stride, padding=self.window.padding)

    def backward(self, dout: Array, cache: Any) -> tuple[Array, Gradients]:
        return functional.avg_pool2d_backward(dout, cache), {}
