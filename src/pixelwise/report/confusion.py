"""The confusion matrix, each row in percent of its truth: where the pixels of a class went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pixelwise.report.plotting import BLUE, GRID, INK, QUIET, new_figure, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUMBERS_FROM = 0.25  # inches a cell needs to hold a number
NAMES_UP_TO = 60


def draw_confusion(
    matrix: Sequence[Sequence[int]], rows: Sequence[str], columns: Sequence[str], width: float, unit: str = "pixel"
) -> Figure:
    """Counts (truth rows × predicted columns), normalised by row; a row without any stays empty."""
    from matplotlib.patches import Rectangle

    counts = np.asarray(matrix, np.float64).reshape(len(rows), len(columns))
    totals = counts.sum(1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    letters = min(14 if width > 5 else 11, max(map(len, [*rows, *columns]), default=1))
    margin = 0.45 + 0.075 * letters
    side = min(0.7, (width - margin - 0.1) / max(1, len(columns)))  # of a cell, in inches
    figure = new_figure(min(width, margin + side * len(columns) + 0.2), margin + side * len(rows) + 0.15)
    axes = figure.subplots()
    size = max(4.5, min(8.5, 24 * side))
    for row, column in zip(*np.nonzero(shares >= 0.005), strict=True):
        share = float(shares[row, column])
        # The shade is an opacity, so that an empty cell is paper in light and in dark.
        axes.add_patch(Rectangle((column, row), 1, 1, facecolor=BLUE, alpha=0.04 + 0.96 * share, linewidth=0))
        if side >= NUMBERS_FROM:
            colour = "#ffffff" if share > 0.5 else INK
            label = f"{100 * share:.0f}"
            axes.text(column + 0.5, row + 0.5, label, ha="center", va="center", fontsize=size, color=colour)
    for row in np.flatnonzero(totals[:, 0] == 0):
        axes.text(0.3, row + 0.5, f"no {unit}", va="center", fontsize=size, color=QUIET)
    axes.set(xlim=(0, len(columns)), ylim=(len(rows), 0), aspect="equal")
    named = max(len(rows), len(columns)) <= NAMES_UP_TO
    for axis, names in ((axes.xaxis, columns), (axes.yaxis, rows)):
        labels = [shorten(name, letters) for name in names] if named else []
        axis.set_ticks(np.arange(len(labels)) + 0.5, labels)
    axes.xaxis.set_ticks_position("top")
    axes.xaxis.set_label_position("top")
    axes.tick_params(length=0, labelsize=max(6.5, min(8.5, 24 * side)))
    axes.tick_params(axis="x", labelrotation=90 if 0.06 * letters > side else 0)
    axes.set_xlabel("predicted")
    axes.set_ylabel("truth")
    for edge in range(len(rows) + 1):
        axes.axhline(edge, color=GRID, linewidth=0.4)
    for edge in range(len(columns) + 1):
        axes.axvline(edge, color=GRID, linewidth=0.4)
    axes.spines[:].set_visible(False)
    return figure
