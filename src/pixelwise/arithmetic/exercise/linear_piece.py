"""The linear map h(x) = Wx + b that a ReLU network is around a point, and the interval in which it holds.

A ReLU is the identity or zero, so the units that are active at x₀ decide W and b: with Dₗ the diagonal of zeros and ones
of layer l, W = W_L D_{L−1} W_{L−1} … D₁ W₁ (Montúfar et al., "On the number of linear regions", 2014). Numbers are
exact fractions, also decimals: 0.1 is 1/10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pixelwise.errors import ShapeError

Exact = NDArray[np.object_]  # of Fractions


@dataclass(frozen=True, eq=False)
class LinearPiece:
    """The map h(x) = weight·x + bias that a ReLU network is around x₀.

    weight:    (outputs, inputs), exact
    bias:      (outputs,), exact
    value:     (outputs,), h(x₀)
    active:    one tuple of bools for each hidden layer: which units are on at x₀ (a unit at exactly 0 is off)
    borders:   for each unit that is exactly 0 at x₀, so that the piece ends there: its slope in x
    interval:  for one input: (from, to) in which the same units are on, None = without end; for more inputs None
    steps:     the sums, one line per layer
    products:  W and b as products of matrices and masks, step by step
    """

    weight: Exact
    bias: Exact
    value: Exact
    active: tuple[tuple[bool, ...], ...]
    borders: tuple[Exact, ...]
    interval: tuple[Fraction | None, Fraction | None] | None
    steps: tuple[str, ...]
    products: tuple[str, ...]

    def __str__(self) -> str:
        return linear_map(self.weight, self.bias)

    @property
    def on_border(self) -> bool:
        """Whether some unit is exactly 0 at x₀."""
        return bool(self.borders)

    @property
    def interval_text(self) -> str:
        """The interval in which the piece holds, for one input."""
        return "" if self.interval is None else between(*self.interval)


@dataclass(frozen=True, eq=False)
class Segment:
    """One piece of h between two kinks, for one input: h(x) = weight·x + bias; low and high are None without end."""

    low: Fraction | None
    high: Fraction | None
    weight: Exact
    bias: Exact

    def __str__(self) -> str:
        return f"{linear_map(self.weight, self.bias)} for {between(self.low, self.high)}"


def between(low: Fraction | None, high: Fraction | None) -> str:
    """An interval of x in words."""
    if low is None and high is None:
        return "all x"
    return f"{'' if low is None else f'{show(low)} ≤ '}x{'' if high is None else f' ≤ {show(high)}'}"


def linear_map(weight: Exact, bias: Exact) -> str:
    """h(x) = Wx + b, without brackets for one input and one output."""
    if weight.shape == (1, 1):
        return f"h(x) = {show(weight[0, 0])}·x + {show(bias[0])}".replace("+ −", "− ")
    return f"h(x) = {show(weight)}·x + {show(bias)}"


def segments(weights: Sequence[ArrayLike], biases: Sequence[ArrayLike]) -> list[Segment]:
    """All pieces of a ReLU network with one input, from left to right; neighbours differ.

    Each unit of a layer is linear between the kinks so far, so that its zero, if it lies there, is a new kink.

    >>> for piece in segments([[[1.5], [0.5]], [[1, 2], [2, 1]], [[1, 1]]], [[0, 1], [0, 1], [-1]]):
    ...     print(piece)
    h(x) = 0·x + 0 for x ≤ −2
    h(x) = 1.5·x + 3 for −2 ≤ x ≤ 0
    h(x) = 6·x + 3 for 0 ≤ x
    """
    layers = _layers(weights, biases, 1)
    pieces = [Segment(None, None, exact([[1]]), exact([0]))]
    for number, (matrix, shift) in enumerate(layers, start=1):
        moved = [Segment(p.low, p.high, matrix @ p.weight, matrix @ p.bias + shift) for p in pieces]
        pieces = moved if number == len(layers) else [part for piece in moved for part in _rectified(piece)]
    merged = pieces[:1]
    for piece in pieces[1:]:
        if (piece.weight == merged[-1].weight).all() and (piece.bias == merged[-1].bias).all():
            merged[-1] = replace(merged[-1], high=piece.high)
        else:
            merged.append(piece)
    return merged


def _rectified(piece: Segment) -> list[Segment]:
    """A piece after ReLU: cut where a unit crosses 0; units that are off are set to 0."""
    zeros = {-shift / row[0] for row, shift in zip(piece.weight, piece.bias, strict=True) if row[0]}
    inside = [x for x in zeros if (piece.low is None or x > piece.low) and (piece.high is None or x < piece.high)]
    ends = [piece.low, *sorted(inside), piece.high]
    parts = []
    for low, high in pairwise(ends):
        on = piece.weight[:, 0] * within(low, high) + piece.bias > 0
        parts.append(Segment(low, high, piece.weight * on[:, None], piece.bias * on))
    return parts


def within(low: Fraction | None, high: Fraction | None) -> Fraction:
    """A point between two ends."""
    if low is None:
        return Fraction(0) if high is None else high - 1
    return low + 1 if high is None else (low + high) / 2


def linear_piece(
    weights: Sequence[ArrayLike], biases: Sequence[ArrayLike], point: ArrayLike, side: ArrayLike = 0
) -> LinearPiece:
    """The linear map of a fully connected ReLU network at `point`.

    weights:  one matrix (outputs, inputs) for each layer; the single column of a layer with one input may be a row
    biases:   one vector for each layer, written as a row or as a column
    side:     the piece next to `point` in this direction, where `point` is a kink: −1 (left) or 1 (right) for one input,
              else a vector; 0: a unit at exactly 0 counts as off

    There is a ReLU between layers, but not after the last one. Raises ShapeError if the layers do not fit each other.

    >>> piece = linear_piece([[[1.5], [0.5]], [[1, 2], [2, 1]], [[1, 1]]], [[0, 1], [0, 1], [-1]], 2)
    >>> str(piece), piece.interval_text
    ('h(x) = 6·x + 3', '0 ≤ x')
    """
    x = exact(point).reshape(-1)
    direction = np.broadcast_to(exact(side), x.shape)
    layers = _layers(weights, biases, len(x))
    weight, bias = exact(np.eye(len(x), dtype=int)), exact([0] * len(x))
    active, steps, borders, masks = [], [], [], []
    for number, (matrix, shift) in enumerate(layers, start=1):
        weight, bias = matrix @ weight, matrix @ bias + shift
        before = weight @ x + bias
        if number == len(layers):
            steps.append(f"layer {number}: h = {show(before)}, so W = {show(weight)}, b = {show(bias)}")
            break
        slopes = weight @ direction
        on = tuple(bool(unit > 0 or (unit == 0 and slope > 0)) for unit, slope in zip(before, slopes, strict=True))
        borders += [(weight[unit], bias[unit], on[unit]) for unit in range(len(on))]
        units = ", ".join(str(unit) for unit, active_here in enumerate(on, start=1) if active_here) or "none"
        steps.append(f"layer {number}: {show(before)} → ReLU → {show(before * (before > 0))}; active: {units}")
        mask = exact([int(unit) for unit in on])
        weight, bias = mask[:, None] * weight, mask * bias
        active.append(on)
        masks.append(mask)
    ends = tuple(row for row, shift, _ in borders if row @ x + shift == 0 and any(row))
    interval = _interval(borders) if len(x) == 1 else None
    return LinearPiece(
        weight, bias, weight @ x + bias, tuple(active), ends, interval, tuple(steps), _products(layers, masks)
    )


def _products(layers: Sequence[tuple[Exact, Exact]], masks: Sequence[Exact]) -> tuple[str, ...]:
    """W = W_L·D·…·D₁·W₁, and b in the same order, with every product written out."""
    lines = [f"D{number} = diag({', '.join(map(show, mask))})" for number, mask in enumerate(masks, start=1)]
    weight, bias = layers[0]
    name, inner = "W1", "b1"
    lines += [f"W1 = {show(weight)}, b1 = {show(bias)}"]
    for number, (mask, (matrix, shift)) in enumerate(zip(masks, layers[1:], strict=True), start=1):
        weight, bias = mask[:, None] * weight, mask * bias
        name, inner = f"D{number}·{name}", f"D{number}·{inner if inner == 'b1' else f'({inner})'}"
        lines += [f"{name} = {show(weight)}", f"{inner} = {show(bias)}"]
        weight, before = matrix @ weight, matrix @ bias
        name, inner = f"W{number + 1}·{name}", f"W{number + 1}·{inner}"
        last = number == len(masks)
        sums = f"{inner} + b{number + 1} = {show(before)} + {show(shift)}"
        bias = before + shift
        lines.append(f"{'W = ' * last}{name} = {show(weight)}")
        lines.append(f"{'b = ' * last}{sums} = {show(bias)}")
        inner = f"{inner} + b{number + 1}"
    return tuple(lines)


def show(value: Any) -> str:
    """A fraction as a short decimal if possible; vectors and matrices in brackets."""
    if isinstance(value, np.ndarray):
        return "[" + ", ".join(show(member) for member in value) + "]"
    value = Fraction(value)
    if value.denominator == 1:
        return str(value.numerator).replace("-", "−")
    short = f"{float(value):.6f}".rstrip("0")
    return (short if Fraction(short) == value else str(value)).replace("-", "−")


def _interval(borders: list[tuple[Exact, Fraction, bool]]) -> tuple[Fraction | None, Fraction | None]:
    """Where each unit keeps its sign: w·x + b ≥ 0 for the active, ≤ 0 for the others."""
    crossings = [(-shift / row[0], (row[0] > 0) == on) for row, shift, on in borders if row[0] != 0]
    low = max((crossing for crossing, from_here in crossings if from_here), default=None)
    return low, min((crossing for crossing, from_here in crossings if not from_here), default=None)


def _layers(weights: Sequence[ArrayLike], biases: Sequence[ArrayLike], inputs: int) -> list[tuple[Exact, Exact]]:
    if len(weights) != len(biases) or not weights:
        raise ShapeError(f"{len(weights)} weight matrices and {len(biases)} biases: each layer needs one of each.")
    layers = []
    for number, (given, shift) in enumerate(zip(weights, biases, strict=True), start=1):
        matrix, bias = np.atleast_2d(exact(given)), exact(shift).reshape(-1)
        if inputs == 1 and matrix.shape == (1, len(bias)):
            matrix = matrix.T  # one input's weights, written in a row
        if matrix.ndim != 2 or matrix.shape != (len(bias), inputs):
            read, needed = " by ".join(map(str, matrix.shape)), f"{len(bias)} by {inputs} (outputs by inputs)"
            what = f"the weight is {read}, but {inputs} inputs and {len(bias)} biases need {needed}."
            raise ShapeError(what, where=f"layer {number}")
        layers.append((matrix, bias))
        inputs = len(bias)
    return layers


def exact(values: Any) -> Exact:
    """Numbers, or decimals as text, as an array of Fractions. Raises ShapeError if one is not a finite number."""
    try:
        array = np.asarray(values, dtype=object)
        exact = np.empty(array.shape, dtype=object)
        for place, value in np.ndenumerate(array):
            exact[place] = value if isinstance(value, Fraction) else Fraction(str(value))
    except (ValueError, ZeroDivisionError) as error:
        raise ShapeError(f"read {values!r}: weights must be finite numbers in rows of equal length.") from error
    return exact
