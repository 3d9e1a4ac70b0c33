"""The plot of a factor of a sweep: how the score depends on its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pixelwise.compare.figures import look
from pixelwise.report.plotting import new_figure, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Level:
    """One point of a factor's plot: the value, and each run's score there. joined: whether it may be compared on."""

    value: str
    scores: tuple[float, ...]


def draw_factor(factor: str, series: Mapping[str, Sequence[Level]], score: str, joined: bool, width: float) -> Figure:
    """The score over the values of one factor: a point a run, the mean with ± one standard deviation over seeds.

    series:  a line for each setting of the other factors, its name → points
    joined:  False where the values are counted on different pictures, so that no line may lead from one to the next
    """
    rows = -(-len(series) // (3 if width > 5 else 1)) if len(series) > 1 else 0
    figure = new_figure(width, 2.9 + 0.19 * rows)
    axes = figure.subplots()
    values = list(dict.fromkeys(level.value for levels in series.values() for level in levels))
    for number, (name, levels) in enumerate(series.items()):
        style = look(number)
        shift = (number - (len(series) - 1) / 2) * min(0.12, 0.6 / len(series))
        places = [values.index(level.value) + shift for level in levels]
        for place, level in zip(places, levels, strict=True):
            axes.plot([place] * len(level.scores), level.scores, ".", color=style["color"], alpha=0.45, markersize=5)
        means = [float(np.mean(level.scores)) for level in levels]
        spreads = [float(np.std(level.scores, ddof=1)) if len(level.scores) > 1 else 0.0 for level in levels]
        line = style["linestyle"] if joined else "none"
        axes.errorbar(
            places, means, yerr=spreads, capsize=3, elinewidth=1.1, markersize=5.5, label=shorten(name, 34),
            color=style["color"], linestyle=line, marker=style["marker"],
        )  # fmt: skip
    letters = max(4, int(11 * width / max(1, len(values))))
    axes.set_xticks(range(len(values)), [shorten(value, letters) for value in values])
    axes.set_xlim(-0.5, len(values) - 0.5)
    axes.margins(y=0.12)
    axes.set_xlabel(factor)
    axes.set_ylabel(score)
    axes.grid(axis="y")
    if len(series) > 1:
        figure.legend(loc="outside upper left", ncols=min(len(series), 3 if width > 5 else 1), columnspacing=1.4)
    return figure
