"""Learning-rate schedules. A schedule is a factor of the phase's learning rate.

A builder gets the number of epochs of its phase (a real number if the phase is given in steps) and returns `factor(epoch)`.
Here, epoch is a real number that grows with every step. So a schedule runs over the steps of its phase, in whichever unit the
phase's length is given. `warmup`, `at` and `every` are always in epochs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

from annotated_types import Ge, Gt, Le

Factor = Callable[[float], float]
Fraction = Annotated[float, Ge(0), Le(1)]
Epochs = Annotated[float, Ge(0)]


def constant(epochs: float, *, warmup: Epochs = 0.0) -> Factor:
    """A constant factor of 1."""
    return _warmed(lambda epoch: 1.0, warmup)


def step(epochs: float, *, at: list[float], factor: Fraction = 0.1, warmup: Epochs = 0.0) -> Factor:
    """Multiplied by `factor` at each of the epochs in `at`."""
    return _warmed(lambda epoch: float(factor ** sum(epoch >= boundary for boundary in at)), warmup)


def cosine(epochs: float, *, final: Fraction = 0.0, warmup: Epochs = 0.0) -> Factor:
    """Half a cosine from 1 down to `final` (Loshchilov & Hutter 2017, SGDR, without restarts)."""

    def factor(epoch: float) -> float:
        done = _done(epoch, epochs, warmup)
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done))

    return _warmed(factor, warmup)


def poly(epochs: float, *, power: Annotated[float, Gt(0)] = 0.9, warmup: Epochs = 0.0) -> Factor:
    """(1 − progress)^power (Chen et al. 2018, DeepLab)."""
    return _warmed(lambda epoch: float((1 - _done(epoch, epochs, warmup)) ** power), warmup)


def decay(
    epochs: float,
    *,
    factor: Annotated[float, Gt(0), Le(1)] = 0.95,
    every: Annotated[int, Ge(1)] = 1,
    warmup: Epochs = 0.0,
) -> Factor:
    """Multiplied by `factor` after every `every` epochs."""
    return _warmed(lambda epoch: float(factor ** (epoch // every)), warmup)


def _done(epoch: float, epochs: float, warmup: float) -> float:
    """The part of the way after the warm-up, from 0 to 1."""
    return min(1.0, max(0.0, (epoch - warmup) / max(epochs - warmup, 1e-12)))


def _warmed(factor: Factor, warmup: float) -> Factor:
    """The same schedule with a linear rise over the first `warmup` epochs (Goyal et al. 2017)."""
    return lambda epoch: factor(epoch) * min(1.0, epoch / warmup) if warmup else factor(epoch)
