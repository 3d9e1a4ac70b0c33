"""Claims about the cells of a worked exercise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from pixelwise.arithmetic.claims.verdict import Verdict, split_claim
from pixelwise.arithmetic.exercise.linear_piece import Exact, show
from pixelwise.arithmetic.exercise.panels import UNUSED, Panel
from pixelwise.arithmetic.text import parse_figure, rows_as_typed
from pixelwise.errors import RecipeError, listing

EXAMPLE = "1=-1 -4 -2; -1 -2 -3; 1 5 2"


def check_cells(panels: Sequence[Panel], claim: str) -> Verdict:
    """Compare `STEP=CELLS` or `STEP.NAME=CELLS` with a worked exercise.

    Cells are separated by spaces, rows by `;`, channels by `|`. Unused cells (×) may be written or left out.
    Raises RecipeError for a step or a name that does not exist.
    """
    name, claimed = split_claim(claim, EXAMPLE)
    number, _, part = name.partition(".")
    if not number.isdigit() or not 1 <= int(number) <= len(panels):
        what = f"unknown step '{number}'; the steps are 1 to {len(panels)}."
        raise RecipeError(what, where="--claim", hint=f"For example: {EXAMPLE}")
    panel = panels[int(number) - 1]
    if part and part not in panel.answers:
        what = f"step {number} has no '{part}'; it has {listing(panel.answers) or 'one answer, without a name'}."
        raise RecipeError(what, where="--claim")
    title = f"step {number}{f', {part}' if part else ''}"
    given = [_channel(channel) for channel in rows_as_typed(claimed).split("|")]
    value = panel.answers[part] if part else panel.value
    if value is None:
        return _written(panel, title, given)
    read, computed = [_numbers(channel) for channel in given], _planes(value)
    if read == computed:
        return Verdict(title, _text(read), _text(computed), True)
    why = next((words for words, answer in panel.slips.items() if _planes(answer()) == read), "")
    return Verdict(title, _text(read), _text(computed), False, explanation=why or _which_cells(read, computed))


def _written(panel: Panel, title: str, given: list[list[list[str]]]) -> Verdict:
    """A step whose answer is a grid of words, such as the best patch."""
    if not panel.results:
        raise RecipeError(f"{title} has no cells to check.", where="--claim")
    grids = [[list(row) for row in grid.cells] for grid in panel.results]
    read = [[[cell.replace("-", "−") for cell in row] for row in channel] for channel in given]
    return Verdict(title, _text(read), _text(grids), read == grids)


def _channel(text: str) -> list[list[str]]:
    return [re.split(r"[\s,]+", row.strip()) for row in text.split(";") if row.strip()]


def _numbers(rows: list[list[str]]) -> list[list[Any]]:
    """The cells that are used, as exact numbers."""
    kept = [[parse_figure(cell) for cell in row if cell not in (UNUSED, "x", "X")] for row in rows]
    return [row for row in kept if row]


def _planes(value: Exact) -> list[list[list[Any]]]:
    """(C, H, W), or fewer dimensions, as channels of rows."""
    array = np.asarray(value, dtype=object)
    array = (
        array.reshape(-1, *array.shape[-2:]) if array.ndim > 2 else array.reshape((1,) * (3 - array.ndim) + array.shape)
    )
    planes: list[list[list[Any]]] = array.tolist()
    return planes


def _which_cells(read: list[list[list[Any]]], computed: list[list[list[Any]]]) -> str:
    """The cells in which two answers of the same shape differ."""
    shapes = (
        [[len(row) for row in channel] for channel in read],
        [[len(row) for row in channel] for channel in computed],
    )
    if shapes[0] != shapes[1]:
        return "the shape is different"
    wrong = [
        f"row {r}, column {c}" + (f" of channel {channel + 1}" if len(read) > 1 else "")
        for channel, plane in enumerate(computed)
        for r, row in enumerate(plane)
        for c, cell in enumerate(row)
        if read[channel][r][c] != cell
    ]
    return f"{listing(wrong, 4)} differ{'s' if len(wrong) == 1 else ''}"


def _text(planes: list[list[list[Any]]]) -> str:
    def cell(value: Any) -> str:
        return value if isinstance(value, str) else show(value)

    return " | ".join("; ".join(re.sub(r"\s+", " ", " ".join(map(cell, row))) for row in plane) for plane in planes)
