"""The functions of fully connected networks: linear layers, flattening, activations, dropout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixelwise.errors import ShapeError
from pixelwise.scratch.checks import Array, check_bias, check_float, check_fraction, check_gradient


@dataclass(frozen=True, eq=False)
class LinearCache:
    """The inputs of a linear layer."""

    x: Array
    weight: Array
    has_bias: bool


def linear(x: Array, weight: Array, bias: Array | None = None) -> tuple[Array, LinearCache]:
    """out = x · weightᵀ + bias.

    x (N, I), weight (O, I), bias (O,) → out (N, O). Raises ShapeError if they do not fit.
    """
    check_float(x, "x")
    check_float(weight, "weight", like=x)
    if x.ndim != 2 or weight.ndim != 2 or x.shape[1] != weight.shape[1]:
        raise ShapeError(
            f"x {x.shape} and weight {weight.shape} do not fit: they are (N, I) and (O, I) with the same I.",
            hint="Flatten pictures first." if x.ndim == 4 else "",
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


def flatten(x: Array) -> tuple[Array, Array]:
    """(N, …) → (N, everything else) in the order c, h, w, for any order in memory. The cache is x.

    Raises ShapeError for an array with fewer than two axes.
    """
    check_float(x, "x")
    if x.ndim < 2:
        raise ShapeError(f"x has shape {x.shape}; an input of flatten must be (N, …) with at least two axes.")
    return x.reshape(len(x), -1), x


def flatten_backward(dout: Array, x: Array) -> Array:
    """dx with the shape of x: nothing was computed, so the gradient is only put back into its old shape."""
    check_gradient(dout, x, (len(x), x[0].size))
    return dout.reshape(x.shape)


def relu(x: Array) -> tuple[Array, Array]:
    """max(x, 0), for x of any shape. The cache is the output, from which the derivative can be read."""
    check_float(x, "x")
    out = np.maximum(x, 0)
    return out, out


def relu_backward(dout: Array, out: Array) -> Array:
    """dx = dout where x > 0, else 0.

    The derivative of max(x, 0) is 1 for x > 0 and 0 for x < 0. At 0 it has a kink, and any number from 0 to 1 would
    do; here and in most libraries it is 0. out > 0 exactly where x > 0, so x itself need not be kept.
    """
    check_gradient(dout, out)
    return dout * (out > 0)


def sigmoid(x: Array) -> tuple[Array, Array]:
    """σ(x) = 1/(1 + e⁻ˣ), for x of any shape. Written with e^(−|x|), which never overflows. The cache is the output."""
    check_float(x, "x")
    small = np.exp(-np.abs(x))  # in (0, 1]
    out: Array = np.where(x >= 0, 1, small)
    out /= 1 + small
    return out, out


def sigmoid_backward(dout: Array, out: Array) -> Array:
    """dx = dout · σ · (1 − σ).

    σ' = e⁻ˣ/(1 + e⁻ˣ)² = 1/(1 + e⁻ˣ) · e⁻ˣ/(1 + e⁻ˣ) = σ·(1 − σ).
    """
    check_gradient(dout, out)
    dx: Array = dout * out * (1 - out)
    return dx


def dropout(x: Array, probability: float, generator: np.random.Generator) -> tuple[Array, Array]:
    """Each number is set to 0 with `probability`; the others are divided by 1 − probability, so the mean stays.

    The cache is the factor of each number: 0, or 1/(1 − probability).
    For training only: at prediction time nothing is dropped and nothing has to be scaled. Srivastava et al., "Dropout:
    a simple way to prevent neural networks from overfitting" (JMLR 2014). Raises ShapeError unless 0 ≤ probability < 1.
    """
    check_float(x, "x")
    check_fraction(probability, "the probability of dropout")
    kept = generator.random(x.shape, np.float32) >= probability
    factors = kept.astype(x.dtype) / (1 - probability)
    return x * factors, factors


def dropout_backward(dout: Array, factors: Array) -> Array:
    """dx = dout · factors: out = factors · x, and the factors do not depend on x."""
    check_gradient(dout, factors)
    return dout * factors
