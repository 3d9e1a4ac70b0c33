"""A network: layers one after the other, the chain rule run backwards through them, and its weights by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pixelwise.errors import Problem, ShapeError
from pixelwise.scratch.checks import Array
from pixelwise.scratch.fast.workspace import Workspace
from pixelwise.scratch.layers import Gradients, Layer, Shape


class Network:
    """Layers one after the other.

    layers:       begin without weights; they are drawn here
    input_shape:  (C, H, W) of one picture. Every layer is checked against it; a network without Linear layers then
                  also reads pictures of other sizes
    seed:         layer i draws its weights from a generator seeded by (seed, i)
    deviation:    standard deviation of all weights; √(2/inputs) where None
    threads:      into how many parts the fast convolutions divide a batch

    >>> from pixelwise.scratch.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU
    >>> network = Network([Conv2d(3, 8, 3, padding=1), ReLU(), MaxPool2d(2), Flatten(), Linear(128, 10)], (3, 8, 8))
    >>> network.forward(np.zeros((2, 3, 8, 8), np.float32))[0].shape
    (2, 10)
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: Shape,
        *,
        seed: int = 0,
        deviation: float | None = None,
        dtype: Any = np.float32,
        threads: int = 1,
    ) -> None:
        self.layers = tuple(layers)
        self.input_shape = tuple(input_shape)
        self.shapes = _shapes(self.layers, self.input_shape)
        workspace = Workspace(threads)
        for index, layer in enumerate(self.layers):
            layer.initialise(np.random.default_rng([seed, index]), dtype, deviation)
            layer.workspace = workspace  # nothing in it outlives a call, so all layers can share one

    def forward(self, x: Array, training: np.random.Generator | None = None) -> tuple[Array, list[Any]]:
        """(out, one cache a layer). `training` is the generator of random draws; None means prediction."""
        caches = []
        for layer in self.layers:
            x, cache = layer.forward(x, training)
            caches.append(cache)
        return x, caches

    def backward(self, dout: Array, caches: Sequence[Any]) -> Gradients:
        """The gradient of each parameter, from dout = ∂L/∂out and the caches of one forward.

        The chain rule, from the last layer to the first: the dx of a layer is the dout of the one before. The dx of the
        first layer is not computed, because no other layer reads it.
        """
        if len(caches) != len(self.layers):
            raise ShapeError(
                f"{len(caches)} caches for {len(self.layers)} layers: these caches are not from this network."
            )
        found: list[Gradients] = [{} for _ in self.layers]
        for index in range(len(self.layers) - 1, 0, -1):
            dout, found[index] = self.layers[index].backward(dout, caches[index])
        if self.layers[0].parameters:
            found[0] = self.layers[0].parameter_gradients(dout, caches[0])
        return _named(found)

    @property
    def parameters(self) -> dict[str, Array]:
        """The learned arrays by `index.name`. They are not copies: an optimizer changes them in place."""
        return _named(layer.parameters for layer in self.layers)

    def state(self) -> dict[str, Array]:
        """Parameters and running statistics by name, the arrays themselves."""
        return self.parameters | _named(layer.statistics for layer in self.layers)

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Copy a state into this network. Raises ShapeError with all that does not fit, and then changes nothing."""
        own = self.state()
        problems = [Problem(name, "is missing.") for name in own if name not in state]
        problems += [Problem(name, "is not part of this network.") for name in state if name not in own]
        for name in own.keys() & state.keys():
            if own[name].shape != state[name].shape or own[name].dtype != state[name].dtype:
                found, needed = (f"{a.shape} {a.dtype}" for a in (state[name], own[name]))
                problems.append(Problem(name, f"is {found}, but this network needs {needed}."))
        if problems:
            raise ShapeError.all(problems)
        for name, value in state.items():
            own[name][...] = value

    def __repr__(self) -> str:
        """One line per layer: its options, the shape it gives, how many numbers it learns."""
        rows = [("", "input", _words(self.input_shape), "")]
        for index, (layer, shape) in enumerate(zip(self.layers, self.shapes, strict=True)):
            count = sum(value.size for value in layer.parameters.values())
            rows.append((str(index), repr(layer), _words(shape), f"{count:,}" if count else ""))
        rows.append(("", "", "learned", f"{sum(value.size for value in self.parameters.values()):,}"))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = (
            f"{a:>{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}".rstrip() for a, b, c, d in rows
        )
        return "\n".join(lines)


def _shapes(layers: Sequence[Layer], shape: Shape) -> list[Shape]:
    """The output shape of every layer. Raises ShapeError that names the layer which does not fit."""
    if not layers:
        raise ShapeError("a network needs at least one layer.")
    if len(set(map(id, layers))) != len(layers):
        raise ShapeError("the network contains a layer twice.", hint="Shared weights would need summed gradients.")
    shapes = []
    for index, layer in enumerate(layers):
        before = shape
        try:
            shape = layer.output_shape(shape)
        except ShapeError as error:
            problem = error.problems[0]
            where = f"layer {index} ({layer!r}) after {_words(before)}"
            raise ShapeError(
                f"{problem.where}: {problem.what}" if problem.where else problem.what, where=where, hint=problem.hint
            ) from None
        shapes.append(shape)
    return shapes


def _named(arrays: Iterable[Mapping[str, Array]]) -> dict[str, Array]:
    """The arrays of each layer as `index.name`."""
    return {f"{index}.{name}": value for index, held in enumerate(arrays) for name, value in held.items()}


def _words(shape: Shape) -> str:
    return "×".join(map(str, shape))
