"""The figures of a report: the losses of each group of runs, and pictures with the predictions of each group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelwise.compare.gather import Comparison, Group, Member
from pixelwise.compare.page import kept_entries
from pixelwise.imaging.colour import as_hex
from pixelwise.imaging.palettes import VOC_VOID
from pixelwise.paper.sources import kind_of
from pixelwise.report.gallery import Seen, pictures
from pixelwise.report.plotting import BLUE, GREEN, INK, ORANGE, QUIET, new_figure, shorten
from pixelwise.report.record import Json, Record
from pixelwise.run.folder import RunFolder
from pixelwise.run.words import number, score_label
from pixelwise.terminal.output import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE = 5.5  # inches: the width of the text
HALF = 2.7
SIDE = 240  # pixels of the longer side of a picture
MOST_PICTURES, MOST_GROUPS, ACROSS = 4, 4, 4
ONE_EACH = ("best", "typical", "worst")


@dataclass(frozen=True)
class Panel:
    """One picture of a gallery with the word above it and the word below it."""

    above: str
    picture: Any  # (H, W, 3) uint8
    below: str = ""


@dataclass(frozen=True)
class Gallery:
    """Rows of panels, and the classes whose colours are in them. split: where the pictures are from."""

    split: str
    groups: tuple[Group, ...]
    rows: tuple[tuple[Panel, ...], ...]
    legend: tuple[tuple[str, tuple[int, int, int]], ...]

    @property
    def has_objects(self) -> bool:
        return kind_of(self.groups[0].runs[0].record) == "instances"


def has_losses(group: Group) -> bool:
    """Whether some run of the group has a loss in two epochs, which makes a curve."""
    return any(len(_curve(run.record, part)) > 1 for run in group.runs for part in ("train", "validation"))


def draw_losses(group: Group) -> Figure:
    """Training and validation loss over the epochs in one panel, the score that chose the epoch in a second one.

    Thin lines are runs, thick ones the mean over seeds.
    """
    from matplotlib.ticker import MaxNLocator

    main = group.runs[0].record.main
    figure = new_figure(HALF, 2.4)
    losses, scores = figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 1))
    validated = "the same, evaluated" if group.runs[0].record.validates_on_training else "validation"
    for part, label, colour, line in (("train", "training", BLUE, "-"), ("validation", validated, ORANGE, "--")):
        _draw(losses, [_curve(run.record, part) for run in group.runs], colour, line, label)
    _draw(scores, [_curve(run.record, "scores", main.key) for run in group.runs], GREEN, "-", "")
    for axes in (losses, scores):
        axes.grid(axis="y")
        for epoch in {run.record.best.get("epoch") for run in group.runs} - {None}:
            axes.axvline(epoch, color=QUIET, linewidth=0.7, linestyle=(0, (4, 3)), zorder=0)
        for epoch in _phases(group.runs[0].record):
            axes.axvline(epoch, color=QUIET, linewidth=0.9, linestyle=(0, (1, 2)), zorder=0)
    losses.set_ylabel("loss")
    losses.legend(fontsize=7.5, handlelength=1.8, loc="best")
    losses.set_title(f"{group.letter}: {shorten(group.label, 36)}", loc="left", fontsize=8.5)
    scores.set_ylabel(shorten(score_label(main.name), 16))
    scores.set_xlabel("epoch")
    scores.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, nbins=6))
    figure.align_ylabels()
    return figure


def _draw(axes: Axes, curves: Sequence[Mapping[int, float]], colour: str, line: str, label: str) -> None:
    curves = [curve for curve in curves if curve]
    if not curves:
        return
    for curve in curves if len(curves) > 1 else ():
        axes.plot(list(curve), list(curve.values()), color=colour, linewidth=0.7, alpha=0.4, linestyle=line)
    epochs = sorted(set.intersection(*map(set, curves)))
    means = [fsum(curve[epoch] for curve in curves) / len(curves) for epoch in epochs]
    axes.plot(epochs, means, color=colour, linewidth=1.6, linestyle=line, label=label)


def _curve(record: Record, part: str, key: str = "loss") -> dict[int, float]:
    """Epoch → value, of the epochs that have one."""
    told = {int(epoch["epoch"]): (epoch.get(part) or {}).get(key) for epoch in record.epochs}
    return {epoch: float(value) for epoch, value in told.items() if value is not None}


def _phases(record: Record) -> list[float]:
    """Where each phase but the first begins, in epochs."""
    return [] if record.length is None else [begin for begin, _ in record.length.spans() if begin > 0]


# -- pictures ----------------------------------------------------------------------------------------------------------


def galleries(comparison: Comparison) -> Iterator[Gallery]:
    """Pictures that the first runs of the groups have in common, a few groups a figure; else each group's own pictures."""
    groups = comparison.groups
    for start in range(0, len(groups), MOST_GROUPS):
        some = groups[start : start + MOST_GROUPS]
        kept = {group.letter: kept_entries(group.runs[0]) for group in some}
        names = [name for name in kept[some[0].letter] if all(name in entries for entries in kept.values())]
        if names:
            chosen = _one_of_each_rank(kept[some[0].letter], names)
            yield from _gallery(some, [{letter: kept[letter][name] for letter in kept} for name in chosen])
        else:
            for group in some:
                own = kept[group.letter]
                yield from _gallery((group,), [{group.letter: own[name]} for name in _one_of_each_rank(own, list(own))])


