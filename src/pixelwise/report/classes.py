"""Plots with one row a class: IoU, and how often the class occurs in training beside the weight that the loss gives it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from pixelwise.report.plotting import BLUE, GREEN, INK, ORANGE, bars, new_figure
from pixelwise.report.record import Json
from pixelwise.run.words import ABSENT, number, score_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_class_scores(
    rows: Sequence[Json], score: str, mean: float | None, width: float, palette: Collection[str] = ()
) -> Figure:
    """One bar a class for the value `score` of its row, best first; a class without a number keeps its line.

    palette: classes whose names are colours, in which their bars are drawn
    """
    ordered = sorted(rows, key=lambda row: -1.0 if row.get(score) is None else -2.0 - row[score])
    names = [str(row.get("class", "")) for row in ordered]
    values = [row.get(score) for row in ordered]
    figure = new_figure(width, _height(len(names)))
    axes = figure.subplots()
    axes.set_xlim(0, max(0.05, 1.14 * max([value for value in values if value is not None], default=0.0)))
    bars(
        axes,
        names,
        values,
        [f"{ABSENT} (absent)" if v is None else number(v, 3) for v in values],
        _painted(names, palette, BLUE),
    )
    if mean is not None:
        axes.axvline(mean, color=ORANGE, linewidth=1.4, linestyle=(0, (4, 2)))
        label = f"mean {number(mean, 3)}"
        axes.annotate(label, (mean, 1), xycoords=("data", "axes fraction"), xytext=(3, 1), textcoords="offset points")
    axes.set_xlabel(score_label(score))
    return figure


def draw_balance(
    classes: Sequence[str],
    counts: Sequence[int],
    weights: Sequence[float] | None,
    width: float,
    unit: str = "pixel",
    palette: Collection[str] = (),
) -> Figure:
    """Share of the training pixels (or pictures) of each class (logarithmic), and its weight in the loss if it has one."""
    total = max(1, sum(counts))
    shares = [100 * count / total for count in counts]
    figure = new_figure(width, _height(len(classes)))
    panels = figure.subplots(1, 2 if weights else 1, sharey=True, squeeze=False)[0]
    known = [share for share in shares if share > 0]
    low = 10.0 ** _floor_log10(0.5 * min(known, default=0.1))
    panels[0].set_xscale("log")
    panels[0].set_xlim(low, 900)
    labels = [f"{share:.3g} %" if share else "none" for share in shares]
    bars(panels[0], list(classes), [share or None for share in shares], labels, _painted(classes, palette, BLUE))
    ticks = [10.0**power for power in range(2, _floor_log10(low) - 1, -1 if width > 5 else -2)]
    panels[0].set_xticks(ticks, [f"{tick:g} %" for tick in ticks])
    panels[0].minorticks_off()
    panels[0].set_xlabel(f"share of the training {unit}s")
    if weights:
        panels[1].set_xlim(0, 1.25 * max([*weights, 1e-9]))
        bars(panels[1], list(classes), list(weights), [f"{weight:.3g}" for weight in weights], GREEN)
        panels[1].set_xlabel("weight in the loss")
        panels[1].tick_params(axis="y", labelcolor=INK)
    return figure


def _painted(names: Sequence[str], palette: Collection[str], otherwise: str) -> str | list[str]:
    """The colour of each bar where the classes are colours, else one for all."""
    return [name if name in palette else otherwise for name in names] if palette else otherwise


def _height(rows: int) -> float:
    return 0.75 + 0.22 * max(rows, 2)


def _floor_log10(value: float) -> int:
    import math

    return math.floor(math.log10(value))
