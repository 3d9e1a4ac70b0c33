"""Functions of one number, applied to each: ReLU and sigmoid; and dropout, which is one of them drawn by lot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixelwise.errors import ShapeError
from pixelwise.scratch.checks import Array, check_float, check_gradient


@dataclass(frozen=True, eq=False)
class ActivationCache:
    """The output, from which both derivatives can be read."""

    out: Array


def relu(x: Array) -> tuple[Array, ActivationCache]:
    """max(x, 0), for x of any shape."""
    check_float(x, "x")
    out = np.maximum(x, 0)
    return out, ActivationCache(out)


def relu_backward(dout: Array, cache: ActivationCache) -> Array:
    """dx = dout where x > 0, else 0.

    The derivative of max(x, 0) is 1 for x > 0 and 0 for x < 0. At 0 it has a kink, and any number from 0 to 1 would
    do; here and in most libraries it is 0. out > 0 exactly where x > 0, so x itself need not be kept.
    """
    check_gradient(dout, cache.out)
    return dout * (cache.out > 0)


def sigmoid(x: Array) -> tuple[Array, ActivationCache]:
    """σ(x) = 1/(1 + e⁻ˣ), for x of any shape. Written with e^(−|x|), which never overflows."""
    check_float(x, "x")
    small = np.exp(-np.abs(x))  # in (0, 1]
    out: Array = np.where(x >= 0, 1, small)
    out /= 1 + small
    return out, ActivationCache(out)


def sigmoid_backward(dout: Array, cache: ActivationCache) -> Array:
    """dx = dout · σ · (1 − σ).

    σ' = e⁻ˣ/(1 + e⁻ˣ)² = 1/(1 + e⁻ˣ) · e⁻ˣ/(1 + e⁻ˣ) = σ·(1 − σ).
    """
    check_gradient(dout, cache.out)
    dx: Array = dout * cache.out * (1 - cache.out)
    return dx


@dataclass(frozen=True, eq=False)
class DropoutCache:
    """The factor of each number: 0, or 1/(1 − probability)."""

    factors: Array


def dropout(x: Array, probability: float, generator: np.random.Generator) -> tuple[Array, DropoutCache]:
    """Each number is set to 0 with `probability`; the others are divided by 1 − probability, so the mean stays.

    For training only: at prediction time nothing is dropped and nothing has to be scaled. Srivastava et al., "Dropout:
    a simple way to prevent neural networks from overfitting" (JMLR 2014). Raises ShapeError unless 0 ≤ probability < 1.
    """
    check_float(x, "x")
    if not 0 <= probability < 1:
        raise ShapeError(f"the probability of dropout must be at least 0 and below 1, not {probability}.")
    kept = generator.random(x.shape, np.float32) >= probability
    factors = kept.astype(x.dtype) / (1 - probability)
    return x * factors, DropoutCache(factors)


def dropout_backward(dout: Array, cache: DropoutCache) -> Array:
    """dx = dout · factors: out = factors · x, and the factors do not depend on x."""
    check_gradient(dout, cache.factors)
    return dout * cache.factors
