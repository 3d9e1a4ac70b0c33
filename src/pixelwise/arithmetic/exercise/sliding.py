"""Convolutions, transposed convolutions and their gradients, cell by cell.

Both kinds are the same sum over *links*: output cell (y, x) reads input cell (r, s) through kernel cell (i, j). A
convolution has y·S + i·D = r in the padded input, a transposed one r·S − P + i·D = y. With links L, the gradients are
(g is the gradient of the output):

    y[o, y]  = Σ_c Σ_L x[c, r]·w[o, c, i] + b[o]
    dx[c, r] = Σ_o Σ_L g[o, y]·w[o, c, i]
    dw[o, c, i] = Σ_L g[o, y]·x[c, r]           db[o] = Σ_y g[o, y]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any, cast

import numpy as np

from pixelwise.arithmetic.exercise.linear_piece import Exact, show
from pixelwise.arithmetic.exercise.panels import (
    MOST_FRAMES,
    Frame,
    Grid,
    Panel,
    bracket,
    each,
    filter_grids,
    fitting,
    grid,
    grids,
    products,
)
from pixelwise.arithmetic.window import Window
from pixelwise.errors import ShapeError

Cell = tuple[int, int]
Link = tuple[Cell, Cell, Cell]  # output, input (padded), kernel


@dataclass(frozen=True, eq=False)
class Sliding:
    """A convolution or transposed convolution on one picture.

    picture:  (C, H, W)
    filters:  (O, C, K, K); for a transposed convolution torch keeps the same as (C, O, K, K)
    bias:     (O,)
    more:     output_padding of a transposed convolution; None for a convolution
    """

    picture: Exact
    filters: Exact
    window: Window
    bias: Exact
    more: tuple[int, int] | None = None

    @property
    def size(self) -> Cell:
        height, width = self.picture.shape[1:]
        if self.more is None:
            return self.window.output_size((height, width))
        return self.window.transposed_output_size((height, width), self.more)

    @property
    def operand(self) -> Exact:
        """The input of the links: the picture with its padding."""
        if self.more is not None:
            return self.picture
        around = [(padding, padding) for padding in self.window.padding]
        return np.pad(self.picture, ((0, 0), *around), constant_values=0)

    def links(self) -> Iterator[Link]:
        (kh, kw), (sh, sw), (dh, dw) = self.window.kernel, self.window.stride, self.window.dilation
        height, width = self.size
        if height * width * kh * kw > 9 * MOST_FRAMES or height * width > MOST_FRAMES:
            raise ShapeError(f"an exercise by hand has at most {MOST_FRAMES:,} windows, this one {height * width:,}.")
        if self.more is None:
            for y, x, i, j in np.ndindex(height, width, kh, kw):
                yield (y, x), (y * sh + i * dh, x * sw + j * dw), (i, j)
            return
        (top, left), size = self.window.padding, self.picture.shape[1:]
        for y, x, i, j in np.ndindex(height, width, kh, kw):
            (row, down), (column, right) = divmod(y + top - i * dh, sh), divmod(x + left - j * dw, sw)
            if not down and not right and 0 <= row < size[0] and 0 <= column < size[1]:
                yield (y, x), (row, column), (i, j)

    def forward(self) -> Panel:
        """The output, with the sum of every cell."""
        links = by(self.links(), 0)
        operand, outputs, (height, width) = self.operand, len(self.filters), self.size
        parts = np.full((outputs, len(operand), height, width), Fraction(0), dtype=object)
        frames = []
        for y, x in np.ndindex(height, width):
            here = links.get((y, x), [])
            lines = []
            for o, c in np.ndindex(parts.shape[:2]):
                pairs = [(operand[c][read], self.filters[o, c][weight]) for _, read, weight in here]
                parts[o, c, y, x] = sum((value * weight for value, weight in pairs), start=Fraction(0))
                lines.append(f"{self._named(o)}channel {c + 1}: {products(pairs, parts[o, c, y, x])}")
                if c == len(operand) - 1:
                    lines += self._total(o, parts[o, :, y, x])
            frames.append(Frame(tuple(read for _, read, _ in here), (y, x), tuple(lines)))
        value = parts.sum(axis=1) + self.bias[:, None, None]
        shown = (max(height, self.picture.shape[1]), max(width, self.picture.shape[2]))
        shown = shown if self.more is None else (height, width)
        words = (fitting(height, width, shown),) if self.more is None else (self._painting(),)
        operands = grids("input channel {}", operand), filter_grids(self.filters)
        results = self._results(parts, value, shown)
        return Panel(self.title, words, *operands, results, tuple(frames), value, slips=self._slips(parts))

    def _slips(self, parts: Exact) -> dict[str, Callable[[], Exact]]:
        """The answers of known mistakes, by the description of the mistake."""
        flipped = replace(self, filters=self.filters[:, :, ::-1, ::-1])
        slips = {"this flips the kernel, which networks do not": lambda: cast(Exact, flipped.forward().value)}
        if self.bias.any():
            slips["this leaves the bias out"] = lambda: parts.sum(axis=1)
        if parts.shape[1] > 1:
            for c in range(parts.shape[1]):
                slips[f"this is channel {c + 1} alone"] = partial(np.take, parts, c, 1)
        return slips

    @property
    def title(self) -> str:
        def written(pair: tuple[int, int]) -> str:
            return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}×{pair[1]}"

        window, more = self.window, self.more
        name = "Convolution" if more is None else "Transposed convolution"
        spread = f", dilation {written(window.dilation)}" if window.dilation != (1, 1) else ""
        added = f", output_padding {written(more)}" if more and more != (0, 0) else ""
        return f"{name}: stride {written(window.stride)}, padding {written(window.padding)}{added}{spread}"

    def _painting(self) -> str:
        rows, columns = self.picture.shape[1:]
        return (
            f"Each of the {rows}×{columns} input cells paints the kernel times its value; overlapping values are added."
        )

    def _named(self, output: int) -> str:
        return f"filter {output + 1}, " if len(self.filters) > 1 else ""

    def _total(self, output: int, parts: Exact) -> list[str]:
        bias = self.bias[output]
        terms = [show(value) for value in parts] + ([show(bias)] if bias else [])
        if len(terms) == 1:
            return []
        return [f"{self._named(output)}sum: {' + '.join(map(bracket, terms))} = {show(parts.sum() + bias)}"]

    def _results(self, parts: Exact, value: Exact, shown: tuple[int, ...]) -> tuple[Grid, ...]:
        """Every channel's products, and their sum where there is more than one part."""
        found: list[Grid] = []
        for o, planes in enumerate(parts):
            name = f"filter {o + 1}" if len(parts) > 1 else ""
            bias = f" + bias {show(self.bias[o])}" if self.bias[o] else ""
            if len(planes) == 1 and not bias:
                found.append(grid(name or "channel 1", planes[0], shown))
                continue
            found += grids(f"{name}{', ' * bool(name)}channel {{}}", planes, shown)
            found.append(grid(f"{name}{': ' * bool(name)}sum of the channels{bias}", value[o], shown))
        return tuple(found)

    def backward(self, gradient: Exact) -> list[Panel]:
        """The gradients of weights, bias and input, from that of the output (O, h, w)."""
        links = list(self.links())
        upstream = grids(each("gradient of the output", gradient), gradient)
        kind = "convolution" if self.more is None else "transposed convolution"
        weights, weight_frames = self._weight_gradient(gradient, by(links, 2))
        named = filter_grids(weights, "gradient of filter")
        shares = "Each weight meets every window once: its gradient is Σ gradient·input over the windows."
        panels = [Panel(f"Gradient of the {kind}'s weights", (shares,), upstream, (), named, weight_frames, weights)]
        bias = gradient.sum(axis=(1, 2))
        sums = tuple(f"{self._named(o)}sum of the output's gradient = {show(total)}" for o, total in enumerate(bias))
        panels.append(Panel(f"Gradient of the {kind}'s bias", sums, value=bias))
        read, frames = self._input_gradient(gradient, by(links, 1))
        words = "Each input cell collects gradient·weight from every window that reads it."
        inner = grids(each("gradient of the input", read), read)
        filters = filter_grids(self.filters)
        return [*panels, Panel(f"Gradient of the {kind}'s input", (words,), upstream, filters, inner, frames, read)]

    def _weight_gradient(self, gradient: Exact, links: dict[Cell, list[Link]]) -> tuple[Exact, tuple[Frame, ...]]:
        operand, result = self.operand, np.zeros(self.filters.shape, dtype=object)
        frames = []
        for i, j in np.ndindex(result.shape[2:]):
            here, lines = links.get((i, j), []), []
            for o, c in np.ndindex(result.shape[:2]):
                pairs = [(gradient[o][out], operand[c][read]) for out, read, _ in here]
                result[o, c, i, j] = sum((one * other for one, other in pairs), start=Fraction(0))
                lines.append(f"{self._named(o)}channel {c + 1}: {products(pairs, result[o, c, i, j])}")
            frames.append(Frame(tuple(out for out, _, _ in here), (i, j), tuple(lines)))
        return result, tuple(frames)

    def _input_gradient(self, gradient: Exact, links: dict[Cell, list[Link]]) -> tuple[Exact, tuple[Frame, ...]]:
        top, left = self.window.padding if self.more is None else (0, 0)
        result, frames = np.zeros(self.picture.shape, dtype=object), []
        for row, column in np.ndindex(result.shape[1:]):
            here, lines = links.get((row + top, column + left), []), []
            for c in range(len(result)):
                both = [(o, out, weight) for o in range(len(gradient)) for out, _, weight in here]
                pairs = [(gradient[o][out], self.filters[o, c][weight]) for o, out, weight in both]
                result[c, row, column] = sum((one * other for one, other in pairs), start=Fraction(0))
                lines.append(f"channel {c + 1}: {products(pairs, result[c, row, column])}")
            frames.append(Frame(tuple(out for out, _, _ in here), (row, column), tuple(lines)))
        return result, tuple(frames)


def by(links: Any, place: int) -> dict[Cell, list[Link]]:
    """Links by their output (0), input (1) or kernel cell (2)."""
    found: dict[Cell, list[Link]] = {}
    for link in links:
        found.setdefault(link[place], []).append(link)
    return found
