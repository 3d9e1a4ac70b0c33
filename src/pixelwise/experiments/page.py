"""The page of an experiment: the score over the varied values, the best settings, every run and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pixelwise.compare import tables
from pixelwise.compare.columns import column_sets
from pixelwise.compare.figures import one_loss
from pixelwise.compare.gather import SEED, Comparison, finished_runs, gather
from pixelwise.compare.judge import leading, leading_words
from pixelwise.compare.page import curves, side_by_side
from pixelwise.errors import PixelwiseError
from pixelwise.experiments.figures import draw_best_so_far, draw_factor, draw_range
from pixelwise.report.page import template
from pixelwise.report.plotting import Plot, render
from pixelwise.report.record import scores_of
from pixelwise.run.atomic import write_text
from pixelwise.run.folder import RunFolder, read_part
from pixelwise.run.records.plain import plain_folder
from pixelwise.run.words import convention_label, duration, interval_label, listed, number, score_label
from pixelwise.statistics.spread import spread
from pixelwise.terminal.scores import INTERVAL
from pixelwise.terminal.table import Table
from pixelwise.types import OverPictures, Score

MOST_LINES = 10  # of one plot
MOST_CURVES = 21
FOLD = ".fold"  # end of the path of an option that says which part of the pictures a run does not train on
SECTIONS = (
    "everywhere",
    "notes",
    "aim",
    "best",
    "plots",
    "scores",
    "folds",
    "intervals",
    "curves",
    "one_loss",
    "pictures",
    "cost",
)

Entry = Mapping[str, Any]


def build_sweep_page(path: Path) -> Path:
    """Write `sweep.html` and `plots/` of a sweep's folder, finished or not; return the page's path."""
    record = read_part(path, "sweep")
    entries: list[Entry] = record["runs"]
    factors = [factor for factor in record["factors"] if len(factor["values"]) > 1]
    rows = tuple((e["name"], e["state"], duration(e.get("seconds")), e.get("message", "")) for e in entries)
    varied = "; ".join(f"{factor['path']} = {', '.join(factor['values'])}" for factor in factors)
    ends = _ends(entries, "run", f" of {record['recipe']}{f' with {varied}' if varied else ''}. ")
    sections: dict[str, Any] = {
        "title": f"Sweep over {listed([factor['path'] for factor in factors])}" if factors else "A sweep of one run",
        "opening": f"{ends}.",
        "everywhere": "; ".join(f"{f['path']} = {f['values'][0]}" for f in record["factors"] if len(f["values"]) == 1),
        "runs": Table(("run", "state", "time", "message"), rows, frozenset({2})),
    }
    comparison = compare_finished(path)
    if comparison is not None:
        few = len(comparison.groups) <= MOST_CURVES
        sections |= {
            "notes": comparison.notes,
            "plots": _factor_plots(path, factors, entries, comparison),
            "scores": score_tables(comparison),
            "folds": over_folds(factors, entries, comparison),
            "intervals": tables.intervals(comparison),
            "curves": curves(comparison, plain_folder(path / "plots")) if few else None,
            "one_loss": one_loss(comparison),
            "pictures": side_by_side(comparison) if few else None,
            "cost": tables.cost(comparison),
        }
    return _write(path, "sweep", sections)


def build_search_page(path: Path) -> Path:
    """Write `search.html` and `plots/` of a search's folder; return the page's path.

    All of it comes from trials.json, except for the intervals of the best trials, which are in their run folders.
    """
    record = read_part(path, "trials")
    trials, ranges, aim, label = record["trials"], record["ranges"], record["aim"], score_label(record["aim"]["key"])
    rows = tuple(
        (t["name"], t["state"], number(t["score"]) if t["score"] is not None else "", *_drawn(t, ranges), t["message"])
        for t in trials
    )
    best = next((place for place, t in enumerate(trials) if t["name"] == record["best"]), None)
    ends = _ends(trials, "trial", f" of {record['recipe']}: ")
    headings = ("trial", "state", label, *(one["short"] for one in ranges), "time", "message")
    sections = {
        "title": f"Search over {listed([one['path'] for one in ranges])}",
        "opening": f"{ends}.",
        "aim": {**aim, "label": label, "convention": convention_label(Score.from_key(aim["key"]).convention)},
        "found": None if best is None else trials[best],
        "everywhere": "; ".join(record["fixed"]),
        "best": table if (table := best_table(record, path)).rows else None,
        "plots": [] if best is None else _range_plots(record, label, plain_folder(path / "plots")),
        "runs": Table(
            headings, rows, frozenset(range(2, 4 + len(ranges))), frozenset() if best is None else frozenset({best})
        ),
    }
    return _write(path, "search", sections)


def _write(path: Path, kind: str, sections: Mapping[str, Any]) -> Path:
    """Render the page; each run's name leads to its report where there is one."""
    content = {**dict.fromkeys(SECTIONS), "notes": (), "kind": kind, "folder": path, **sections}
    page = path / f"{kind}.html"
    write_text(page, template("experiment.html.j2").render(content))
    return page


