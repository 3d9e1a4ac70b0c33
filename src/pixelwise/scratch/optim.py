"""Optimizers: stochastic gradient descent with momentum, and Adam.

An optimizer changes the arrays it is given in place. Weight decay is added to the gradient of weights only: a bias, or
the scale of a normalisation, does not make a network more complicated by being large.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from pixelwise.errors import ShapeError
from pixelwise.scratch.checks import Array, check_fraction, check_shape


class SGD:
    """v ← β·v − η·g, then w ← w + v, where g is the gradient, plus decay·w for weights.

    The learning rate η is inside v, so what was gathered at a high rate keeps its speed when the rate falls. PyTorch
    keeps it outside (v ← β·v + g, w ← w − η·v); the two agree as long as η stays the same.

    momentum:  β
    decay:     of weights
    """

    def __init__(self, *, momentum: float = 0.0, decay: float = 0.0) -> None:
        check_fraction(momentum, "momentum")
        self.momentum, self.decay = momentum, decay
        self.velocity: dict[str, Array] = {}

    def update(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array], rate: float) -> None:
        """One step with learning rate `rate`, in place. Raises ShapeError if gradients do not fit parameters."""
        for name, weight in parameters.items():
            gradient = _gradient(name, weight, gradients, self.decay)
            velocity = self.velocity.setdefault(name, np.zeros_like(weight))
            velocity *= self.momentum
            velocity -= rate * gradient
            weight += velocity

    def state(self) -> dict[str, Array]:
        """What a resumed training must know."""
        return dict(self.velocity)

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Continue from a state."""
        self.velocity = {name: np.array(value) for name, value in state.items()}

    def check(self, parameters: Mapping[str, Array]) -> None:
        """Raise ShapeError where a state was not that of these parameters."""
        _check_memory("velocity", self.velocity, parameters)


class Adam:
    """Adam: steps of about equal size for every weight, the mean gradient divided by its root mean square.

        m ← β₁·m + (1 − β₁)·g        s ← β₂·s + (1 − β₂)·g²        w ← w − η · (m/(1 − β₁ᵗ)) / (√(s/(1 − β₂ᵗ)) + ε)

    The divisors correct for m and s, which begin at 0. Kingma and Ba, "Adam" (ICLR 2015), algorithm 1.
    """

    def __init__(
        self, *, mean_decay: float = 0.9, square_decay: float = 0.999, epsilon: float = 1e-8, decay: float = 0.0
    ) -> None:
        check_fraction(mean_decay, "mean_decay")
        check_fraction(square_decay, "square_decay")
        self.mean_decay, self.square_decay, self.epsilon, self.decay = mean_decay, square_decay, epsilon, decay
        self.steps = 0
        self.mean: dict[str, Array] = {}
        self.square: dict[str, Array] = {}

    def update(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array], rate: float) -> None:
        """One step with learning rate `rate`, in place. Raises ShapeError if gradients do not fit parameters."""
        found = {name: _gradient(name, weight, gradients, self.decay) for name, weight in parameters.items()}
        self.steps += 1
        for name, weight in parameters.items():
            mean = self.mean.setdefault(name, np.zeros_like(weight))
            square = self.square.setdefault(name, np.zeros_like(weight))
            mean += (1 - self.mean_decay) * (found[name] - mean)
            square += (1 - self.square_decay) * (np.square(found[name]) - square)
            step = mean / (1 - self.mean_decay**self.steps)
            step /= np.sqrt(square) / math.sqrt(1 - self.square_decay**self.steps) + self.epsilon
            weight -= rate * step

    def state(self) -> dict[str, Array]:
        """What a resumed training must know."""
        moments = {f"mean.{name}": value for name, value in self.mean.items()}
        moments |= {f"square.{name}": value for name, value in self.square.items()}
        return moments | {"steps": np.array(self.steps)}

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Continue from a state. Raises ShapeError if it does not say after how many steps."""
        steps = state.get("steps", np.array(-1))
        if steps.shape != () or steps.dtype.kind not in "iu" or steps < 0:
            raise ShapeError("is not a number of steps.", where="steps")
        self.steps = int(steps)
        self.mean = {name[5:]: np.array(value) for name, value in state.items() if name.startswith("mean.")}
        self.square = {name[7:]: np.array(value) for name, value in state.items() if name.startswith("square.")}

    def check(self, parameters: Mapping[str, Array]) -> None:
        """Raise ShapeError where a state was not that of these parameters."""
        _check_memory("mean", self.mean, parameters)
        _check_memory("square", self.square, parameters)


def _check_memory(what: str, memory: Mapping[str, Array], parameters: Mapping[str, Array]) -> None:
    """Raise ShapeError unless every array is one of a parameter, of its shape and type."""
    for name, value in memory.items():
        if name not in parameters or (value.shape, value.dtype) != (parameters[name].shape, parameters[name].dtype):
            raise ShapeError(
                f"is {value.shape} {value.dtype}, which no parameter of that name is.", where=f"{what}.{name}"
            )


def _gradient(name: str, weight: Array, gradients: Mapping[str, Array], decay: float) -> Array:
    """The gradient of one parameter, with decay where it is a weight."""
    if name not in gradients:
        raise ShapeError(f"{name} has no gradient.")
    gradient = gradients[name]
    check_shape(gradient, f"the gradient of {name}", weight.shape)
    is_weight = name.rpartition(".")[2] == "weight"
    return gradient + decay * weight if decay and is_weight else gradient
