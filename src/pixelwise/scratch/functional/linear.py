"""A layer in which everything is connected with everything, and the flattening before it."""

from __future__ import annotations

from dataclasses import dataclass

from pixelwise.errors import ShapeError
from pixelwise.scratch.checks import Array, check_bias, check_float, check_gradient


@dataclass(frozen=True, eq=False)
class LinearCache:
    """The inputs of a linear layer."""

    x: Array
    weight: Array
    has_bias: bool


def linear(x: Array, weight: Array, bias: Array | None = None) -> tuple[Array, LinearCache]:
    """out = x · weightᵀ + bias.

    x (N, I), weight (O, I), bias (O,) → out (N, O). Raises ShapeError where they do not fit.
    """
    check_float(x, "x")
    check_float(weight, "weight", like=x)
    if x.ndim != 2 or weight.ndim != 2 or x.shape[1] != weight.shape[1]:
        raise ShapeError(
            f"x {x.shape} and weight {weight.shape} do not fit: they are (N, I) and (O, I) with the same I.",
            hint="Pictures are flattened first." if x.ndim == 4 else "",
        )
    check_bias(bias, len(weight), x)
    out = x @ weight.T
    if bias is not None:
        out += bias
    return out, LinearCache(x, weight, bias is not None)


def linear_backward(dout: Array, cache: LinearCache) -> tuple[Array, Array, Array | None]:
    """The gradients by x, weight and bias, from dout (N, O).

    out[n, o] = Σ_i x[n, i] · weight[o, i] + bias[o], hence

        dx[n, i]      = Σ_o dout[n, o] · weight[o, i]     dx = dout · weight
        dweight[o, i] = Σ_n dout[n, o] · x[n, i]          dweight = doutᵀ · x
        dbias[o]      = Σ_n dout[n, o]
    """
    check_gradient(dout, cache.x, (len(cache.x), len(cache.weight)))
    dx = dout @ cache.weight
    dweight = dout.T @ cache.x
    dbias = dout.sum(axis=0) if cache.has_bias else None
    return dx, dweight, dbias


@dataclass(frozen=True, eq=False)
class FlattenCache:
    """The array before it was flattened: its shape and order in memory."""

    x: Array


def flatten(x: Array) -> tuple[Array, FlattenCache]:
    """(N, …) → (N, everything else) in the order c, h, w, whatever the order in memory."""
    check_float(x, "x")
    if x.ndim < 2:
        raise ShapeError(f"x has shape {x.shape}; what is flattened is (N, …) with at least two axes.")
    return x.reshape(len(x), -1), FlattenCache(x)


def flatten_backward(dout: Array, cache: FlattenCache) -> Array:
    """dx with the shape of x: nothing was computed, so the gradient is only put back into its old shape."""
    check_gradient(dout, cache.x, (len(cache.x), cache.x[0].size))
    return dout.reshape(cache.x.shape)