def _ends(runs: Sequence[Entry], noun: str, what: str) -> str:
    """How the runs ended: `4 runs`, what they are, `3 done and 1 failed`."""
    states = [run["state"] for run in runs]
    order = ("done", "pruned", "failed", "stopped", "waiting", "running")
    counts = listed([f"{states.count(state)} {state}" for state in order if state in states])
    return f"{len(states)} {noun}{'s' * (len(states) != 1)}{what}{counts}"


# -- a sweep ---------------------------------------------------------------------------------------------------------


def compare_finished(path: Path) -> Comparison | None:
    """The finished runs of a sweep brought together; None if no run has finished yet."""
    finished = finished_runs(path)
    return gather(finished) if finished else None


def score_tables(comparison: Comparison) -> list[tuple[str, Table, str]]:
    """(caption, table, what its marked rows mean) of every set of columns; its first column decides."""
    found = []
    for caption, columns in column_sets(comparison.columns):
        table = tables.scores(comparison, columns)
        letters = leading(comparison, columns[0])
        best = frozenset(place for place, row in enumerate(table.rows) if row[0] in letters)
        words = leading_words(letters, columns[0].name) if len(table.rows) > 1 else ""
        found.append((caption, replace(table, strong=best), words))
    return found


def over_folds(factors: Sequence[Entry], entries: Sequence[Entry], comparison: Comparison) -> Table | None:
    """The mean of the main score over the folds of a cross-validation, for each setting of what else varies but the seed."""
    fold = next((factor for factor in factors if factor["path"].endswith(FOLD)), None)
    if fold is None or comparison.main is None:
        return None
    others = [factor["path"] for factor in factors if factor is not fold and factor["path"] != SEED]
    series, _ = _series(fold, others, entries, comparison, most=len(entries))
    rows = []
    for line, folds in series.items():
        told = spread([sum(scores) / len(scores) for scores in folds.values()])
        rows.append((line or "all runs", number(told.mean), number(told.sd), f"{len(folds)} of {len(fold['values'])}"))
    return Table(("setting", f"mean {comparison.main.name}", "sd", "folds"), tuple(rows), frozenset({1, 2, 3}))


def _factor_plots(
    path: Path, factors: Sequence[Entry], entries: Sequence[Entry], comparison: Comparison
) -> list[tuple[Plot, dict[str, Any]]]:
    """A plot and what its caption speaks of, for every factor with two values or more.

    If nothing else varies, there is one plot over the seeds.
    """
    shown = [factor for factor in factors if factor["path"] != SEED] or list(factors)
    label = comparison.main.name if comparison.main is not None else "score"
    plots: list[tuple[Plot, dict[str, Any]]] = []
    for factor in shown:
        name, others = factor["path"], [other["path"] for other in shown if other is not factor]
        series, joined = _series(factor, others, entries, comparison)
        if not any(series.values()):
            continue
        plot = _plot(name, label, partial(draw_factor, name, series, label, joined), plain_folder(path / "plots"))
        plots.append((plot, {"factor": name, "lines": len(series), "others": listed(others), "joined": joined}))
    return plots


