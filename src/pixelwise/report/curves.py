"""Training and validation loss over the epochs, and the validation score beneath: one plot, the best epoch marked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelwise.report.plotting import BLUE, GREEN, GRID, INK, ORANGE, QUIET, new_figure
from pixelwise.report.record import Record
from pixelwise.run.words import number, score_label
from pixelwise.types import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 300  # the losses of single steps are averaged into at most so many points


def draw_curves(record: Record, width: float) -> Figure:
    """Panels over one axis of epochs: losses, the score that chooses the best epoch, and pixel accuracy if it is counted.

    Each score has a scale of its own: beside a pixel accuracy of .7 a mean IoU of .05 would look like nothing.
    """
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
    _whole_epochs(panels[-1], record)
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
    for split, label, colour, marker in (("train", "training", BLUE, "o"), ("validation", "validation", ORANGE, "s")):
        epochs, losses = _series(record, split, "loss")
        if epochs:
            axes.plot(epochs, losses, color=colour, label=label, **_points(epochs, marker))
            series += losses
    axes.set_ylabel("loss")
    if len(series) >= 4:  # the first steps of a training may be far above everything that matters
        low, high = min(series), max(series)
        margin = 0.08 * (high - low) or 0.1
        axes.set_ylim(low - margin, high + margin)
    _legend(axes, columns)


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


def _legend(axes: Axes, columns: int) -> None:
    """Above the panel, where no line is hidden by it."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 0.98),
        ncols=columns,
        handlelength=1.4,
        columnspacing=1.2,
        labelspacing=0.15,
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


def _whole_epochs(axes: Axes, record: Record) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, nbins=12))
    last = max([int(epoch["epoch"]) for epoch in record.epochs], default=1)
    axes.set_xlim(0 if len(record.steps) > 1 else 0.5, last + 0.02 * last + 0.2)
    axes.tick_params(color=GRID)
