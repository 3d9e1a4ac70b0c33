"""The page of a comparison: one offline HTML file, its plots beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pixelwise.report.comparison import tables
from pixelwise.report.comparison.figures import draw_runs, one_loss, run_panels
from pixelwise.report.comparison.gather import Comparison
from pixelwise.report.comparison.pictures import side_by_side
from pixelwise.report.comparison.verdict import Verdict
from pixelwise.report.plotting import Plot, render
from pixelwise.run.atomic import write_text


def build_comparison_page(comparison: Comparison, verdicts: Sequence[Verdict], page: Path) -> Path:
    """Write `page`, and its plots into a folder beside it (`NAME-plots/`); return the page's path."""
    plots = page.with_name(f"{page.stem}-plots")
    text = template("compare.html.j2").render(
        title=_title(comparison),
        opening=_opening(comparison),
        notes=comparison.notes,
        differing=tables.differing(comparison),
        scores=[(caption, tables.scores(comparison, columns)) for caption, columns in tables.column_sets(comparison)],
        differences=tables.differences(verdicts),
        curves=curves(comparison, plots),
        curves_caption=curves_caption(comparison),
        pictures=side_by_side(comparison),
        cost=tables.cost(comparison),
        runs=[(group.letter, run.seed, str(run.path)) for group in comparison.groups for run in group.runs],
        plots_folder=plots.name,
    )
    write_text(page, text)
    return page


def curves(comparison: Comparison, folder: Path) -> Plot | None:
    """All runs in one plot; None where none was validated twice."""
    panels = run_panels(comparison)
    if not panels:
        return None
    title = f"{' and '.join(label for *_, label in panels)} of every run"
    return render("runs", title[:1].upper() + title[1:], lambda width: draw_runs(comparison, width), folder)


def curves_caption(comparison: Comparison) -> str:
    told = "After each epoch, on the validation split. Thin lines are runs, thick ones their mean over seeds."
    if not one_loss(comparison):
        told += " The runs were trained with different losses, whose values share no axis."
    return told


def template(name: str) -> Any:
    """A template of the reports, escaping all that is put in."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("pixelwise.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(name)


def _title(comparison: Comparison) -> str:
    letters = [group.letter for group in comparison.groups]
    if len(letters) == 1:
        return str(comparison.groups[0].runs[0].recipe.get("title") or comparison.groups[0].label)
    return (
        f"{', '.join(letters[:-1])} and {letters[-1]} compared"
        if len(letters) <= 6
        else f"{len(letters)} groups compared"
    )


def _opening(comparison: Comparison) -> str:
    runs, groups = len(comparison.runs), len(comparison.groups)
    told = f"{runs} run{'s' * (runs != 1)} of the task {comparison.task}"
    if groups == 1:
        return f"{told}, which differ only in their seed."
    return f"{told} in {groups} groups; runs that differ only in their seed are one group."
