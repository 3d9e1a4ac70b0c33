"""The page of an experiment: the score over what was varied, the best settings, every run with its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pixelwise.compare import tables
from pixelwise.compare.columns import Column, column_sets
from pixelwise.compare.gather import SEED, Comparison, gather
from pixelwise.compare.page import curves, curves_caption, side_by_side
from pixelwise.experiments.figures import Level, draw_best_so_far, draw_factor, draw_range
from pixelwise.experiments.folder import Folder
from pixelwise.experiments.search import TRIALS
from pixelwise.report.page import template
from pixelwise.report.plotting import Plot, render
from pixelwise.run.atomic import read_json, write_text
from pixelwise.run.folder import RunFolder
from pixelwise.run.words import convention_label, duration, number, score_label
from pixelwise.terminal.table import Table
from pixelwise.types import Score

MOST_LINES = 10  # of one plot
MOST_CURVES = 21
EMPTY: Mapping[str, Any] = {
    "everywhere": "", "notes": (), "best": None, "plots": (), "scores": (), "curves": None, "curves_caption": "",
    "pictures": None, "cost": None,
}  # fmt: skip

Entry = Mapping[str, Any]


def build_sweep_page(path: Path) -> Path:
    """Write `sweep.html` and `plots/` of a sweep's folder, finished or not; return the page's path."""
    record = read_json(path / "sweep.json")
    entries: list[Entry] = record["runs"]
    factors = [factor for factor in record["factors"] if len(factor["values"]) > 1]
    sections: dict[str, Any] = {
        "title": f"Sweep over {_listed([factor['path'] for factor in factors])}" if factors else "A sweep of one run",
        "opening": _opening(record, factors),
        "everywhere": "; ".join(f"{f['path']} = {f['values'][0]}" for f in record["factors"] if len(f["values"]) == 1),
        "runs": Table(
            ("run", "state", "time", "message"),
            tuple((e["name"], e["state"], duration(e.get("seconds")), e.get("message", "")) for e in entries),
            frozenset({2}),
        ),
    }
    comparison = compare_finished(path)
    if comparison is not None:
        few = len(comparison.groups) <= MOST_CURVES
        sections |= {
            "notes": comparison.notes,
            "plots": _factor_plots(path, factors, entries, comparison),
            "scores": score_tables(comparison),
            "curves": curves(comparison, path / "plots") if few else None,
            "curves_caption": curves_caption(comparison),
            "pictures": side_by_side(comparison) if few else None,
            "cost": tables.cost(comparison),
        }
    return _write(path, "sweep", sections)


def build_search_page(path: Path) -> Path:
    """Write `search.html` and `plots/` of a search's folder from trials.json alone; return the page's path."""
    record = read_json(path / TRIALS)
    ranges, label = record["ranges"], score_label(record["aim"]["key"])
    rows = tuple(
        (t["name"], t["state"], number(t["score"]) if t["score"] is not None else "", *_drawn(t, ranges), t["message"])
        for t in record["trials"]
    )
    strong = next((place for place, t in enumerate(record["trials"]) if t["name"] == record["best"]), None)
    headings = ("trial", "state", label, *(one["short"] for one in ranges), "time", "message")
    best = best_table(record)
    sections = {
        "title": f"Search over {_listed([one['path'] for one in ranges])}",
        "opening": _search_opening(record, label),
        "everywhere": "; ".join(record["fixed"]),
        "best": best if best.rows else None,
        "plots": _range_plots(record, label, path / "plots"),
        "runs": Table(headings, rows, frozenset(range(2, 4 + len(ranges))), strong),
    }
    return _write(path, "search", sections)


def _write(path: Path, kind: str, sections: Mapping[str, Any]) -> Path:
    """Render the page; each run's name leads to its report where there is one."""
    reports = [
        f"{quote(row[0])}/report.html" if RunFolder(path / row[0]).report_file.is_file() else ""
        for row in sections["runs"].rows
    ]
    page = path / f"{kind}.html"
    write_text(page, template("experiment.html.j2").render({**EMPTY, "kind": kind, "reports": reports, **sections}))
    return page


# -- a sweep ---------------------------------------------------------------------------------------------------------


def compare_finished(path: Path) -> Comparison | None:
    """The finished runs of a sweep brought together; None where there is none yet."""
    folder = Folder(path)
    names = [str(entry["name"]) for entry in read_json(folder.record_file)["runs"]]
    finished = [path / name for name in names if folder.run(name).has("summary")]
    return gather(finished) if finished else None


def score_tables(comparison: Comparison) -> list[tuple[str, Table]]:
    """(caption, table) of every set of columns; the row with the best mean of its first column is set off."""
    found = []
    for caption, columns in column_sets(comparison.columns):
        table = tables.scores(comparison, columns)
        best = _best(comparison, columns[0])
        place = next((number for number, row in enumerate(table.rows) if row[0] == best), None)
        found.append((caption, replace(table, strong=place if len(table.rows) > 1 else None)))
    return found


