"""The parts of a worked step: grids of cells as written, and one frame for each position of the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from pixelwise.arithmetic.exercise.linear_piece import Exact, show

UNUSED = "×"
MOST_FRAMES = 10_000


@dataclass(frozen=True)
class Grid:
    """A named table of cells, as written."""

    name: str
    cells: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Frame:
    """One position of the window.

    taps:    (row, column) of the cells it reads, in the shown operands
    target:  (row, column) of the cell that it fills
    sums:    one line per channel, and their total
    """

    taps: tuple[tuple[int, int], ...]
    target: tuple[int, int]
    sums: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """One worked step.

    operands:   the input of the window (with padding), one grid for each channel
    filters:    the weights, one grid for each channel; may be empty
    results:    the output: one grid for each channel and their sum; the last ones are the answer
    value:      the answer without unused cells, exact; None if it is words
    derivation: steps of the computation that have no cell, as matrix products
    drawing:    an SVG for the page; may be empty
    answers:    further answers by name, e.g. W and b of a linear piece
    slips:      the answers of known mistakes, by the description of the mistake
    """

    title: str
    words: tuple[str, ...]
    operands: tuple[Grid, ...] = ()
    filters: tuple[Grid, ...] = ()
    results: tuple[Grid, ...] = ()
    frames: tuple[Frame, ...] = ()
    value: Exact | None = field(default=None, compare=False)
    derivation: tuple[str, ...] = ()
    drawing: str = ""
    answers: dict[str, Exact] = field(default_factory=dict, compare=False)
    slips: dict[str, Callable[[], Exact]] = field(default_factory=dict, compare=False)


def grid(name: str, plane: Exact, shown: Sequence[int] = ()) -> Grid:
    """A plane in the upper left of a grid of this size (by default its own size), with × in the other cells."""
    height, width = shown or plane.shape
    cells = [[UNUSED] * width for _ in range(height)]
    for (row, column), value in np.ndenumerate(plane):
        cells[row][column] = show(value)
    return Grid(name, tuple(map(tuple, cells)))


def grids(name: str, planes: Exact, shown: Sequence[int] = ()) -> tuple[Grid, ...]:
    """One grid for each channel; `{}` in the name is its number."""
    return tuple(grid(name.format(number), plane, shown) for number, plane in enumerate(planes, start=1))


def filter_grids(filters: Exact, name: str = "filter") -> tuple[Grid, ...]:
    """The grids of filters (O, C, K, K): the filter's number is in the name where there are several."""
    if len(filters) == 1:
        return grids(f"{name} channel {{}}", filters[0])
    return tuple(one for o, kernel in enumerate(filters, start=1) for one in grids(f"{name} {o} channel {{}}", kernel))


def each(word: str, planes: Exact) -> str:
    """The name of grids: with the channel's number where there are several."""
    return word if len(planes) == 1 else f"{word} channel {{}}"


def bracket(text: str) -> str:
    """A factor in brackets where it has a sign or a fraction bar."""
    return f"({text})" if text.startswith("−") or "/" in text else text


def products(pairs: Sequence[tuple[object, object]], total: object) -> str:
    """`1·2 + 3·(−1) = −1`; pairs whose second factor is 0 are left out."""
    written = [f"{bracket(show(one))}·{bracket(show(other))}" for one, other in pairs if other]
    return f"{' + '.join(written) or '0'} = {show(total)}"


def fitting(rows: int, columns: int, shown: Sequence[int]) -> str:
    """The number of windows that fit, and a note on the other cells of the grid, if there are any."""
    count = "One window fits" if rows * columns == 1 else f"{rows}×{columns} windows fit"
    return f"{count}; the other cells stay {UNUSED}." if tuple(shown) != (rows, columns) else f"{count}."
