"""Plots of a search: the score over each searched factor, and the best score so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pixelwise.report.plotting import BLUE, GREEN, ORANGE, QUIET, new_figure, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Entry = Mapping[str, Any]


def draw_factor(one: Entry, trials: Sequence[Entry], best: str | None, label: str, width: float) -> Figure:
    """A dot for every trial over the value it drew. one: path, log and choices of the range."""
    figure = new_figure(width, 2.9)
    axes = figure.subplots()
    choices = [str(choice) for choice in one["choices"]]
    shown = [t for t in trials if t["score"] is not None and one["path"] in t["values"] and t["state"] in LOOKS]
    for state, look in LOOKS.items():
        there = [t for t in shown if t["state"] == state]
        places = [_place(t["values"][one["path"]], choices, t["number"]) for t in there]
        if there:
            axes.plot(places, [t["score"] for t in there], linestyle="none", label=WORDS[state], **look)
    for chosen in (t for t in shown if t["name"] == best):
        place = _place(chosen["values"][one["path"]], choices, chosen["number"])
        axes.plot([place], [chosen["score"]], linestyle="none", label="the best", **BEST)
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
    for state, look in LOOKS.items():
        there = [t for t in trials if t["state"] == state and t["score"] is not None]
        if there:
            axes.plot(
                [t["number"] for t in there],
                [t["score"] for t in there],
                linestyle="none",
                label=WORDS[state],
                **look,
            )
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


def _place(value: str, choices: Sequence[str], number: int) -> float:
    """Where a value stands on the axis; trials of one choice stand beside each other."""
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
