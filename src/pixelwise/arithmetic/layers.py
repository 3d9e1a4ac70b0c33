"""The arithmetic of each kind of layer: its output shape, its weights and its connections.

A shape is (C, H, W), or (F,) after flattening; its members are ints or SymPy expressions. A connection joins one
output to one input that it reads. Connections into the padding are counted like all others, as every textbook does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
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
        """The output's shape. Raises ShapeError if the input does not fit."""
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
        """The computation of the output's shape and the weights, one line each."""

    def _weighted(self, x: Shape, many: Length, one: str) -> str:
        """The sum of the weights: `many` times `one`, and the biases."""
        bias = f" + {bracketed(self.biases(x))}" if getattr(self, "bias", False) else ""
        total = figure(self.weights(x) + self.biases(x))
        return f"weights: {bracketed(many)}·{one}{bias} = {total}"


def volume(shape: Shape) -> Length:
    """Number of values in a shape."""
    return prod(shape[1:], start=shape[0])


def pixels(x: Shape, layer: str) -> tuple[Length, Pair]:
    """(C, (H, W)) of a picture-like shape. Raises ShapeError after flattening."""
    if len(x) != 3:
        what = f"{layer} needs channels×height×width, but gets {write(x)} values in a row."
        raise ShapeError(what, hint="Put it before the first `fc` or `flatten`.")
    return x[0], (x[1], x[2])


def _product(filter: Shape) -> str:
    return f"({'·'.join(map(bracketed, filter))})"


def _divided(channels: Length, groups: int, what: str) -> Length:
    if groups != 1 and not is_symbolic(channels) and channels % groups:
        raise ShapeError(f"{channels} {what} channels cannot be split into {groups} groups.")
    return channels if groups == 1 else channels / groups if is_symbolic(channels) else channels // groups


def _sizes(y: Shape, formula: Callable[[int], str]) -> list[str]:
    """The lines that compute height and width by a formula of the axis; one line if they are equal."""
    sums = [f"{formula(axis)} = {bracketed(y[axis + 1])}" for axis in (0, 1)]
    return [f"{name}: {done}" for name, done in zip(("height", "width"), sums, strict=True)][: len(set(sums))]


def _slide(window: Window, x: Shape, y: Shape) -> list[str]:
    """The lines that compute the output size of a convolution or pooling."""

    def formula(axis: int) -> str:
        parts = (window.kernel, window.stride, window.padding, window.dilation, window.extra)
        k, s, p, d, e = (part[axis] for part in parts)
        more = f" + {e}" if e != 0 else ""
        return f"floor(({bracketed(x[axis + 1])} + 2·{p}{more} − {d}·({k} − 1) − 1)/{s}) + 1"

    return _sizes(y, formula)


@dataclass(frozen=True)
class _Filters(Layer):
    """What a convolution and its transpose share: filters in groups, all K×K, and a bias for each output channel."""

    channels: Length
    window: Window
    groups: int = 1
    bias: bool = True
    kind: Kind = "convolution"

    def biases(self, x: Shape) -> Length:
        return self.channels if self.bias else 0

    def _size(self, x: Shape, layer: str) -> Pair:
        """(H, W) of an input whose channels fit the groups, as those of the output do."""
        _, size = pixels(x, layer)
        _divided(x[0], self.groups, "input")
        _divided(self.channels, self.groups, "output")
        return size


@dataclass(frozen=True)
class Convolution(_Filters):
    """`channels` filters, each reading every input channel of its group; weight (O, C/groups, K, K)."""

    def output(self, x: Shape) -> Shape:
        return (self.channels, *self.window.output_size(self._size(x, "a convolution")))

    def filter(self, x: Shape) -> Shape:
        """The shape of one filter: (C/groups, K, K)."""
        return (_divided(x[0], self.groups, "input"), *self.window.kernel)

    def weights(self, x: Shape) -> Length:
        return self.channels * volume(self.filter(x))

    def connections(self, x: Shape, y: Shape) -> Length:
        return volume(y) * volume(self.filter(x))

    def derive(self, x: Shape, y: Shape) -> list[str]:
        one = self.filter(x)
        return [
            *_slide(self.window, x, y),
            f"filters: {bracketed(self.channels)} of {write(one)}",
            self._weighted(x, self.channels, _product(one)),
            f"connections: {write(y)} outputs, each reads {write(one)} = {figure(self.connections(x, y))}",
        ]


