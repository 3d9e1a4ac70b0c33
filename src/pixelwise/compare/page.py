"""The page of a comparison: one offline HTML file, its plots beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pixelwise.compare import tables
from pixelwise.compare.columns import column_sets
from pixelwise.compare.figures import Over, draw_runs, one_loss, panels_of
from pixelwise.compare.gather import Comparison, Group, Member
from pixelwise.compare.judge import Verdict
from pixelwise.imaging.palettes import VOC_VOID
from pixelwise.report.gallery import Panel, Seen, build_card
from pixelwise.report.page import template
from pixelwise.report.plotting import Plot, render
from pixelwise.run.atomic import write_text
from pixelwise.run.folder import RunFolder
from pixelwise.run.words import listed, number

LONGEST_TITLE = 72  # characters
MOST_PICTURES, MOST_GROUPS = 6, 8
SIDE = 240  # pixels of a picture


def build_comparison_page(
    comparison: Comparison, verdicts: Sequence[Verdict], page: Path, over: Over = "epochs"
) -> Path:
    """Write `page`, and its plots into a folder beside it (`NAME-plots/`); return the page's path."""
    plots = page.with_name(f"{page.stem}-plots")
    text = template("compare.html.j2").render(
        _tables(comparison, verdicts),
        title=title(comparison),
        differing=tables.differing(comparison),
        verdicts=verdicts,
        curves=curves(comparison, plots, over),
        one_loss=one_loss(comparison),
        pictures=side_by_side(comparison),
        cost=tables.cost(comparison),
        plots_folder=plots.name,
    )
    write_text(page, text)
    return page


def build_fragment(comparison: Comparison, verdicts: Sequence[Verdict]) -> str:
    """The tables alone, as HTML for a notebook."""
    content = _tables(comparison, verdicts)
    return str(template("compare_cell.html.j2").render(content, groups=tables.groups(comparison)))


def _tables(comparison: Comparison, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """What page and notebook share; of scores a (caption, table) for every set of columns, the losses last."""
    sets = column_sets([*comparison.columns, *comparison.losses])
    return {
        "comparison": comparison,
        "scores": [
            (caption[:1].upper() + caption[1:], tables.scores(comparison, columns)) for caption, columns in sets
        ],
        "intervals": tables.intervals(comparison),
        "differences": tables.differences(verdicts),
    }


def curves(comparison: Comparison, folder: Path, over: Over = "epochs") -> Plot | None:
    """All runs in one plot; None if none was validated twice."""
    panels = panels_of(comparison)
    if not panels:
        return None
    name = f"{listed([panel.label for panel in panels])} of every run"
    return render("runs", name[:1].upper() + name[1:], lambda width: draw_runs(comparison, over, width), folder)


def title(comparison: Comparison) -> str:
    labels = [group.label for group in comparison.groups]
    if len(labels) == 1:
        return str(comparison.groups[0].runs[0].recipe.get("title") or labels[0])
    named = f"{listed(labels)} compared"
    return named if len(named) <= LONGEST_TITLE else f"{len(labels)} groups compared"


def side_by_side(comparison: Comparison) -> dict[str, Any] | None:
    """Pictures that the first run of every group has kept; None if they have kept no picture in common.

    strips:  for each picture: its name; the panels of picture, truth and each group's prediction; and words for what
             cannot be drawn: the truth, and each group's prediction
    legend:  the colours in them
    shown:   the groups, if not all could be shown
    """
    groups = comparison.groups[:MOST_GROUPS]
    kept = [(group, group.runs[0], kept_entries(group.runs[0])) for group in groups]
    names = [name for name in kept[0][2] if all(name in entries for _, _, entries in kept)][:MOST_PICTURES]
    if not names:
        return None
    seen = Seen()
    strips = [_strip(name, kept, seen) for name in names]
    first = kept[0][1].record
    legend = [(name, first.colours[i]) for i, name in enumerate(first.classes) if i in seen.indices]
    if first.void is not None and first.void in seen.indices:
        legend.append(("void (not labelled)", VOC_VOID))
    shown = "" if len(groups) == len(comparison.groups) else f"the first {MOST_GROUPS} groups"
    return {"strips": strips, "legend": legend, "shown": shown}


def kept_entries(run: Member) -> dict[str, Mapping[str, Any]]:
    """The kept pictures by name, those that all runs of a split have in common first."""
    entries: dict[str, Mapping[str, Any]] = {}
    for part in ("shared", "pictures"):
        for entry in run.record.gallery.get(part) or ():
            entries.setdefault(str(entry.get("name")), entry)
    return entries


def _strip(name: str, kept: list[tuple[Group, Member, dict[str, Mapping[str, Any]]]], seen: Seen) -> dict[str, Any]:
    panels: list[Panel] = []
    words: list[tuple[str, str]] = []
    for place, (group, run, entries) in enumerate(kept):
        card = build_card(entries[name], run.record, RunFolder(run.path).predictions, SIDE, seen)
        if place == 0:
            panels += [panel for panel in card.panels if not _is_prediction(panel)]
            words += [pair for pair in card.words if pair[0] != "prediction"]
        score = "" if card.score is None else f" {number(card.score, 3)}"
        panels += [
            Panel(f"{group.letter}{score}", panel.uri, panel.height, panel.width)
            for panel in card.panels
            if _is_prediction(panel)
        ]
        words += [(group.letter, said) for part, said in card.words if part == "prediction"]
    return {"name": name, "panels": panels, "words": words}


def _is_prediction(panel: Panel) -> bool:
    """Whether a panel is the prediction; of objects its caption says what is outlined too."""
    return panel.caption.partition(",")[0] == "prediction"
