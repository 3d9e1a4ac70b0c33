"""The curves of several runs in one plot, over epochs, updates or minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import fsum
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pixelwise.compare.gather import Comparison, Group, Member
from pixelwise.report.plotting import BLUE, GREEN, ORANGE, QUIET, new_figure, shorten
from pixelwise.report.record import loss_function
from pixelwise.run.words import score_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Over = Literal["epochs", "updates", "minutes"]

COLOURS = (BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9", "#e69f00", QUIET)  # Okabe and Ito's, with grey for their black
DASHES = ("solid", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
MARKERS = ("o", "s", "D", "^", "v", "P", "X")


@dataclass(frozen=True)
class Panel:
    """What one panel draws. part: of an epoch's record; key: of the value in it."""

    part: Literal["train", "validation", "scores"]
    key: str
    label: str


def look(number: int) -> dict[str, Any]:
    """Colour, dash and marker of the group of that number, so that many can be told apart."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": DASHES[number // len(COLOURS) % len(DASHES)],
        "marker": MARKERS[number % len(MARKERS)],
    }


def panels_of(comparison: Comparison) -> list[Panel]:
    """The panels of `draw_runs`, only those in which some run has two points to join.

    There are no losses if the runs were trained with different loss functions: their values cannot be compared.
    """
    main = comparison.main.score if comparison.main else comparison.runs[0].record.main
    panels = [Panel("scores", main.key, score_label(main.name))]
    if one_loss(comparison):
        again = any(run.record.validates_on_training for run in comparison.runs)
        label = "evaluated loss" if again else "validation loss"
        panels = [Panel("train", "loss", "training loss"), Panel("validation", "loss", label), *panels]
    return [panel for panel in panels if any(len(_curve(run, panel, "epochs")) > 1 for run in comparison.runs)]


def one_loss(comparison: Comparison) -> bool:
    """Whether all runs minimised the same loss function, in every phase."""
    return len({loss_function(run.recipe) for run in comparison.runs}) == 1


def draw_runs(comparison: Comparison, over: Over, width: float) -> Figure:
    """Losses and main score of every run: thin lines are runs, thick ones the mean over seeds."""
    panels = panels_of(comparison)
    rows = -(-len(comparison.groups) // (3 if width > 5 else 1))
    figure = new_figure(width, 0.6 + 2.3 * max(1, len(panels)) + 0.19 * rows)
    axes = figure.subplots(max(1, len(panels)), 1, sharex=True, squeeze=False)[:, 0]
    for axis, panel in zip(axes, panels, strict=False):
        lows, highs = [], []
        for number, group in enumerate(comparison.groups):
            curves = [curve for run in group.runs if (curve := _curve(run, panel, over))]
            _draw_group(axis, curves, number, group)
            if drawn := [value for curve in curves for _, value in curve.values()]:
                lows.append(min(drawn))
                highs.append(float(np.quantile(drawn, 0.97)))
        axis.set_ylabel(panel.label)
        axis.grid(axis="y")
        if lows and panel.part != "scores":  # a first epoch far above everything would press all else flat
            margin = 0.06 * (max(highs) - min(lows)) or 0.05
            axis.set_ylim(min(lows) - margin, max(highs) + 2 * margin)
    axes[-1].set_xlabel(
        {"epochs": "epoch", "updates": "updates", "minutes": "minutes of training and validation"}[over]
    )
    if over != "minutes":
        axes[-1].xaxis.get_major_locator().set_params(integer=True)
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        columns = min(len(handles), 3 if width > 5 else 1)
        figure.legend(handles, labels, loc="outside upper left", ncols=columns, handlelength=2.2, columnspacing=1.4)
    figure.align_ylabels()
    return figure


def _draw_group(axes: Axes, curves: Sequence[Mapping[int, tuple[float, float]]], number: int, group: Group) -> None:
    """Draw the curves of one group, and their mean at the epochs for which every seed has a value."""
    if not curves:
        return
    plain = look(number)
    marker = plain.pop("marker")
    if len(curves) > 1:
        for curve in curves:
            axes.plot(*zip(*curve.values(), strict=True), linewidth=0.8, alpha=0.35, **plain)
    epochs = sorted(set.intersection(*(set(curve) for curve in curves)))
    means = [[fsum(curve[epoch][axis] for curve in curves) / len(curves) for epoch in epochs] for axis in (0, 1)]
    points = {"marker": marker, "markersize": 3.4} if len(epochs) <= 30 else {}
    label = f"{group.letter}: {shorten(group.label, 34)}"
    axes.plot(*means, linewidth=1.9, label=label, **plain, **points)


def _curve(run: Member, panel: Panel, over: Over) -> dict[int, tuple[float, float]]:
    """Epoch → (place on the axis, value), of the epochs that have one."""
    epochs = run.record.epochs
    if over == "minutes":
        places = list(accumulate(fsum((epoch.get("seconds") or {}).values()) / 60 for epoch in epochs))
    else:
        places = [float(epoch["epoch" if over == "epochs" else "step"]) for epoch in epochs]
    values = [(epoch.get(panel.part) or {}).get(panel.key) for epoch in epochs]
    return {
        int(epoch["epoch"]): (place, float(value))
        for epoch, place, value in zip(epochs, places, values, strict=True)
        if value is not None
    }
