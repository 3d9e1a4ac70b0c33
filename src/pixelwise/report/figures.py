"""The plots of the report: curves over the epochs, a row per class, the confusion matrix, accuracy by confidence."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelwise.report.plotting import BLUE, GREEN, GRID, INK, ORANGE, QUIET, bars, new_figure, shorten
from pixelwise.report.record import Json, Record
from pixelwise.run.words import number, score_label
from pixelwise.terminal.scores import only_predicted
from pixelwise.types import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 300  # the losses of single steps are averaged into at most so many points
NUMBERS_FROM = 0.25  # inches a cell of the confusion matrix needs to hold a number
NAMES_UP_TO = 60
PART_LINES = ("--", ":", "-.")  # of the parts of a loss


def draw_curves(record: Record, width: float) -> Figure:
    """Panels over one axis of epochs: losses, the score that chooses the best epoch, and pixel accuracy if it is counted.

    Each score has its own scale: beside a pixel accuracy of .7 a mean IoU of .05 would look like nothing.
    """
    from matplotlib.ticker import MaxNLocator

    scores = [key for key in _scores(record) if _series(record, "scores", key)[0]]
    figure = new_figure(width, 2.7 + 1.5 * len(scores))
    heights = [1.45, *[1.0] * len(scores)]
    panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    _draw_losses(panels[0], record, 3 if width > 5 else 1)
    for axes, key in zip(panels[1:], scores, strict=True):
        _draw_score(axes, record, key)
    best = record.best.get("epoch")
    for axes in panels:
        axes.grid(axis="y")
        if best:
            axes.axvline(best, color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    _mark_phases(panels, record)
    panels[-1].set_xlabel("epoch")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, nbins=12))
    last = max([int(epoch["epoch"]) for epoch in record.epochs], default=1)
    panels[-1].set_xlim(0 if len(record.steps) > 1 else 0.5, last + 0.02 * last + 0.2)
    panels[-1].tick_params(color=GRID)
    figure.align_ylabels()
    return figure


def _scores(record: Record) -> list[str]:
    """Keys of the scores to draw: the main one, and pixel accuracy in the same convention."""
    main = record.main
    companion = Score("pixel_accuracy", convention=dict([*main.convention.items()][:1]))
    return list(dict.fromkeys(score.key for score in (main, companion) if score.name))


def _draw_losses(axes: Axes, record: Record, columns: int) -> None:
    if len(record.steps) > 1:
        where, what = _steps(record)
        axes.plot(where, what, color=BLUE, alpha=0.28, linewidth=0.9, label="training, single steps")
    series = []
    validated = "training pictures, evaluated" if record.validates_on_training else "validation"
    for split, label, colour, marker in (("train", "training", BLUE, "o"), ("validation", validated, ORANGE, "s")):
        epochs, losses = _series(record, split, "loss")
        if epochs:
            axes.plot(epochs, losses, color=colour, label=label, **_points(epochs, marker))
            series += losses
        for place, part in enumerate(_parts(record)):
            epochs, losses = _series(record, split, part)
            line = PART_LINES[place % len(PART_LINES)]
            axes.plot(epochs, losses, color=colour, linewidth=0.9, linestyle=line, label=f"{label}: {part}")
            series += losses
    axes.set_ylabel("loss")
    if len(series) >= 4:  # the first steps of a training may be far above everything that matters
        low, high = min(series), max(series)
        margin = 0.08 * (high - low) or 0.1
        axes.set_ylim(low - margin, high + margin)
    axes.legend(  # above the panel, where no line is hidden by it
        loc="lower left",
        bbox_to_anchor=(-0.01, 0.98),
        ncols=columns,
        handlelength=1.4,
        columnspacing=1.2,
        labelspacing=0.15,
    )


def _parts(record: Record) -> list[str]:
    """The terms of the loss, if there are several."""
    names = dict.fromkeys(name for epoch in record.epochs for name in epoch.get("train") or ())
    return [name for name in names if name != "loss"]


def _draw_score(axes: Axes, record: Record, key: str) -> None:
    epochs, values = _series(record, "scores", key)
    main = key == record.main_score
    axes.plot(epochs, values, color=GREEN if main else QUIET, label=key, **_points(epochs, "D" if main else "^"))
    axes.set_ylabel(score_label(key))
    low, high = min(values), max(values)
    if main and low >= 0:
        axes.set_ylim(0, max(1e-3, 1.3 * high))
    else:
        margin = 0.12 * (high - low) or 0.05
        axes.set_ylim(low - margin, high + margin)
    best = record.best
    if main and best.get("epoch") and best.get("value") is not None:
        axes.plot([best["epoch"]], [best["value"]], marker="*", markersize=13, color=GREEN, markeredgecolor=INK)
        late = best["epoch"] > 0.55 * max(epochs)
        axes.annotate(
            f"best: epoch {best['epoch']}, {score_label(key)} {number(best['value'])}",
            (best["epoch"], best["value"]),
            xytext=(-5 if late else 5, 9),  # above the star: nothing of this curve can be higher
            textcoords="offset points",
            ha="right" if late else "left",
        )


def _mark_phases(panels: Iterable[Axes], record: Record) -> None:
    """Where each phase but the first begins: another loss or rate there may make a curve jump."""
    shown = max((int(epoch["epoch"]) for epoch in record.epochs), default=0)
    spans = [] if record.length is None else list(record.length.spans())
    for place, axes in enumerate(panels):
        for phase, (begin, _) in enumerate(spans, start=1):
            if not 0 < begin < shown:
                continue
            axes.axvline(begin, color=QUIET, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0)
            if place == 0:
                axes.annotate(
                    f"phase {phase}",
                    (begin, 1),
                    xycoords=("data", "axes fraction"),
                    xytext=(3, -2),
                    textcoords="offset points",
                    va="top",
                    color=QUIET,
                    fontsize="small",
                )


def _series(record: Record, group: str, key: str) -> tuple[list[int], list[float]]:
    """Epochs and values where there is one; a score that was not counted leaves a gap, not a zero."""
    pairs = [(int(epoch["epoch"]), (epoch.get(group) or {}).get(key)) for epoch in record.epochs]
    known = [(epoch, float(value)) for epoch, value in pairs if value is not None]
    return [epoch for epoch, _ in known], [value for _, value in known]


def _points(epochs: list[int], marker: str) -> dict[str, Any]:
    """Points are drawn while they can be told apart."""
    return {"marker": marker, "markersize": 3.6} if len(epochs) <= 40 else {}


def _steps(record: Record) -> tuple[list[float], list[float]]:
    told = [(event["step"], event["losses"].get("loss")) for event in record.steps]
    pairs = np.array([pair for pair in told if pair[1] is not None], float).reshape(-1, 2)
    groups = np.array_split(pairs, min(BINS, len(pairs))) if len(pairs) else []
    means = [group.mean(0) for group in groups]
    place = float if record.length is None else record.length.position
    return [place(float(step)) for step, _ in means], [float(loss) for _, loss in means]


def draw_class_scores(
    rows: Sequence[Json], score: str, mean: float | None, width: float, palette: Collection[str] = ()
) -> Figure:
    """One bar per class for the value `score` of its row, best first; a class without a number keeps its line.

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
        [_class_label(row, score) for row in ordered],
        _painted(names, palette, BLUE),
    )
    if mean is not None:
        axes.axvline(mean, color=ORANGE, linewidth=1.4, linestyle=(0, (4, 2)))
        label = f"mean {number(mean, 3)}"
        axes.annotate(label, (mean, 1), xycoords=("data", "axes fraction"), xytext=(3, 1), textcoords="offset points")
    axes.set_xlabel(score_label(score))
    return figure


