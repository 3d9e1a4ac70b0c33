"""What each kind of layer does to a shape, how many weights it learns and how many connections it makes.

A shape is (C, H, W), or (F,) once pixels are gone; its members are ints or SymPy expressions. A connection joins one
output to one input that it reads. Connections into the padding are counted like all others, as every textbook does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from pixelwise.arithmetic.table import bracketed, figure, write
from pixelwise.arithmetic.window import Length, Pair, Shape, Window, is_symbolic
from pixelwise.errors import ShapeError

Kind = Literal["convolution", "dense", "norm", "pool", "shape", "activation", "join"]


class Layer(ABC):
    """The arithmetic of one layer. x is the input's shape, y the output's.

    A layer keeps the shape, learns nothing, and each output reads one input, unless its class says otherwise.
    """

    kind: Kind

    def output(self, x: Shape) -> Shape:
        """The output's shape. Raises ShapeError where the input does not fit."""
        return x

    def weights(self, x: Shape) -> Length:
        """Learnable numbers without biases."""
        return 0

    def biases(self, x: Shape) -> Length:
        return 0

    def connections(self, x: Shape, y: Shape) -> Length:
        """Pairs of an output and an input that it reads, biases not among them."""
        return volume(y)

    @abstractmethod
    def derive(self, x: Shape, y: Shape) -> list[str]:
        """The sums behind the output's shape and the weights, one a line."""


def volume(shape: Shape) -> Length:
    """Number of values in a shape."""
    return prod(shape[1:], start=shape[0])


def pixels(x: Shape, layer: str) -> tuple[Length, Pair]:
    """(C, (H, W)) of a picture-like shape. Raises ShapeError where the pixels are already gone."""
    if len(x) != 3:
        raise ShapeError(
            f"{layer} needs channels×height×width, but gets {write(x)} values in a row.",
            hint="Put it before the first `fc` or `flatten`.",
        )
    return x[0], (x[1], x[2])


def _divided(channels: Length, groups: int, what: str) -> Length:
    if groups == 1:
        return channels
    if is_symbolic(channels):
        return channels / groups
    if channels % groups:
        raise ShapeError(f"{channels} {what} channels cannot be split into {groups} groups.")
    return channels // groups


def _slide(window: Window, size: Pair, after: Pair) -> list[str]:
    """The two lines that compute an output size."""
    lines = []
    for axis, name in enumerate(("height", "width")):
        k, s, p, d, e = (
            part[axis] for part in (window.kernel, window.stride, window.padding, window.dilation, window.extra)
        )
        more = f" + {e}" if e != 0 else ""
        lines.append(
            f"{name}: floor(({bracketed(size[axis])} + 2·{p}{more} − {d}·({k} − 1) − 1)/{s}) + 1 = "
            f"{bracketed(after[axis])}"
        )
    return lines[:1] if lines[0].split(":")[1] == lines[1].split(":")[1] else lines


@dataclass(frozen=True)
class Convolution(Layer):
    """`channels` filters, each reading every input channel of its group; weight (O, C/groups, K, K)."""

    channels: Length
    window: Window
    groups: int = 1
    bias: bool = True
    kind: Kind = "convolution"

    def output(self, x: Shape) -> Shape:
        _, size = pixels(x, "a convolution")
        _divided(x[0], self.groups, "input")
        _divided(self.channels, self.groups, "output")
        return (self.channels, *self.window.output_size(size))

    def filter(self, x: Shape) -> Shape:
        """The shape of one filter: (C/groups, K, K)."""
        return (_divided(x[0], self.groups, "input"), *self.window.kernel)

    def weights(self, x: Shape) -> Length:
        return self.channels * volume(self.filter(x))

    def biases(self, x: Shape) -> Length:
        return self.channels if self.bias else 0

    def connections(self, x: Shape, y: Shape) -> Length:
        return volume(y) * volume(self.filter(x))

    def derive(self, x: Shape, y: Shape) -> list[str]:
        lines = _slide(self.window, (x[1], x[2]), (y[1], y[2]))
        one = self.filter(x)
        bias = f" + {bracketed(self.channels)}" if self.bias else ""
        lines.append(f"filters: {bracketed(self.channels)} of {write(one)}")
        total = self.weights(x) + self.biases(x)
        lines.append(f"weights: {bracketed(self.channels)}·({'·'.join(map(bracketed, one))}){bias} = {figure(total)}")
        lines.append(f"connections: {write(y)} outputs, each reads {write(one)} = {figure(self.connections(x, y))}")
        return lines


