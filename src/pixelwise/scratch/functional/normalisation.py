"""Batch normalisation: every channel is normalised to mean 0 and variance 1, then scaled and shifted by learned numbers.

Ioffe and Szegedy, "Batch Normalization" (ICML 2015), algorithm 1. In training the statistics are those of the batch and
depend on x, which the gradient must respect (`batch_norm`); in prediction they are constants (`fixed_norm`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixelwise.errors import ShapeError
from pixelwise.scratch.checks import Array, check_float, check_gradient, check_pictures, check_shape

AXES = (0, 2, 3)  # everything but the channel


@dataclass(frozen=True, eq=False)
class BatchNormCache:
    """The normalised input, the statistics it was normalised with, and the scale.

    mean, variance:  (C,), of the batch; the variance is divided by the number of values, not by one less
    count:           how many values each channel's statistics were taken over
    """

    normalised: Array
    scale: Array
    mean: Array
    variance: Array
    epsilon: float
    count: int


def batch_norm(x: Array, scale: Array, shift: Array, *, epsilon: float = 1e-5) -> tuple[Array, BatchNormCache]:
    """out = scale · (x − μ)/√(σ² + ε) + shift, with μ and σ² of each channel over the batch and all places.

    x (N, C, H, W), scale and shift (C,). Raises ShapeError if they do not fit or a channel has one value only.
    """
    _check(x, scale, shift)
    count = x.size // x.shape[1]
    if count < 2:
        raise ShapeError(
            f"x has shape {x.shape}: one value per channel has no variance.", hint="Use a larger batch in training."
        )
    mean = x.mean(axis=AXES)
    centred = x - mean[:, None, None]
    variance = np.square(centred).mean(axis=AXES)
    normalised = centred / np.sqrt(variance + x.dtype.type(epsilon))[:, None, None]
    out = scale[:, None, None] * normalised + shift[:, None, None]
    return out, BatchNormCache(normalised, scale, mean, variance, epsilon, count)


def batch_norm_backward(dout: Array, cache: BatchNormCache) -> tuple[Array, Array, Array]:
    """The gradients by x, scale and shift, from dout (N, C, H, W).

    With y = (x − μ)/s, s = √(σ² + ε), out = scale·y + shift, and m values per channel:

        dshift = Σ dout          dscale = Σ dout · y          dy = scale · dout

    x reaches y in three ways: directly, through μ, and through s. Since ∂μ/∂xᵢ = 1/m and ∂s/∂xᵢ = yᵢ/m
    (the derivative of σ² is 2(xᵢ − μ)/m, that of the root 1/(2s)), and y = (x − μ)/s,

        dxᵢ = 1/s · (dyᵢ − mean(dy) − yᵢ · mean(dy · y)):

    dy without its constant part and without its part along y, which normalisation removes.
    """
    check_gradient(dout, cache.normalised)
    y = cache.normalised
    dshift = dout.sum(axis=AXES)
    dscale = (dout * y).sum(axis=AXES)
    deviation = np.sqrt(cache.variance + y.dtype.type(cache.epsilon))
    constant, along = dshift / cache.count, dscale / cache.count  # mean(dout), mean(dout · y)
    dx = dout - constant[:, None, None] - y * along[:, None, None]
    dx *= (cache.scale / deviation)[:, None, None]
    return dx, dscale, dshift


@dataclass(frozen=True, eq=False)
class FixedNormCache:
    """The normalised input, the scale, and the deviation that was divided by."""

    normalised: Array
    scale: Array
    deviation: Array


def fixed_norm(
    x: Array, scale: Array, shift: Array, mean: Array, variance: Array, *, epsilon: float = 1e-5
) -> tuple[Array, FixedNormCache]:
    """out = scale · (x − mean)/√(variance + ε) + shift with statistics from elsewhere: prediction with batch norm.

    x (N, C, H, W), the other four (C,). Raises ShapeError if they do not fit.
    """
    _check(x, scale, shift)
    for name, value in (("mean", mean), ("variance", variance)):
        check_float(value, name, like=x)
        check_shape(value, name, (x.shape[1],))
    deviation = np.sqrt(variance + x.dtype.type(epsilon))
    normalised = (x - mean[:, None, None]) / deviation[:, None, None]
    out = scale[:, None, None] * normalised + shift[:, None, None]
    return out, FixedNormCache(normalised, scale, deviation)


def fixed_norm_backward(dout: Array, cache: FixedNormCache) -> tuple[Array, Array, Array]:
    """(dx, dscale, dshift). The statistics are constants, so x has only a direct effect: dx = dout · scale/√(σ² + ε)."""
    check_gradient(dout, cache.normalised)
    dx = dout * (cache.scale / cache.deviation)[:, None, None]
    return dx, (dout * cache.normalised).sum(axis=AXES), dout.sum(axis=AXES)


def _check(x: Array, scale: Array, shift: Array) -> None:
    check_pictures(x)
    for name, value in (("scale", scale), ("shift", shift)):
        check_float(value, name, like=x)
        check_shape(value, name, (x.shape[1],))
