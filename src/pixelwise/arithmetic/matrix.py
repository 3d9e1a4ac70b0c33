"""A convolution as a matrix: y = Ax with x and y unrolled row by row, and its transpose, the transposed convolution."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.arithmetic.window import Pair, Window
from pixelwise.errors import ShapeError

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ConvolutionMatrix:
    """The places of a convolution's weights in its matrix A, which is zero everywhere else.

    rows, columns:  (n,) places of the entries; row = output (O, h, w) unrolled, column = input (C, H, W) unrolled
    weights:        (n, 4) the index (o, c, i, j) of the weight at that place, c counted within its group
    shape:          of A
    """

    window: Window
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]
    groups: int
    rows: Index
    columns: Index
    weights: Index

    @property
    def shape(self) -> tuple[int, int]:
        return int(np.prod(self.output_shape)), int(np.prod(self.input_shape))

    def numeric(self, weight: NDArray[Any]) -> Any:
        """A as a scipy.sparse.csr_array for a weight of shape (O, C/groups, K, K).

        `numeric(weight).T` is the matrix of the transposed convolution with the same weight and window.
        """
        from scipy.sparse import csr_array

        outputs, channels = self.output_shape[0], self.input_shape[0] // self.groups
        expected = (outputs, channels, *self.window.kernel)
        if weight.shape != expected:
            raise ShapeError(f"the weight is {weight.shape}, this convolution needs (O, C/groups, K, K) = {expected}.")
        values = weight[tuple(self.weights.T)]
        return csr_array((values, (self.rows, self.columns)), shape=self.shape)

    def symbolic(self) -> list[list[str]]:
        """A as rows of names: w00 … for one filter of one channel, w_o,c,i,j for more; "0" elsewhere."""
        table = [["0"] * self.shape[1] for _ in range(self.shape[0])]
        for row, column, index in zip(self.rows, self.columns, self.weights, strict=True):
            table[row][column] = self.name(index)
        return table

    def written(self, weights: Sequence[Fraction]) -> list[list[str]]:
        """A with numbers for the weights, given in the order (o, c, i, j)."""
        sizes = (self.output_shape[0], self.input_shape[0] // self.groups, *self.window.kernel)
        places = np.ravel_multi_index(tuple(self.weights.T), sizes)
        table = [["0"] * self.shape[1] for _ in range(self.shape[0])]
        for row, column, place in zip(self.rows, self.columns, places, strict=True):
            table[row][column] = written(weights[place])
        return table

    def name(self, index: Index) -> str:
        """The name of a weight."""
        kernel = self.window.kernel
        if self.output_shape[0] == 1 and self.input_shape[0] == 1:
            return f"w{index[2]}{index[3]}" if max(kernel) <= 10 else f"w_{index[2]},{index[3]}"
        return "w_" + ",".join(map(str, index))


def convolution_matrix(
    window: Window, size: Pair, in_channels: int = 1, out_channels: int = 1, groups: int = 1
) -> ConvolutionMatrix:
    """The matrix of a convolution on pictures of size (H, W).

    Row (o, a, b) contains weight (o, c, i, j) in column (c, a·S − P + i·D, b·S − P + j·D). Weights on padding are left out,
    because they are multiplied by zeros. (Dumoulin and Visin 2016, section 4.1.) Raises ShapeError for channels that the groups
    cannot divide, and for a matrix that is too large.

    >>> convolution_matrix(Window(3, stride=4, padding=2), (3, 3)).symbolic()[0]
    ['w22', '0', '0', '0', '0', '0', '0', '0', '0']
    """
    if groups < 1 or in_channels % groups or out_channels % groups or min(in_channels, out_channels) < 1:
        both = f"{in_channels} input and {out_channels} output channels"
        raise ShapeError(f"{both} cannot be split into {groups} groups.")
    h, w = window.output_size(size)
    per_group, outputs_per_group = in_channels // groups, out_channels // groups
    axes = (out_channels, h, w, per_group, *window.kernel)
    if (entries := np.prod([float(axis) for axis in axes])) > 5e7:
        hint = "Choose a smaller picture: the pattern is the same."
        raise ShapeError(f"the matrix would have {entries:,.0f} entries.", hint=hint)
    o, a, b, c, i, j = (grid.ravel() for grid in np.indices(axes, dtype=np.int64))
    y = a * window.stride[0] - window.padding[0] + i * window.dilation[0]
    x = b * window.stride[1] - window.padding[1] + j * window.dilation[1]
    inside = (y >= 0) & (y < size[0]) & (x >= 0) & (x < size[1])
    channel = (o // outputs_per_group) * per_group + c
    rows = ((o * h + a) * w + b)[inside]
    columns = ((channel * size[0] + y) * size[1] + x)[inside]
    weights = np.stack([o, c, i, j], axis=1)[inside]
    return ConvolutionMatrix(window, (in_channels, *size), (out_channels, h, w), groups, rows, columns, weights)


def derive_matrix(
    found: ConvolutionMatrix, cells: list[list[str]], *, transposed: bool = False, bias: Sequence[str] = ()
) -> list[str]:
    """The products of weights and entries of the vector, one line per row of the matrix.

    cells:       the matrix as names or numbers: A, or Aᵀ where `transposed`
    transposed:  the rows are those of Aᵀ: x = Aᵀy, a transposed convolution
    bias:        what is added in each row; empty: nothing
    """
    shape = found.input_shape if transposed else found.output_shape
    out, read = ("x", "y") if transposed else ("y", "x")
    empty = "0 (no window reads it)" if transposed else "0 (padding only)"
    rows, columns = (found.columns, found.rows) if transposed else (found.rows, found.columns)
    lines = []
    for row, place in enumerate(np.ndindex(shape)):
        at = ", ".join(map(str, place if shape[0] > 1 else place[1:]))
        terms = " + ".join(f"{bracket(cells[row][column])}·{read}[{column}]" for column in columns[rows == row])
        added = f" + {bracket(bias[row])}" if bias else ""
        lines.append(f"row {row}, {out}[{at}]: {terms or empty}{added}")
    return lines


def bracket(text: str) -> str:
    """A factor, in brackets if it is negative."""
    return f"({text})" if text.startswith(("−", "-")) else text


def numbers_of(text: str, count: int, what: str) -> list[Fraction]:
    """Exactly `count` numbers, separated by spaces, commas or semicolons. Raises ShapeError."""
    words = [word for word in re.split(r"[\s,;]+", text.replace("−", "-")) if word]
    try:
        numbers = [Fraction(word) for word in words]
    except (ValueError, ZeroDivisionError):
        raise ShapeError(f"read '{text}'; {what} must be numbers such as 1 0 -1.", where=f"--{what}") from None
    if len(numbers) != count:
        raise ShapeError(f"read {len(numbers)} numbers, but {count} are needed.", where=f"--{what}")
    return numbers


def written(value: Fraction) -> str:
    """A number as people write it: whole, a short decimal, or a fraction."""
    short = f"{float(value):.6g}"
    return (short if Fraction(short) == value else str(value)).replace("-", "−")


def text_matrix(rows: list[list[str]]) -> str:
    """Names in aligned columns, a dot for every zero."""
    width = max(len(cell) for row in rows for cell in row)
    return "\n".join("  ".join(("·" if cell == "0" else cell).rjust(width) for cell in row) for row in rows)


def latex_matrix(rows: list[list[str]]) -> str:
    """The same as a `pmatrix`."""
    entries = [[re.sub(r"^w_?(.*)", r"w_{\1}", cell).replace("−", "-") for cell in row] for row in rows]
    body = " \\\\\n".join(" & ".join(row) for row in entries)
    return f"\\begin{{pmatrix}}\n{body}\n\\end{{pmatrix}}"