def _plot(name: str, label: str, draw: Any, folder: Path) -> Plot:
    return render(f"factor-{name.replace('.', '-')}", f"{label} over {name}", draw, folder)


def _series(
    factor: Entry, others: Sequence[str], entries: Sequence[Entry], comparison: Comparison, most: int = MOST_LINES
) -> tuple[dict[str, dict[str, list[float]]], bool]:
    """Name of a line → value → scores, and whether all points are of one column. Too many lines are put together."""
    settings = {str(entry["name"]): entry["values"] for entry in entries}
    key = comparison.main.key if comparison.main is not None else ""
    points, columns = [], set()
    for run in comparison.runs:
        values = settings[run.path.name]
        line = ", ".join(f"{other.rpartition('.')[2]} {values[other]}" for other in others)
        for column, score in run.scores.items():
            if column.key == key and score is not None:
                columns.add(column)
                points.append((line, values[factor["path"]], score))
    many = len({line for line, *_ in points}) > most
    lines: dict[str, dict[str, list[float]]] = {}
    for line, value, score in points:
        lines.setdefault("" if many else line, {}).setdefault(value, []).append(score)
    series = {line: {v: found[v] for v in factor["values"] if v in found} for line, found in lines.items()}
    return series, len(columns) <= 1


# -- a search --------------------------------------------------------------------------------------------------------


def best_table(record: Entry, folder: Path, rows: int = 8) -> Table:
    """The best finished trials, best first, with intervals over pictures where there are any, and what each of them drew.

    folder: of the search
    """
    aim, ranges = record["aim"], record["ranges"]
    done = [t for t in record["trials"] if t["state"] == "done" and t["score"] is not None]
    done.sort(key=lambda t: (-t["score"] if aim["higher_is_better"] else t["score"], t["number"]))
    found = [_over_pictures(folder / t["name"], aim) for t in done[:rows]]
    between = [(interval_label(one),) if any(found) else () for one in found]
    cells = tuple(
        (t["name"], number(t["score"]), *ends, *_drawn(t, ranges)) for t, ends in zip(done, between, strict=False)
    )
    beside = (INTERVAL,) if any(found) else ()
    headings = ("trial", score_label(aim["key"]), *beside, *(str(one["short"]) for one in ranges), "time")
    return Table(headings, cells, frozenset(range(1, len(headings))))


def _over_pictures(run: Path, aim: Entry) -> OverPictures | None:
    """The interval of the score that the search looks for, in a trial's run folder; None if it is not recorded."""
    try:
        summary = RunFolder(plain_folder(run)).read("summary")
    except PixelwiseError:
        return None
    metrics = (summary.get("splits") or {}).get(aim["split"], {}).get("metrics") or ()
    return next((s.interval for metric in metrics for s in scores_of(metric) if s.key == aim["key"]), None)


def _drawn(trial: Entry, ranges: Sequence[Entry]) -> tuple[str, ...]:
    """What a trial drew for each range, and the time it took."""
    return (*(str(trial["values"].get(one["path"], "")) for one in ranges), duration(trial["seconds"]))


def _range_plots(record: Entry, label: str, folder: Path) -> list[tuple[Plot, str]]:
    trials, best = record["trials"], record["best"]
    draw = partial(draw_best_so_far, trials, record["aim"]["higher_is_better"], label)
    plots = [(render("best-so-far", f"best {label} so far", draw, folder), "Trials in the order in which they began.")]
    for one in record["ranges"]:
        plot = _plot(one["path"], label, partial(draw_range, one, trials, best, label), folder)
        plots.append((plot, f"{one['path']} drawn from {one['written']}."))
    return plots