@dataclass(frozen=True)
class TransposedConvolution(Layer):
    """Every input pixel paints a K×K patch of each output channel; weight (C, O/groups, K, K).

    Its connections are counted from the inputs; those that land in the cropped padding are counted too.
    """

    channels: Length
    window: Window
    output_padding: Pair = (0, 0)
    groups: int = 1
    bias: bool = True
    kind: Kind = "convolution"

    def output(self, x: Shape) -> Shape:
        _, size = pixels(x, "a transposed convolution")
        _divided(x[0], self.groups, "input")
        _divided(self.channels, self.groups, "output")
        return (self.channels, *self.window.transposed_output_size(size, self.output_padding))

    def filter(self, x: Shape) -> Shape:
        """The shape of what one input channel paints: (O/groups, K, K)."""
        return (_divided(self.channels, self.groups, "output"), *self.window.kernel)

    def weights(self, x: Shape) -> Length:
        return x[0] * volume(self.filter(x))

    def biases(self, x: Shape) -> Length:
        return self.channels if self.bias else 0

    def connections(self, x: Shape, y: Shape) -> Length:
        return volume(x) * volume(self.filter(x))

    def derive(self, x: Shape, y: Shape) -> list[str]:
        window = self.window
        lines = [
            f"{name}: ({bracketed(x[axis + 1])} − 1)·{window.stride[axis]} − 2·{window.padding[axis]} + "
            f"{window.dilation[axis]}·({window.kernel[axis]} − 1) + {self.output_padding[axis]} + 1 = "
            f"{bracketed(y[axis + 1])}"
            for axis, name in enumerate(("height", "width"))
        ]
        lines = lines[:1] if lines[0].split(":")[1] == lines[1].split(":")[1] else lines
        one = self.filter(x)
        bias = f" + {bracketed(self.channels)}" if self.bias else ""
        total = self.weights(x) + self.biases(x)
        lines.append(f"weights: {bracketed(x[0])}·({'·'.join(map(bracketed, one))}){bias} = {figure(total)}")
        lines.append(f"connections: {write(x)} inputs, each paints {write(one)} = {figure(self.connections(x, y))}")
        return lines


@dataclass(frozen=True)
class Pool(Layer):
    """The largest value, or the mean, of each window; channels stay apart. Padding is at most half the kernel."""

    how: Literal["max", "mean"]
    window: Window
    kind: Kind = "pool"

    def output(self, x: Shape) -> Shape:
        channels, size = pixels(x, "pooling")
        for axis, name in enumerate(("height", "width")):
            padding, reach = self.window.padding[axis], self.window.span[axis]
            if not is_symbolic(reach) and padding > reach // 2:
                raise ShapeError(
                    f"padding {padding} is more than half of the pooling kernel ({reach}), so that some windows would "
                    "hold padding only.",
                    where=name,
                    hint=f"Padding may be at most {reach // 2}.",
                )
        return (channels, *self.window.output_size(size))

    def connections(self, x: Shape, y: Shape) -> Length:
        return volume(y) * self.window.kernel[0] * self.window.kernel[1]

    def derive(self, x: Shape, y: Shape) -> list[str]:
        kernel = "·".join(map(bracketed, self.window.kernel))
        lines = _slide(self.window, (x[1], x[2]), (y[1], y[2]))
        return [*lines, f"connections: {write(y)} outputs, each reads {kernel} = {figure(self.connections(x, y))}"]


@dataclass(frozen=True)
class GlobalPool(Layer):
    """The mean of each channel: (C, H, W) → (C, 1, 1)."""

    kind: Kind = "pool"

    def output(self, x: Shape) -> Shape:
        return pixels(x, "global pooling")[0], 1, 1

    def connections(self, x: Shape, y: Shape) -> Length:
        return volume(x)

    def derive(self, x: Shape, y: Shape) -> list[str]:
        return [f"each channel's {write(x[1:])} values become one"]


