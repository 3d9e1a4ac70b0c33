"""The page of a sweep: how the score goes with each factor, every setting in a table, every run with its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pixelwise.compare import tables
from pixelwise.compare.columns import Column, column_sets
from pixelwise.compare.differing import SEED
from pixelwise.compare.gather import Comparison, gather
from pixelwise.compare.page import curves, curves_caption
from pixelwise.compare.pictures import side_by_side
from pixelwise.report.comparison.sweep_figures import Level, draw_factor
from pixelwise.report.page import template
from pixelwise.report.plotting import Plot, render
from pixelwise.run.atomic import read_json, write_text
from pixelwise.run.folder import RunFolder
from pixelwise.run.words import duration
from pixelwise.terminal.table import Table

MOST_LINES = 10  # of one plot
MOST_CURVES = 21

Entry = Mapping[str, Any]


def build_sweep_page(path: Path) -> Path:
    """Write `sweep.html` and `plots/` of a sweep's folder, finished or not; return the page's path."""
    record = read_json(path / "sweep.json")
    entries: list[Entry] = record["runs"]
    comparison = compare_finished(path)
    few = comparison is not None and len(comparison.groups) <= MOST_CURVES
    factors = [factor for factor in record["factors"] if len(factor["values"]) > 1]
    text = template("sweep.html.j2").render(
        title=f"Sweep over {_listed([factor['path'] for factor in factors])}" if factors else "A sweep of one run",
        opening=_opening(record, factors),
        everywhere="; ".join(f"{f['path']} = {f['values'][0]}" for f in record["factors"] if len(f["values"]) == 1),
        notes=() if comparison is None else comparison.notes,
        factors=[] if comparison is None else list(_factor_plots(path, factors, entries, comparison)),
        scores=[] if comparison is None else score_tables(comparison),
        curves=curves(comparison, path / "plots") if comparison is not None and few else None,
        curves_caption="" if comparison is None else curves_caption(comparison),
        pictures=side_by_side(comparison) if comparison is not None and few else None,
        cost=None if comparison is None else tables.cost(comparison),
        runs=[_run(path, entry) for entry in entries],
    )
    write_text(path / "sweep.html", text)
    return path / "sweep.html"


def compare_finished(path: Path) -> Comparison | None:
    """The finished runs of a sweep brought together; None where there is none yet."""
    names = [str(entry["name"]) for entry in read_json(path / "sweep.json")["runs"]]
    finished = [path / name for name in names if RunFolder(path / name).has("summary")]
    return gather(finished) if finished else None


def score_tables(comparison: Comparison) -> list[tuple[str, Table]]:
    """(caption, table) of every set of columns, the row with the best mean of its first column set off."""
    told = []
    for caption, columns in column_sets(comparison.columns):
        table = tables.scores(comparison, columns)
        best = _best(comparison, columns[0])
        place = next((number for number, row in enumerate(table.rows) if row[0] == best), None)
        told.append((caption, replace(table, strong=place if len(table.rows) > 1 else None)))
    return told


def _best(comparison: Comparison, column: Column) -> str:
    known = [(group.spread(column).mean, group.letter) for group in comparison.groups]
    means = [(mean if column.score.higher_is_better else -mean, letter) for mean, letter in known if mean is not None]
    return max(means, key=lambda pair: pair[0])[1] if means else ""


def _factor_plots(
    path: Path, factors: Sequence[Entry], entries: Sequence[Entry], comparison: Comparison
) -> list[tuple[Plot, str]]:
    """A plot for every factor with two values or more (the seeds alone make one where nothing else varies)."""
    shown = [factor for factor in factors if factor["path"] != SEED] or list(factors)
    plots = []
    for factor in shown:
        others = [other for other in shown if other is not factor]
        series, joined = _series(factor, others, entries, comparison)
        if not any(series.values()):
            continue
        name = factor["path"]
        main = comparison.main
        label = main.name if main is not None else "score"
        draw = partial(draw_factor, name, series, label, joined)
        plot = render(f"factor-{name.replace('.', '-')}", f"{label} over {name}", draw, path / "plots")
        plots.append((plot, _caption(name, others, joined, len(series))))
    return plots


def _caption(name: str, others: Sequence[Entry], joined: bool, lines: int) -> str:
    caption = f"{name}: a dot is a run, a marker the mean over seeds, its bar one standard deviation."
    if others and lines > 1:
        caption += f" A line for each setting of {_listed([other['path'] for other in others])}."
    elif others:
        caption += f" Runs of all settings of {_listed([other['path'] for other in others])} together."
    if not joined:
        caption += " The values are counted on different things, so no line leads from one to the next: heights do not compare."
    return caption


def _series(
    factor: Entry, others: Sequence[Entry], entries: Sequence[Entry], comparison: Comparison
) -> tuple[dict[str, list[Level]], bool]:
    """Name of a line → its points, and whether all points are of one column."""
    settings = {str(entry["name"]): entry["values"] for entry in entries}
    key = comparison.main.key if comparison.main is not None else ""
    scores: dict[tuple[str, str], list[float]] = {}
    columns = set()
    for run in comparison.runs:
        values = settings[run.path.name]
        line = ", ".join(f"{other['path'].rpartition('.')[2]} {values[other['path']]}" for other in others)
        for column, score in run.scores.items():
            if column.key == key and score is not None:
                columns.add(column)
                scores.setdefault((line, values[factor["path"]]), []).append(score)
    lines = dict.fromkeys(line for line, _ in scores)
    if len(lines) > MOST_LINES:
        merged: dict[tuple[str, str], list[float]] = {}
        for (_, value), found in scores.items():
            merged.setdefault(("", value), []).extend(found)
        scores, lines = merged, {"": None}
    series = {
        line: [Level(value, tuple(scores[line, value])) for value in factor["values"] if (line, value) in scores]
        for line in lines
    }
    return series, len(columns) <= 1


def _opening(record: Entry, factors: Sequence[Entry]) -> str:
    states = [entry["state"] for entry in record["runs"]]
    grid = [f"{factor['path']} = {', '.join(factor['values'])}" for factor in factors]
    told = f"{len(states)} run{'s' * (len(states) != 1)} of {record['recipe']}"
    told += f" with {'; '.join(grid)}." if grid else "."
    counts = [f"{states.count(state)} {state}" for state in ("done", "failed", "stopped", "waiting") if state in states]
    return f"{told} {_listed(counts)}."


def _run(path: Path, entry: Entry) -> dict[str, str]:
    name = str(entry["name"])
    report = f"{quote(name)}/report.html" if RunFolder(path / name).report_file.is_file() else ""
    time = duration(entry.get("seconds"))
    return {"name": name, "state": entry["state"], "time": time, "message": entry.get("message", ""), "report": report}


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