def _class_label(row: Json, score: str) -> str:
    """The number beside a class's bar. A class that was only predicted has no number, or 0, for another reason."""
    value = number(row.get(score), 3)
    if only_predicted(row):
        return f"{value} (not in the truth)"
    return f"{value} (absent)" if row.get(score) is None else value


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
    low_power = math.floor(math.log10(0.5 * min(known, default=0.1)))
    low = 10.0**low_power
    panels[0].set_xscale("log")
    panels[0].set_xlim(low, 900)
    labels = [f"{share:.3g} %" if share else "none" for share in shares]
    bars(panels[0], list(classes), [share or None for share in shares], labels, _painted(classes, palette, BLUE))
    ticks = [10.0**power for power in range(2, low_power - 1, -1 if width > 5 else -2)]
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


def draw_precision_recall(curves: Sequence[Json], width: float) -> Figure:
    """One small panel per class, the best AP first: precision against recall, and the class's share as a dashed line."""
    ordered = sorted(curves, key=lambda curve: -curve["ap"])
    columns = (3 if len(ordered) <= 9 else 6) if width > 5 else 3
    columns = min(columns, max(1, len(ordered)))
    rows = -(-len(ordered) // columns)
    side = width / columns
    figure = new_figure(width, rows * (0.24 + min(1.5, 0.86 * side)) + 0.4)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).reshape(-1)
    letters = max(6, int(13 * side) - 5)  # beside the number
    for axes, curve in zip(panels, ordered, strict=False):
        recall, precision = [0.0, *curve["recall"]], [curve["precision"][0], *curve["precision"]]
        axes.fill_between(recall, precision, color=BLUE, alpha=0.14, linewidth=0)
        axes.plot(recall, precision, color=BLUE, linewidth=1.4)
        axes.axhline(curve["share"], color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set_title(shorten(str(curve["class"]), letters), loc="left", fontsize=7.5, pad=3)
        axes.set_title(number(curve["ap"], 2), loc="right", fontsize=7.5, pad=3, color=QUIET)
        axes.grid(True)
    panels[0].set(xlim=(0, 1), ylim=(0, 1.02))
    panels[0].set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    panels[0].set_yticks([0, 0.5, 1], ["0", ".5", "1"])
    for place, axes in enumerate(panels):
        if place >= len(ordered):
            axes.set_visible(False)
        elif place + columns >= len(ordered):
            axes.tick_params(labelbottom=True)  # nothing is below
    figure.supxlabel("recall", fontsize=9)
    figure.supylabel("precision", fontsize=9)
    return figure


def draw_reliability(rows: Sequence[Json], width: float, unit: str = "picture") -> Figure:
    """One bar for each interval of confidence: how often predictions were right; below, the number of pictures (or pixels).

    rows: `from`, `to`, `n`, `confidence` (mean) and `accuracy` of each interval, None if nothing lies in it
    """
    figure = new_figure(min(width, 5.2), min(width, 5.2) * 0.95)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    full = [row for row in rows if row["n"]]
    size, named = (1e6, "million ") if max((row["n"] for row in full), default=0) >= 1e6 else (1, "")
    counts = [row["n"] / size if named else row["n"] for row in full]
    for axes, heights in ((above, [row["accuracy"] for row in full]), (below, counts)):
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
    below.set(xlabel="confidence (probability of the predicted class)", ylabel=f"{named}{unit}s")
    below.margins(y=0.12)
    figure.align_ylabels()
    return figure