@dataclass(frozen=True)
class Upsample(Layer):
    """Nearest neighbour: every pixel becomes a block of factor×factor."""

    factor: Pair
    kind: Kind = "pool"

    def output(self, x: Shape) -> Shape:
        channels, size = pixels(x, "upsampling")
        return channels, size[0] * self.factor[0], size[1] * self.factor[1]

    def derive(self, x: Shape, y: Shape) -> list[str]:
        return [f"size: {write(x[1:])} times {self.factor[0]}×{self.factor[1]} = {write(y[1:])}"]


@dataclass(frozen=True)
class Elementwise(Layer):
    """An activation or dropout: every output reads one input; shape and weights do not change."""

    name: str
    kind: Kind = "activation"

    def derive(self, x: Shape, y: Shape) -> list[str]:
        return [f"{self.name} leaves the shape as it is"]


@dataclass(frozen=True)
class BatchNorm(Layer):
    """One learnt scale and one learnt shift a channel; an output reads the one input in its place."""

    kind: Kind = "norm"

    def weights(self, x: Shape) -> Length:
        return x[0]

    def biases(self, x: Shape) -> Length:
        return x[0]

    def derive(self, x: Shape, y: Shape) -> list[str]:
        return [f"weights: a scale and a shift for each of {bracketed(x[0])} channels = {figure(2 * x[0])}"]


@dataclass(frozen=True)
class Flatten(Layer):
    """(C, H, W) → (C·H·W,)."""

    kind: Kind = "shape"

    def output(self, x: Shape) -> Shape:
        return (volume(x),)

    def connections(self, x: Shape, y: Shape) -> Length:
        return 0

    def derive(self, x: Shape, y: Shape) -> list[str]:
        return [f"{'·'.join(map(bracketed, x))} = {figure(y[0])} values in a row"]


@dataclass(frozen=True)
class Linear(Layer):
    """Every unit reads every input; a picture is flattened first. Weight (units, inputs)."""

    units: Length
    bias: bool = True
    kind: Kind = "dense"

    def output(self, x: Shape) -> Shape:
        return (self.units,)

    def weights(self, x: Shape) -> Length:
        return self.units * volume(x)

    def biases(self, x: Shape) -> Length:
        return self.units if self.bias else 0

    def connections(self, x: Shape, y: Shape) -> Length:
        return self.units * volume(x)

    def derive(self, x: Shape, y: Shape) -> list[str]:
        inputs = volume(x)
        flat = [f"inputs: {'·'.join(map(bracketed, x))} = {figure(inputs)}"] if len(x) > 1 else []
        bias = f" + {bracketed(self.units)}" if self.bias else ""
        total = self.weights(x) + self.biases(x)
        return [*flat, f"weights: {bracketed(self.units)}·{bracketed(inputs)}{bias} = {figure(total)}"]


@dataclass(frozen=True)
class Join(Layer):
    """A skip: an earlier output is concatenated along the channels, added, or taken instead (`from`)."""

    how: Literal["concat", "add", "from"]
    source: str
    kind: Kind = "join"

    def merged(self, x: Shape, other: Shape) -> Shape:
        """The shape that comes of the previous layer's output and the earlier one."""
        if self.how == "from":
            return other
        if self.how == "add":
            if x != other:
                raise ShapeError(
                    f"{write(x)} and {write(other)} (of '{self.source}') cannot be added: every member must be equal.",
                    hint="A 1×1 convolution changes channels, a stride changes the size.",
                )
            return x
        if len(x) != len(other) or x[1:] != other[1:]:
            raise ShapeError(
                f"{write(x)} and {write(other)} (of '{self.source}') cannot be concatenated: all but the channels "
                "must be equal.",
                hint="Check the strides and paddings between them; `arithmetic solve` finds paddings that fit.",
            )
        return (x[0] + other[0], *x[1:])

    def connections(self, x: Shape, y: Shape) -> Any:
        return volume(y) if self.how == "add" else 0

    def derive(self, x: Shape, y: Shape) -> list[str]:
        how = {"concat": "joined with", "add": "added to", "from": "goes on from"}[self.how]
        return [f"{how} the output of '{self.source}' = {write(y)}"]
