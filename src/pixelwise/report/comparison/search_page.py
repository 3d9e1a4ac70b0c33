"""The page of a search: the best so far, the score over each factor, and every trial. Made from trials.json alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pixelwise.report.comparison.search_figures import draw_best_so_far, draw_factor
from pixelwise.report.page import template
from pixelwise.report.plotting import Plot, render
from pixelwise.run.atomic import read_json, write_text
from pixelwise.run.folder import RunFolder
from pixelwise.run.words import convention_label, duration, number, score_label
from pixelwise.terminal.table import Table
from pixelwise.types import Score

Entry = Mapping[str, Any]


def build_search_page(path: Path) -> Path:
    """Write `search.html` and `plots/` of a search's folder, finished or not; return the page's path."""
    record = read_json(path / "trials.json")
    aim, trials = record["aim"], record["trials"]
    label = score_label(aim["key"])
    text = template("search.html.j2").render(
        title=f"Search over {_listed([one['path'] for one in record['ranges']])}",
        opening=_opening(record, label),
        everywhere="; ".join(record["fixed"]),
        plots=list(_plots(record, label, path / "plots")),
        best=best_table(record),
        trials=[_trial(path, entry) for entry in trials],
        ranges=record["ranges"],
        label=label,
        chosen=record["best"],
    )
    write_text(path / "search.html", text)
    return path / "search.html"


def best_table(record: Entry, rows: int = 8) -> Table:
    """The best finished trials, best first, with what each of them drew."""
    aim = record["aim"]
    done = [t for t in record["trials"] if t["state"] == "done" and t["score"] is not None]
    done.sort(key=lambda t: (-t["score"] if aim["higher_is_better"] else t["score"], t["number"]))
    paths = [str(one["path"]) for one in record["ranges"]]
    told = tuple(
        (t["name"], number(t["score"]), *(str(t["values"].get(path, "")) for path in paths), duration(t["seconds"]))
        for t in done[:rows]
    )
    short = [str(one["short"]) for one in record["ranges"]]
    headings = ("trial", score_label(aim["key"]), *short, "time")
    return Table(headings, told, frozenset(range(1, len(headings))), strong=0 if told else None)


def _plots(record: Entry, label: str, folder: Path) -> list[tuple[Plot, str]]:
    trials, best = record["trials"], record["best"]
    if best is None:
        return []
    draw = partial(draw_best_so_far, trials, record["aim"]["higher_is_better"], label)
    plots = [(render("best-so-far", f"best {label} so far", draw, folder), "Trials in the order in which they began.")]
    for one in record["ranges"]:
        name = one["path"]
        draw = partial(draw_factor, one, trials, best, label)
        plot = render(f"factor-{name.replace('.', '-')}", f"{label} over {name}", draw, folder)
        plots.append((plot, f"{name} drawn from {one['written']}."))
    return plots


def _opening(record: Entry, label: str) -> str:
    trials, aim = record["trials"], record["aim"]
    states = [trial["state"] for trial in trials]
    told = f"{len(trials)} trial{'s' * (len(trials) != 1)} of {record['recipe']}: "
    told += _listed([f"{states.count(s)} {s}" for s in ("done", "pruned", "failed", "running") if s in states]) + ". "
    more = "more" if aim["higher_is_better"] else "less"
    convention = convention_label(Score.from_key(aim["key"]).convention)
    told += (
        f"The search is after {label} on {aim['split']} ({', '.join(filter(None, [convention, f'{more} is better']))})"
    )
    found = next((trial for trial in trials if trial["name"] == record["best"]), None)
    return told + (
        f"; the best is {number(found['score'])}, of {found['name']}." if found else "; none is finished yet."
    )


def _trial(path: Path, entry: Entry) -> dict[str, Any]:
    report = f"{quote(entry['name'])}/report.html" if RunFolder(path / entry["name"]).report_file.is_file() else ""
    score = number(entry["score"]) if entry["score"] is not None else ""
    return {**entry, "report": report, "shown": score, "time": duration(entry["seconds"])}


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