@dataclass(frozen=True)
class TransposedConvolution(_Filters):
    """Every input pixel paints a K×K patch of each output channel; weight (C, O/groups, K, K).

    Its connections are counted from the inputs; those that land in the cropped padding are counted too.
    """

    output_padding: Pair = (0, 0)

    def output(self, x: Shape) -> Shape:
        size = self._size(x, "a transposed convolution")
        return (self.channels, *self.window.transposed_output_size(size, self.output_padding))

    def filter(self, x: Shape) -> Shape:
        """The shape of what one input channel paints: (O/groups, K, K)."""
        return (_divided(self.channels, self.groups, "output"), *self.window.kernel)

    def weights(self, x: Shape) -> Length:
        return x[0] * volume(self.filter(x))

    def connections(self, x: Shape, y: Shape) -> Length:
        return volume(x) * volume(self.filter(x))

    def derive(self, x: Shape, y: Shape) -> list[str]:
        def formula(axis: int) -> str:
            parts = (self.window.kernel, self.window.stride, self.window.padding, self.window.dilation)
            k, s, p, d = (part[axis] for part in parts)
            return f"({bracketed(x[axis + 1])} − 1)·{s} − 2·{p} + {d}·({k} − 1) + {self.output_padding[axis]} + 1"

        one = self.filter(x)
        paints = f"connections: {write(x)} inputs, each paints {write(one)} = {figure(self.connections(x, y))}"
        return [*_sizes(y, formula), self._weighted(x, x[0], _product(one)), paints]


@dataclass(frozen=True)
class Pool(Layer):
    """The largest value, or the mean, of each window; channels stay apart. Padding is at most half the kernel."""

    how: Literal["max", "mean"]
    window: Window
    kind: Kind = "pool"

    def output(self, x: Shape) -> Shape:
        channels, size = pixels(x, "pooling")
        for name, padding, reach in zip(("height", "width"), self.window.padding, self.window.span, strict=True):
            if not is_symbolic(reach) and padding > reach // 2:
                more = f"padding {padding} is more than half of the pooling kernel ({reach})"
                what = f"{more}, so some windows would contain only padding."
                raise ShapeError(what, where=name, hint=f"Padding may be at most {reach // 2}.")
        return (channels, *self.window.output_size(size))

    def connections(self, x: Shape, y: Shape) -> Length:
        return volume(y) * volume(self.window.kernel)

    def derive(self, x: Shape, y: Shape) -> list[str]:
        reads = f"each reads {'·'.join(map(bracketed, self.window.kernel))} = {figure(self.connections(x, y))}"
        return [*_slide(self.window, x, y), f"connections: {write(y)} outputs, {reads}"]


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
        return [f"{self.name} leaves the shape unchanged"]


@dataclass(frozen=True)
class BatchNorm(Layer):
    """One learnt scale and one learnt shift for each channel; an output reads the one input at its place."""

    kind: Kind = "norm"

    def weights(self, x: Shape) -> Length:
        return x[0]

    biases = weights

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
        return self.weights(x)

    def derive(self, x: Shape, y: Shape) -> list[str]:
        flat = [f"inputs: {'·'.join(map(bracketed, x))} = {figure(volume(x))}"] if len(x) > 1 else []
        return [*flat, self._weighted(x, self.units, bracketed(volume(x)))]


@dataclass(frozen=True)
class Join(Layer):
    """A skip: an earlier output is concatenated along the channels, added, or taken instead (`from`)."""

    how: str  # concat, add or from
    source: str
    kind: Kind = "join"

    def merged(self, x: Shape, other: Shape) -> Shape:
        """The shape that results from the previous layer's output and the earlier one."""
        both = f"{write(x)} and {write(other)} (of '{self.source}') cannot be"
        if self.how == "add" and x != other:
            hint = "A 1×1 convolution changes channels, a stride changes the size."
            raise ShapeError(f"{both} added: every member must be equal.", hint=hint)
        if self.how == "concat" and (len(x) != len(other) or x[1:] != other[1:]):
            hint = "Check the strides and paddings between them; `arithmetic solve` finds paddings that fit."
            raise ShapeError(f"{both} concatenated: all but the channels must be equal.", hint=hint)
        return (x[0] + other[0], *x[1:]) if self.how == "concat" else other

    def connections(self, x: Shape, y: Shape) -> Any:
        return volume(y) if self.how == "add" else 0

    def derive(self, x: Shape, y: Shape) -> list[str]:
        how = {"concat": "joined with", "add": "added to", "from": "continues from"}[self.how]
        return [f"{how} the output of '{self.source}' = {write(y)}"]