def _best(comparison: Comparison, column: Column) -> str:
    known = [(group.spread(column).mean, group.letter) for group in comparison.groups]
    means = [(mean if column.score.higher_is_better else -mean, letter) for mean, letter in known if mean is not None]
    return max(means, key=lambda pair: pair[0])[1] if means else ""


def _factor_plots(
    path: Path, factors: Sequence[Entry], entries: Sequence[Entry], comparison: Comparison
) -> list[tuple[Plot, str]]:
    """A plot for every factor with two values or more (the seeds alone make one where nothing else varies)."""
    shown = [factor for factor in factors if factor["path"] != SEED] or list(factors)
    label = comparison.main.name if comparison.main is not None else "score"
    plots = []
    for factor in shown:
        others = [other for other in shown if other is not factor]
        series, joined = _series(factor, others, entries, comparison)
        if not any(series.values()):
            continue
        name = factor["path"]
        draw = partial(draw_factor, name, series, label, joined)
        plots.append((_factor_plot(name, label, draw, path / "plots"), _caption(name, others, joined, len(series))))
    return plots


def _factor_plot(name: str, label: str, draw: Any, folder: Path) -> Plot:
    return render(f"factor-{name.replace('.', '-')}", f"{label} over {name}", draw, folder)


def _caption(name: str, others: Sequence[Entry], joined: bool, lines: int) -> str:
    caption = f"{name}: a dot is a run, a marker the mean over seeds, its bar one standard deviation."
    if others and lines > 1:
        caption += f" A line for each setting of {_listed([other['path'] for other in others])}."
    elif others:
        caption += f" Runs of all settings of {_listed([other['path'] for other in others])} together."
    if not joined:
        caption += " The values are counted on different things, so no line joins them: heights do not compare."
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
    varied = f" with {'; '.join(grid)}" if grid else ""
    return f"{_count(states, 'run')} of {record['recipe']}{varied}. {_counts(states)}."


# -- a search --------------------------------------------------------------------------------------------------------


def best_table(record: Entry, rows: int = 8) -> Table:
    """The best finished trials, best first, with what each of them drew."""
    aim, ranges = record["aim"], record["ranges"]
    done = [t for t in record["trials"] if t["state"] == "done" and t["score"] is not None]
    done.sort(key=lambda t: (-t["score"] if aim["higher_is_better"] else t["score"], t["number"]))
    cells = tuple((t["name"], number(t["score"]), *_drawn(t, ranges)) for t in done[:rows])
    headings = ("trial", score_label(aim["key"]), *(str(one["short"]) for one in ranges), "time")
    return Table(headings, cells, frozenset(range(1, len(headings))), strong=0 if cells else None)


def _drawn(trial: Entry, ranges: Sequence[Entry]) -> tuple[str, ...]:
    """What a trial drew for each range, and the time it took."""
    return (*(str(trial["values"].get(one["path"], "")) for one in ranges), duration(trial["seconds"]))


def _range_plots(record: Entry, label: str, folder: Path) -> list[tuple[Plot, str]]:
    trials, best = record["trials"], record["best"]
    if best is None:
        return []
    draw = partial(draw_best_so_far, trials, record["aim"]["higher_is_better"], label)
    plots = [(render("best-so-far", f"best {label} so far", draw, folder), "Trials in the order in which they began.")]
    for one in record["ranges"]:
        name = one["path"]
        draw = partial(draw_range, one, trials, best, label)
        plots.append((_factor_plot(name, label, draw, folder), f"{name} drawn from {one['written']}."))
    return plots


def _search_opening(record: Entry, label: str) -> str:
    trials, aim = record["trials"], record["aim"]
    states = [trial["state"] for trial in trials]
    better = "higher is better" if aim["higher_is_better"] else "lower is better"
    convention = convention_label(Score.from_key(aim["key"]).convention)
    found = next((trial for trial in trials if trial["name"] == record["best"]), None)
    best = f"the best is {number(found['score'])}, of {found['name']}" if found else "none is finished yet"
    return (
        f"{_count(states, 'trial')} of {record['recipe']}: {_counts(states)}. The search looks for the best {label} on "
        f"{aim['split']} ({', '.join(filter(None, [convention, better]))}); {best}."
    )


# -- words -----------------------------------------------------------------------------------------------------------


def _count(states: Sequence[str], noun: str) -> str:
    return f"{len(states)} {noun}{'s' * (len(states) != 1)}"


def _counts(states: Sequence[str]) -> str:
    """`3 done and 1 failed`"""
    order = ("done", "pruned", "failed", "stopped", "waiting", "running")
    return _listed([f"{states.count(state)} {state}" for state in order if state in states])


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
