"""Plots of an experiment: the score over each factor or range, and the best score so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelwise.compare.figures import look
from pixelwise.report.plotting import BLUE, GREEN, ORANGE, QUIET, new_figure, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Entry = Mapping[str, Any]
LOOKS: dict[str, dict[str, Any]] = {  # of trials, by how they ended
    "done": {"label": "finished", "marker": "o", "markersize": 5, "color": BLUE},
    "pruned": {"label": "pruned: the last score it had", "marker": "x", "markersize": 4.5, "color": QUIET},
}


def draw_factor(
    factor: str, series: Mapping[str, Mapping[str, Sequence[float]]], score: str, joined: bool, width: float
) -> Figure:
    """The score over the values of one factor: a point for each run, the mean with ± one standard deviation over seeds.

    series:  a line for each setting of the other factors, its name → value → the score of each run
    joined:  False if the values are counted on different pictures, so that no line may lead from one to the next
    """
    rows = -(-len(series) // (3 if width > 5 else 1)) if len(series) > 1 else 0
    figure = new_figure(width, 2.9 + 0.19 * rows)
    axes = figure.subplots()
    values = list(dict.fromkeys(value for points in series.values() for value in points))
    for number, (name, points) in enumerate(series.items()):
        style = look(number)
        shift = (number - (len(series) - 1) / 2) * min(0.12, 0.6 / len(series))
        places = [values.index(value) + shift for value in points]
        for place, scores in zip(places, points.values(), strict=True):
            axes.plot([place] * len(scores), scores, ".", color=style["color"], alpha=0.45, markersize=5)
        means = [float(np.mean(scores)) for scores in points.values()]
        spreads = [float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0 for scores in points.values()]
        style["linestyle"] = style["linestyle"] if joined else "none"
        label = shorten(name, 34)
        axes.errorbar(places, means, yerr=spreads, capsize=3, elinewidth=1.1, markersize=5.5, label=label, **style)
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


def draw_range(one: Entry, trials: Sequence[Entry], best: str | None, label: str, width: float) -> Figure:
    """A dot for every trial over the value it drew. one: path, log and choices of the range."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure = new_figure(width, 2.9)
    axes = figure.subplots()
    choices = [str(choice) for choice in one["choices"]]
    shown = [t for t in trials if one["path"] in t["values"]]

    def place(trial: Entry) -> float:
        """Where a trial is on the axis; trials of one choice are beside each other."""
        value = trial["values"][one["path"]]
        return choices.index(value) + 0.04 * (trial["number"] % 5 - 2) if choices else float(value)

    _draw_trials(axes, shown, place)
    for chosen in (t for t in shown if t["name"] == best and t["score"] is not None):
        axes.plot(
            [place(chosen)], [chosen["score"]], linestyle="none", label="the best", marker="D", markersize=8,
            color=ORANGE, markerfacecolor="none", markeredgewidth=1.6,
        )  # fmt: skip
    if choices:
        axes.set_xticks(range(len(choices)), [shorten(choice, 18) for choice in choices])
        axes.set_xlim(-0.5, len(choices) - 0.5)
    elif one["log"]:  # plain numbers at 1, 10, 100, ...; over a short way at 2 and 5 too
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if high / low > 300 else (1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    _finish(axes, one["path"], label)
    return figure


def draw_best_so_far(trials: Sequence[Entry], higher_is_better: bool, label: str, width: float) -> Figure:
    """The score of every trial in the order they began, and the best of those up to each."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(width, 2.9)
    axes = figure.subplots()
    done = [t for t in trials if t["state"] == "done" and t["score"] is not None]
    heights = list(accumulate((t["score"] for t in done), max if higher_is_better else min))
    places = [*(t["number"] for t in done), max((t["number"] for t in trials), default=0)]
    axes.step(places, [*heights, heights[-1]], where="post", color=GREEN, label="best so far")
    _draw_trials(axes, trials, lambda trial: float(trial["number"]))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(axes, "trial", label)
    return figure


def _draw_trials(axes: Axes, trials: Sequence[Entry], place: Callable[[Entry], float]) -> None:
    """A mark for every trial with a score, by how it ended."""
    for state, mark in LOOKS.items():
        there = [trial for trial in trials if trial["state"] == state and trial["score"] is not None]
        if there:
            heights = [trial["score"] for trial in there]
            axes.plot([place(trial) for trial in there], heights, linestyle="none", **mark)


def _finish(axes: Axes, across: str, up: str) -> None:
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(axis="y")
    axes.margins(y=0.1)
    handles, labels = axes.get_legend_handles_labels()
    if handles and axes.figure is not None:
        axes.figure.legend(handles, labels, loc="outside upper left", ncols=3, handlelength=1.4, columnspacing=1.4)
