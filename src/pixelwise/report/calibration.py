"""Accuracy by confidence: a network that says .8 should be right in eight of ten cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pixelwise.report.plotting import BLUE, INK, QUIET, new_figure
from pixelwise.report.record import Json

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_reliability(rows: Sequence[Json], width: float) -> Figure:
    """One bar an interval of confidence: how often it was right; below, how many pictures lie in it.

    rows: `from`, `to`, `n`, `confidence` (mean) and `accuracy` of each interval, None where nothing lies in it
    """
    figure = new_figure(min(width, 5.2), min(width, 5.2) * 0.95)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    full = [row for row in rows if row["n"]]
    for axes, heights in ((above, [row["accuracy"] for row in full]), (below, [row["n"] for row in full])):
        axes.bar(
            [row["from"] for row in full],
            heights,
            width=[0.92 * (row["to"] - row["from"]) for row in full],
            align="edge",
            color=BLUE,
        )
        axes.grid(axis="y")
    above.plot([0, 1], [0, 1], color=QUIET, linewidth=1.1, linestyle=(0, (4, 3)))
    above.scatter([row["confidence"] for row in full], [row["accuracy"] for row in full], s=12, color=INK, zorder=3)
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    below.set(xlabel="confidence (probability of the predicted class)", ylabel="pictures")
    below.margins(y=0.12)
    figure.align_ylabels()
    return figure