def _one_of_each_rank(entries: Mapping[str, Json], names: Sequence[str]) -> list[str]:
    """A few of the pictures, those of different ranks first: best, typical, worst."""
    ranks = {rank: [name for name in names if entries[name].get("rank") == rank] for rank in ONE_EACH}
    first = [found[0] for found in ranks.values() if found]
    return [*first, *(name for name in names if name not in first)][: 2 * MOST_PICTURES]


def _gallery(groups: Sequence[Group], strips: Sequence[Mapping[str, Json]]) -> Iterator[Gallery]:
    seen, rows = Seen(), []
    record = groups[0].runs[0].record
    for strip in strips:
        drawn = {group.letter: _pictures(group.runs[0], strip[group.letter], seen) for group in groups}
        first = drawn[groups[0].letter]
        words = strip[groups[0].letter].get("words") or {}
        panels = [Panel(caption, picture) for caption, picture in first.items() if caption != "prediction"]
        if words and "prediction" not in first:  # nothing of the prediction can be drawn
            said = [f"{part}: {word}" for part, word in words.items() if part != "prediction"]
            said += [f"{g.letter}: {(strip[g.letter].get('words') or {}).get('prediction', '')}" for g in groups]
            panels = [Panel("", panel.picture, "\n".join(shorten(one, 26) for one in said)) for panel in panels]
        for group in groups:
            if "prediction" in drawn[group.letter]:
                score = strip[group.letter].get("score")
                below = "" if score is None else number(float(score), 3)
                panels.append(Panel(group.letter, drawn[group.letter]["prediction"], below))
        if panels:
            rows.append(tuple(panels))
    legend = [(name, record.colours[index]) for index, name in enumerate(record.classes) if index in seen.indices]
    if record.void is not None and record.void in seen.indices:
        legend.append(("void", VOC_VOID))
    split = str(groups[0].runs[0].record.gallery.get("split") or "")
    if rows:
        alone = all(len(row) == 1 for row in rows)  # words below a picture: many fit beside each other
        yield Gallery(split, tuple(groups), tuple(rows if alone else rows[:MOST_PICTURES]), tuple(legend))


def _pictures(run: Member, entry: Json, seen: Seen) -> dict[str, Any]:
    """Caption → picture, of everything drawn for an entry of the gallery; `truth, missed ones in red` is `truth`."""
    folder = RunFolder(run.path).predictions
    found = pictures(entry, run.record, folder, SIDE, seen)
    return {caption.partition(",")[0]: np.asarray(picture.convert("RGB")) for caption, picture, _ in found}


def draw_gallery(gallery: Gallery) -> Figure:
    """A row per picture; pictures without a drawn prediction several in a row, with the words below them."""
    if all(len(row) == 1 for row in gallery.rows):
        panels = [row[0] for row in gallery.rows]
        rows = [tuple(panels[start : start + ACROSS]) for start in range(0, len(panels), ACROSS)]
        columns = ACROSS
    else:
        rows, columns = list(gallery.rows), max(map(len, gallery.rows))
    side = LINE / max(columns, 3)
    heights = [side * max(len(p.picture) / p.picture.shape[1] for p in row) + _below(row) for row in rows]
    keys = -(-len(gallery.legend) // 6) if len(gallery.legend) > 1 else 0
    figure = new_figure(side * columns, sum(heights) + 0.25 + 0.17 * keys)
    for axes, panel in _placed(figure, rows, columns, heights):
        axes.imshow(panel.picture, interpolation="none")  # its own pixels, whatever the resolution
        axes.set_title(clean(panel.above), fontsize=8, pad=2)
        axes.set_xlabel(panel.below, fontsize=7, labelpad=1.5, color=INK)
    if keys:
        _draw_legend(figure, gallery)
    return figure


def _below(row: Sequence[Panel]) -> float:
    """Inches that the words below a row of pictures need."""
    return 0.14 * max(1 + panel.below.count("\n") if panel.below else 0 for panel in row)


def _placed(
    figure: Figure, rows: Sequence[Sequence[Panel]], columns: int, heights: Sequence[float]
) -> Iterator[tuple[Axes, Panel]]:
    """The axes of each panel, without ticks; empty places are switched off. Titles stand above the first row alone."""
    grid = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    for place, (line, row) in enumerate(zip(grid, rows, strict=True)):
        for axes in line:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        for axes in line[len(row) :]:
            axes.set_visible(False)
        for axes, panel in zip(line, row, strict=False):
            yield axes, panel if place == 0 else Panel("", panel.picture, panel.below)


def _draw_legend(figure: Figure, gallery: Gallery) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=as_hex(colour), edgecolor=QUIET, linewidth=0.4, label=shorten(name, 16))
        for name, colour in gallery.legend
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=6,
        fontsize=7,
        handlelength=1,
        columnspacing=1,
        handleheight=1,
    )


def file_of(kind: str, place: int) -> Path:
    """The file of a figure in the folder of a report."""
    return Path("figures") / f"{kind}-{place}.pdf"
