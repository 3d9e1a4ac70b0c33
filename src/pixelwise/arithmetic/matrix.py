"""A convolution as a matrix: y = Ax with x and y unrolled row by row, and its transpose, the transposed convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.arithmetic.window import Pair, Window
from pixelwise.errors import ShapeError

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ConvolutionMatrix:
    """Where the weights of a convolution stand in its matrix A; everywhere else A is zero.

    rows, columns:  (n,) places of the entries; row = output (O, h, w) unrolled, column = input (C, H, W) unrolled
    weights:        (n, 4) the index (o, c, i, j) of the weight that stands there, c counted within its group
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

    Row (o, a, b) holds weight (o, c, i, j) in column (c, a·S − P + i·D, b·S − P + j·D); what falls into the padding
    is left out, for it meets zeros. (Dumoulin and Visin 2016, section 4.1.)

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
        hint = "Write out a smaller picture: the pattern is the same."
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


def derive_matrix(found: ConvolutionMatrix) -> list[str]:
    """Which input pixel every weight meets, one line a row of A."""
    lines = []
    for row, place in enumerate(np.ndindex(found.output_shape)):
        here = found.rows == row
        y = ", ".join(map(str, place if found.output_shape[0] > 1 else place[1:]))
        weights = zip(found.columns[here], found.weights[here], strict=True)
        terms = " + ".join(f"{found.name(index)}·x[{column}]" for column, index in weights)
        lines.append(f"row {row}, y[{y}]: {terms or '0 (padding only)'}")
    return lines


def text_matrix(rows: list[list[str]]) -> str:
    """Names in aligned columns, a dot for every zero."""
    width = max(len(cell) for row in rows for cell in row)
    return "\n".join("  ".join(("·" if cell == "0" else cell).rjust(width) for cell in row) for row in rows)


def latex_matrix(rows: list[list[str]]) -> str:
    """The same as a `pmatrix`."""
    entries = [[cell if cell == "0" else f"w_{{{cell.lstrip('w_')}}}" for cell in row] for row in rows]
    body = " \\\\\n".join(" & ".join(row) for row in entries)
    return f"\\begin{{pmatrix}}\n{body}\n\\end{{pmatrix}}"
