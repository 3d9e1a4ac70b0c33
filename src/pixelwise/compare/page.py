"""The page of a comparison: one offline HTML file, its plots beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pixelwise.compare import tables
from pixelwise.compare.columns import column_sets
from pixelwise.compare.figures import Over, draw_runs, one_loss, panels_of
from pixelwise.compare.gather import Comparison
from pixelwise.compare.pictures import side_by_side
from pixelwise.compare.verdict import Verdict
from pixelwise.report.page import template
from pixelwise.report.plotting import Plot, render
from pixelwise.run.atomic import write_text
from pixelwise.terminal.table import Table

LONGEST_TITLE = 72  # characters


def build_comparison_page(
    comparison: Comparison, verdicts: Sequence[Verdict], page: Path, over: Over = "epochs"
) -> Path:
    """Write `page`, and its plots into a folder beside it (`NAME-plots/`); return the page's path."""
    plots = page.with_name(f"{page.stem}-plots")
    text = template("compare.html.j2").render(
        title=title(comparison),
        opening=opening(comparison),
        notes=comparison.notes,
        differing=tables.differing(comparison),
        scores=score_tables(comparison),
        differences=tables.differences(verdicts),
        verdicts=verdicts,
        curves=curves(comparison, plots, over),
        curves_caption=curves_caption(comparison),
        pictures=side_by_side(comparison),
        cost=tables.cost(comparison),
        runs=[(group.letter, run.seed, str(run.path)) for group in comparison.groups for run in group.runs],
        plots_folder=plots.name,
    )
    write_text(page, text)
    return page


def build_fragment(comparison: Comparison, verdicts: Sequence[Verdict]) -> str:
    """The tables alone, as HTML for a notebook."""
    return str(
        template("compare_cell.html.j2").render(
            opening=opening(comparison),
            notes=comparison.notes,
            groups=tables.groups(comparison),
            scores=score_tables(comparison),
            differences=tables.differences(verdicts),
        )
    )


def score_tables(comparison: Comparison) -> list[tuple[str, Table]]:
    """(caption, table) of every set of columns: the scores, then the losses."""
    sets = column_sets([*comparison.columns, *comparison.losses])
    return [(caption[:1].upper() + caption[1:], tables.scores(comparison, columns)) for caption, columns in sets]


def curves(comparison: Comparison, folder: Path, over: Over = "epochs") -> Plot | None:
    """All runs in one plot; None where none was validated twice."""
    panels = panels_of(comparison)
    if not panels:
        return None
    *most, last = [panel.label for panel in panels]
    name = f"{', '.join(most)} and {last} of every run" if most else f"{last} of every run"
    return render("runs", name[:1].upper() + name[1:], lambda width: draw_runs(comparison, over, width), folder)


def curves_caption(comparison: Comparison) -> str:
    told = "One point for each epoch. Thin lines are runs, thick lines their mean over seeds."
    if not one_loss(comparison):
        told += " The runs were trained with different loss functions, whose values cannot share an axis."
    return told


def title(comparison: Comparison) -> str:
    labels = [group.label for group in comparison.groups]
    if len(labels) == 1:
        return str(comparison.groups[0].runs[0].recipe.get("title") or labels[0])
    named = f"{', '.join(labels[:-1])} and {labels[-1]} compared"
    return named if len(named) <= LONGEST_TITLE else f"{len(labels)} groups compared"


def opening(comparison: Comparison) -> str:
    runs, groups = len(comparison.runs), len(comparison.groups)
    told = f"{runs} run{'s' * (runs != 1)} of the task {comparison.task}"
    if groups == 1:
        return f"{told}, which differ only in their seed." if runs > 1 else f"{told}."
    return f"{told} in {groups} groups. Runs that differ only in their seed are one group."
