"""Plots of an experiment: the score over each factor or range, and the best score so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelwise.compare.figures import look
from pixelwise.report.plotting import BLUE, GREEN, ORANGE, QUIET, new_figure, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Level:
    """One point of a factor's plot: the value, and each run's score there. joined: whether it may be compared on."""

    value: str
    scores: tuple[float, ...]


def draw_factor(factor: str, series: Mapping[str, Sequence[Level]], score: str, joined: bool, width: float) -> Figure:
    """The score over the values of one factor: a point for each run, the mean with ± one standard deviation over seeds.

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


def draw_range(one: Entry, trials: Sequence[Entry], best: str | None, label: str, width: float) -> Figure:
    """A dot for every trial over the value it drew. one: path, log and choices of the range."""
    figure = new_figure(width, 2.9)
    axes = figure.subplots()
    choices = [str(choice) for choice in one["choices"]]
    shown = [t for t in trials if one["path"] in t["values"]]
    place = partial(_place, one["path"], choices)
    _draw_trials(axes, shown, place)
    for chosen in (t for t in shown if t["name"] == best and t["score"] is not None):
        axes.plot([place(chosen)], [chosen["score"]], linestyle="none", label="the best", **BEST)
    if choices:
        axes.set_xticks(range(len(choices)), [shorten(choice, 18) for choice in choices])
        axes.set_xlim(-0.5, len(choices) - 0.5)
    elif one["log"]:
        axes.set_xscale("log")
        _mark_decades(axes)
    axes.set_xlabel(one["path"])
    _finish(axes, label)
    return figure


def draw_best_so_far(trials: Sequence[Entry], higher_is_better: bool, label: str, width: float) -> Figure:
    """The score of every trial in the order they began, and the best of those up to each."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(width, 2.9)
    axes = figure.subplots()
    done = [t for t in trials if t["state"] == "done" and t["score"] is not None]
    better = max if higher_is_better else min
    heights = [better(t["score"] for t in done[: n + 1]) for n in range(len(done))]
    last = max((t["number"] for t in trials), default=0)
    axes.step(
        [*(t["number"] for t in done), last], [*heights, heights[-1]], where="post", color=GREEN, label="best so far"
    )
    _draw_trials(axes, trials, lambda trial: float(trial["number"]))
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _finish(axes, label)
    return figure


LOOKS: dict[str, dict[str, Any]] = {
    "done": {"marker": "o", "markersize": 5, "color": BLUE},
    "pruned": {"marker": "x", "markersize": 4.5, "color": QUIET},
}
BEST: dict[str, Any] = {
    "marker": "D",
    "markersize": 8,
    "color": ORANGE,
    "markerfacecolor": "none",
    "markeredgewidth": 1.6,
}
WORDS = {"done": "finished", "pruned": "pruned: the last score it had"}


def _draw_trials(axes: Axes, trials: Sequence[Entry], place: Callable[[Entry], float]) -> None:
    """A mark for every trial with a score, by how it ended."""
    for state, mark in LOOKS.items():
        there = [trial for trial in trials if trial["state"] == state and trial["score"] is not None]
        if there:
            heights = [trial["score"] for trial in there]
            axes.plot([place(trial) for trial in there], heights, linestyle="none", label=WORDS[state], **mark)


def _place(path: str, choices: Sequence[str], trial: Entry) -> float:
    """Where a trial is on the axis; trials of one choice are beside each other."""
    value, number = trial["values"][path], trial["number"]
    return choices.index(value) + 0.04 * (number % 5 - 2) if choices else float(value)


def _mark_decades(axes: Axes) -> None:
    """Plain numbers at 1, 10, 100, ...; over a short way at 2 and 5 too."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if high / low > 300 else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _finish(axes: Axes, label: str) -> None:
    axes.set_ylabel(label)
    axes.grid(axis="y")
    axes.margins(y=0.1)
    handles, labels = axes.get_legend_handles_labels()
    if handles and axes.figure is not None:
        axes.figure.legend(handles, labels, loc="outside upper left", ncols=3, handlelength=1.4, columnspacing=1.4)
