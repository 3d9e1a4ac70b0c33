"""Plots of several runs: the curves of all in one, and how the score goes with each factor of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pixelwise.report.comparison.gather import Comparison, Group
from pixelwise.report.plotting import BLUE, GREEN, ORANGE, QUIET, new_figure, shorten
from pixelwise.run.words import score_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9", "#e69f00", QUIET)  # Okabe and Ito's, with grey for their black
DASHES = ("solid", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
MARKERS = ("o", "s", "D", "^", "v", "P", "X")


@dataclass(frozen=True)
class Level:
    """One point of a factor's plot: the value, and each run's score there. joined: whether it may be compared on."""

    value: str
    scores: tuple[float, ...]


def look(number: int) -> dict[str, object]:
    """Colour, dash and marker of the group of that number, so that many can be told apart."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": DASHES[number // len(COLOURS) % len(DASHES)],
        "marker": MARKERS[number % len(MARKERS)],
    }


def run_panels(comparison: Comparison) -> list[tuple[str, str, str]]:
    """What `draw_runs` draws: (part of an epoch's record, name in it, label), only where some run has two values to join.

    The validation loss is left out where the runs were trained with different losses, whose values mean different things.
    """
    main = comparison.main.score if comparison.main else comparison.runs[0].record.main
    panels = [("scores", main.key, score_label(main.name))]
    if one_loss(comparison):
        panels.insert(0, ("validation", "loss", "validation loss"))
    return [panel for panel in panels if any(len(_curve(run.record.epochs, *panel[:2])) > 1 for run in comparison.runs)]


def one_loss(comparison: Comparison) -> bool:
    """Whether all runs minimised the same thing, in every phase."""
    losses = []
    for run in comparison.runs:
        phases = (run.recipe.get("train") or {}).get("phases") or []
        losses.append((run.recipe.get("loss"), [phase["loss"] for phase in phases if phase.get("loss")]))
    return all(loss == losses[0] for loss in losses)


def draw_runs(comparison: Comparison, width: float) -> Figure:
    """Validation loss and main score of every run over its epochs: thin lines are runs, thick ones the mean over seeds."""
    panels = run_panels(comparison)
    rows = -(-len(comparison.groups) // (3 if width > 5 else 1))
    figure = new_figure(width, 0.6 + 2.3 * max(1, len(panels)) + 0.19 * rows)
    axes = figure.subplots(max(1, len(panels)), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (part, name, label) in zip(axes, panels, strict=False):
        lows, highs = [], []
        for number, group in enumerate(comparison.groups):
            curves = [_curve(run.record.epochs, part, name) for run in group.runs]
            drawn = _draw_group(axis, [curve for curve in curves if curve], number, group)
            lows += [min(drawn)] if drawn else []
            highs += [float(np.quantile(drawn, 0.97))] if drawn else []
        axis.set_ylabel(label)
        axis.grid(axis="y")
        if lows and part == "validation":  # a first epoch far above everything would press all else flat
            margin = 0.06 * (max(highs) - min(lows)) or 0.05
            axis.set_ylim(min(lows) - margin, max(highs) + 2 * margin)
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        columns = min(len(handles), 3 if width > 5 else 1)
        figure.legend(handles, labels, loc="outside upper left", ncols=columns, handlelength=2.2, columnspacing=1.4)
    return figure


def _draw_group(axes: Axes, curves: Sequence[Mapping[int, float]], number: int, group: Group) -> list[float]:
    """Draw one group's curves; every value that was drawn."""
    if not curves:
        return []
    style = look(number)
    label = f"{group.letter}: {shorten(group.label, 34)}"
    plain = {"color": style["color"], "linestyle": style["linestyle"]}
    if len(curves) > 1:
        for curve in curves:
            axes.plot(list(curve), list(curve.values()), linewidth=0.8, alpha=0.35, **plain)  # type: ignore[arg-type]
    epochs = sorted(set.intersection(*(set(curve) for curve in curves)))  # where every seed has a value
    means = [sum(curve[epoch] for curve in curves) / len(curves) for epoch in epochs]
    points = {"marker": style["marker"], "markersize": 3.4} if len(epochs) <= 30 else {}
    axes.plot(epochs, means, linewidth=1.9, label=label, **plain, **points)  # type: ignore[arg-type]
    return [value for curve in curves for value in curve.values()]


def _curve(epochs: Sequence[Mapping[str, object]], part: str, key: str) -> dict[int, float]:
    found = {}
    for epoch in epochs:
        values = epoch.get(part)
        value = values.get(key) if isinstance(values, Mapping) else None
        if value is not None:
            found[int(str(epoch["epoch"]))] = float(value)
    return found


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
