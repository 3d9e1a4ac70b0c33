"""Tests of a gradient by central differences: one number is changed a little in both directions.

    ∂L/∂w ≈ (L(w + h) − L(w − h)) / 2h

The error is of order h² from the curvature and ε/h from rounding; in float64 with h near 1e-5 about 1e-10 is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pixelwise.errors import ShapeError, TrainingError
from pixelwise.scratch.checks import Array, check_shape


@dataclass(frozen=True)
class TensorCheck:
    """How far one gradient is from central differences.

    error:    largest |written − measured|, relative to the largest gradient of this tensor
    place:    index of that entry
    checked:  how many entries were moved
    """

    name: str
    shape: tuple[int, ...]
    error: float
    place: tuple[int, ...]
    written: float
    measured: float
    checked: int

    def __str__(self) -> str:
        numbers = f"written {self.written:.6e}, measured {self.measured:.6e}"
        return f"{self.name} {self.shape}: error {self.error:.1e} at {self.place} ({numbers})"


def gradcheck(
    loss: Callable[[], float],
    arrays: Mapping[str, Array],
    gradients: Mapping[str, Array],
    *,
    step: float = 1e-5,
    entries: int = 200,
    seed: int = 0,
) -> list[TensorCheck]:
    """The worst error of each gradient, worst tensor first.

    loss:       computes the loss from the current content of `arrays`
    arrays:     float64, moved in place entry by entry and put back
    gradients:  ∂loss/∂array, as written by hand
    entries:    the number of entries that are drawn from a larger tensor; its largest gradient is one of them

    Raises ShapeError if dtypes or shapes do not fit, TrainingError if a value is not finite.
    """
    return sorted(
        (_check(loss, name, array, gradients[name], step, entries, seed) for name, array in arrays.items()),
        key=lambda check: -check.error,
    )


def _check(
    loss: Callable[[], float], name: str, array: Array, gradient: Array, step: float, entries: int, seed: int
) -> TensorCheck:
    if array.dtype != np.float64:
        raise ShapeError(f"{name} is {array.dtype}; in less than float64 a difference of losses is mostly rounding.")
    check_shape(gradient, f"the gradient of {name}", array.shape)
    for what, values in ((name, array), (f"the gradient of {name}", gradient)):
        if not np.isfinite(values).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise TrainingError(f"{what} contains {values[place]} at {place}; only finite numbers can be checked.")
    places = np.arange(array.size)
    if array.size > entries:
        drawn = np.random.default_rng(seed).choice(array.size, entries - 1, replace=False)
        places = np.union1d(drawn, np.abs(gradient).argmax())
    indices = [tuple(int(i) for i in np.unravel_index(place, array.shape)) for place in places]
    written = np.array([float(gradient[index]) for index in indices])
    measured = np.array([_slope(loss, array, index, step, name) for index in indices])
    scale = max(float(np.abs(written).max()), float(np.abs(measured).max()), np.finfo(np.float64).tiny)
    errors = np.abs(written - measured) / scale
    worst = int(errors.argmax())
    numbers = float(written[worst]), float(measured[worst])
    return TensorCheck(name, array.shape, float(errors[worst]), indices[worst], *numbers, len(indices))


def _slope(loss: Callable[[], float], array: Array, index: tuple[int, ...], step: float, name: str) -> float:
    """The central difference at one entry, which is put back whatever happens."""
    here = array[index]
    try:
        array[index] = here + step
        above = loss()
        array[index] = here - step
        below = loss()
    finally:
        array[index] = here
    if not (np.isfinite(above) and np.isfinite(below)):
        raise TrainingError(
            f"the loss is {above} and {below} when {name}{list(index)} is moved by ±{step}; it must be finite."
        )
    return (above - below) / (2 * step)
