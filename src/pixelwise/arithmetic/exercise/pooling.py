"""Pooling and ReLU, cell by cell, and their gradients."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from pixelwise.arithmetic.exercise.linear_piece import Exact, show
from pixelwise.arithmetic.exercise.panels import MOST_FRAMES, Frame, Grid, Panel, bracket, each, fitting, grids
from pixelwise.arithmetic.exercise.sliding import Cell
from pixelwise.arithmetic.window import Window
from pixelwise.errors import ShapeError

OUTSIDE = {"max": "−∞", "average": "0"}  # what padding holds


@dataclass(frozen=True, eq=False)
class Pooling:
    """Max- or average-pooling of (C, H, W). A padded maximum ignores the padding; a padded average counts its zeros."""

    picture: Exact
    window: Window
    how: Literal["max", "average"]

    def __post_init__(self) -> None:
        if any(2 * padding > kernel for padding, kernel in zip(self.window.padding, self.window.kernel, strict=True)):
            raise ShapeError(
                "the padding is more than half of the pooling kernel: some windows would contain only padding."
            )

    @property
    def size(self) -> Cell:
        return self.window.output_size(self.picture.shape[1:])

    def taps(self, row: int, column: int) -> list[Cell]:
        """The cells of the padded picture that a window reads."""
        (kh, kw), (sh, sw) = self.window.kernel, self.window.stride
        return [(row * sh + i, column * sw + j) for i in range(kh) for j in range(kw)]

    def inside(self, taps: list[Cell]) -> list[Cell]:
        """Those within the picture, in its own rows and columns."""
        (top, left), (height, width) = self.window.padding, self.picture.shape[1:]
        moved = [(row - top, column - left) for row, column in taps]
        return [(row, column) for row, column in moved if 0 <= row < height and 0 <= column < width]

    def forward(self) -> Panel:
        rows, columns = self.size
        if rows * columns > MOST_FRAMES:
            raise ShapeError(f"an exercise by hand has at most {MOST_FRAMES:,} windows, this one {rows * columns:,}.")
        result = np.zeros((len(self.picture), rows, columns), dtype=object)
        frames = []
        for row, column in np.ndindex(rows, columns):
            taps = self.taps(row, column)
            lines = []
            for channel, plane in enumerate(self.picture):
                values = [plane[tap] for tap in self.inside(taps)]
                result[channel, row, column], line = self._one(values)
                lines.append(line)
            frames.append(Frame(tuple(taps), (row, column), tuple(lines)))
        (kh, kw), (sh, sw), (ph, pw) = self.window.kernel, self.window.stride, self.window.padding
        stride, padding = str(sh) if sh == sw else f"{sh}×{sw}", str(ph) if ph == pw else f"{ph}×{pw}"
        around = f", padding {padding}" if (ph, pw) != (0, 0) else ""
        title = f"{self.how.capitalize()}-pooling {kh}×{kw}, stride {stride}{around}"
        shown = (max(rows, self.picture.shape[1]), max(columns, self.picture.shape[2]))
        words = [fitting(rows, columns, shown)]
        if around:
            words.append("The maximum ignores the padding." if self.how == "max" else "The padding counts as 0.")
        results = grids(each("pooled", self.picture), result, shown)
        return Panel(title, tuple(words), self._operands(), (), results, tuple(frames), result)

    def _one(self, values: list[Fraction]) -> tuple[Fraction, str]:
        """The value of a window, and its sum in words."""
        if self.how == "max":
            largest = max(values)
            return largest, f"max({', '.join(map(show, values))}) = {show(largest)}"
        cells = self.window.kernel[0] * self.window.kernel[1]
        mean = sum(values, start=Fraction(0)) / cells
        return mean, f"({' + '.join(bracket(show(value)) for value in values)})/{cells} = {show(mean)}"

    def _operands(self) -> tuple[Grid, ...]:
        (top, left), (height, width) = self.window.padding, self.picture.shape[1:]
        found = []
        for one in grids(each("input", self.picture), self.picture):
            empty = [[OUTSIDE[self.how]] * (width + 2 * left) for _ in range(height + 2 * top)]
            for row, cells in enumerate(one.cells):
                empty[row + top][left : left + width] = cells
            found.append(Grid(one.name, tuple(map(tuple, empty))))
        return tuple(found)

    def backward(self, gradient: Exact) -> Panel:
        """The input's gradient: each window passes its own to its (first) largest cell, or in equal shares to all cells."""
        parts: dict[tuple[int, Cell], list[tuple[Cell, Fraction]]] = {}
        cells = self.window.kernel[0] * self.window.kernel[1]
        for channel, row, column in np.ndindex(gradient.shape):
            taps = self.inside(self.taps(row, column))
            if self.how == "max":
                plane = self.picture[channel]
                taps = [max(taps, key=plane.__getitem__)]
            share = gradient[channel, row, column] / (1 if self.how == "max" else cells)
            for tap in taps:
                parts.setdefault((channel, tap), []).append(((row, column), share))
        result, frames = np.zeros(self.picture.shape, dtype=object), []
        for row, column in np.ndindex(result.shape[1:]):
            lines, windows = [], set[Cell]()
            for channel in range(len(result)):
                here = parts.get((channel, (row, column)), [])
                result[channel, row, column] = total = sum((share for _, share in here), start=Fraction(0))
                windows |= {window for window, _ in here}
                added = " + ".join(bracket(show(share)) for _, share in here)
                lines.append(f"channel {channel + 1}: {added or '0'} = {show(total)}")
            frames.append(Frame(tuple(sorted(windows)), (row, column), tuple(lines)))
        share = "to its largest cell, the first one of equals" if self.how == "max" else f"in {cells} equal shares"
        words = f"Each window hands its gradient {share}; where windows overlap, the shares are added."
        upstream = grids(each("gradient of the output", gradient), gradient)
        inner = grids(each("gradient of the input", result), result)
        return Panel(
            f"Gradient of the {self.how}-pooling's input", (words,), upstream, (), inner, tuple(frames), result
        )


def rectified(picture: Exact) -> Panel:
    """max(0, x) of every cell."""
    result = picture * (picture > 0)
    inputs, results = grids(each("input", picture), picture), grids(each("ReLU", picture), result)
    return Panel("ReLU", ("max(0, x) in every cell.",), inputs, results=results, value=result)


def rectified_backward(picture: Exact, gradient: Exact) -> Panel:
    """The gradient of ReLU's input."""
    result = gradient * (picture > 0)
    upstream = grids(each("gradient of the output", gradient), gradient)
    words = "The gradient passes where x > 0; elsewhere it is 0, at x = 0 too."
    inner = grids(each("gradient of the input", result), result)
    return Panel("Gradient of the ReLU's input", (words,), upstream, results=inner, value=result)
