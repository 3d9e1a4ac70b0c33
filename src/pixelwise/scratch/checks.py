"""Checks of the arguments of the network's functions, before anything is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import ShapeError

Array = NDArray[Any]  # float32 or float64
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def check_float(array: Array, name: str, like: Array | None = None) -> None:
    """Raise ShapeError unless `array` is a float32 or float64 array, of the dtype of `like` where that is given."""
    if not isinstance(array, np.ndarray):
        raise ShapeError(f"{name} must be a NumPy array, not {type(array).__name__}.")
    if array.dtype not in FLOATS:
        raise ShapeError(
            f"{name} has dtype {array.dtype}; it must be float32 or float64.", hint="Try array.astype(np.float32)."
        )
    if like is not None and array.dtype != like.dtype:
        raise ShapeError(
            f"{name} is {array.dtype} but x is {like.dtype}; both must have one dtype.",
            hint=f"Try array.astype(np.{like.dtype}).",
        )


def check_shape(array: Array, name: str, shape: tuple[int, ...]) -> None:
    """Raise ShapeError unless `array` has `shape`."""
    if array.shape != shape:
        raise ShapeError(f"{name} has shape {array.shape}, but {shape} is needed.")


def check_fraction(value: float, name: str) -> None:
    """Raise ShapeError unless 0 ≤ value < 1."""
    if not 0 <= value < 1:
        raise ShapeError(f"{name} must be at least 0 and below 1, not {value}.")


def check_gradient(dout: Array, like: Array, shape: tuple[int, ...] | None = None) -> None:
    """Raise ShapeError unless `dout` has the dtype and shape of `like`, or `shape` where the two differ."""
    check_float(dout, "dout", like=like)
    check_shape(dout, "dout", like.shape if shape is None else shape)


def check_pictures(x: Array, name: str = "x") -> None:
    """Raise ShapeError unless x is a batch of pictures: (N, C, H, W), float32 or float64, not empty."""
    check_float(x, name)
    if x.ndim != 4:
        raise ShapeError(
            f"{name} has shape {x.shape}; a batch of pictures is (N, C, H, W).",
            hint="For a single picture, use x[None]." if x.ndim == 3 else "",
        )
    if 0 in x.shape:
        raise ShapeError(f"{name} has shape {x.shape}: a batch of pictures must not be empty.")


def check_convolution(x: Array, weight: Array, bias: Array | None, groups: int = 1) -> None:
    """Raise ShapeError unless a weight (O, C/groups, kH, kW) and a bias (O,) fit pictures (N, C, H, W)."""
    check_pictures(x)
    check_float(weight, "weight", like=x)
    if weight.ndim != 4 or 0 in weight.shape:
        raise ShapeError(
            f"weight has shape {weight.shape}; a convolution's weight must be (O, C/groups, kH, kW), all above 0."
        )
    outputs, channels = len(weight), x.shape[1]
    if groups < 1 or channels % groups or outputs % groups:
        raise ShapeError(f"{groups} groups cannot divide {channels} input and {outputs} output channels evenly.")
    if weight.shape[1] * groups != channels:
        raise ShapeError(
            f"weight {weight.shape} reads {weight.shape[1]} × {groups} groups = {weight.shape[1] * groups} channels, "
            f"but x {x.shape} has {channels}."
        )
    check_bias(bias, outputs, x)


def check_bias(bias: Array | None, outputs: int, x: Array) -> None:
    """Raise ShapeError unless a bias, where there is one, has one number per output channel."""
    if bias is not None:
        check_float(bias, "bias", like=x)
        check_shape(bias, "bias", (outputs,))
