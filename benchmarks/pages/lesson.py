"""What the scripts beside this file share: small trainings, rows that are kept as JSON, tables and figures of a page.

A script states its settings, measures each that is not in its JSON file yet, and writes tables and figures into the page. So an
interrupted measurement continues, and a page is written again without measuring. Each script is run in two ways:

    python benchmarks/pages/NAME.py          measure what is missing, then write the page
    python benchmarks/pages/NAME.py page     only write the page
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pixelwise.run.atomic import write_json, write_text

Row = dict[str, Any]
HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"
SEEDS = (0, 1, 2)
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571}  # values → 97.5 % quantile of Student's t
CACHE = HERE.parents[1] / "runs" / "pages"  # pictures and palettes of the trainings


def record(name: str) -> Any:
    """The record results/NAME.json of a recipe; None if it was not run."""
    file = DOCS.parent / "results" / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def scored(result: Any, split: str, prefix: str) -> list[float]:
    """The values over seeds of the score on a split whose key starts so."""
    found: list[float] = next(one["values"] for key, one in result["scores"][split].items() if key.startswith(prefix))
    return found


def trained(recipe: str, changes: Sequence[str]) -> tuple[Any, list[Row]]:
    """The parts of a small training with the weights of its last epoch, and a row an epoch. No run folder is made."""
    from pixelwise.engine.fit import fit
    from pixelwise.engine.train import prepare
    from pixelwise.recipe.load import load_recipe
    from pixelwise.run.progress import Progress

    common = ["hardware={precision: fp32, threads: 1}", "train.best=epoch", "gallery=0"]
    parts = replace(prepare(load_recipe(recipe, [*common, *changes]), data=CACHE), save=lambda *given: None)
    epochs = [event for event in fit(parts, Progress()) if event.kind == "epoch"]
    return parts, [
        {"epoch": one.epoch, "train": one.train["loss"], "validation": one.validation["loss"], "scores": one.scores}
        for one in epochs
        if one.validation
    ]


def measured(name: str, what: str, settings: Iterable[Row], measure: Callable[[Row], Row]) -> list[Row]:
    """A row for each setting: those that NAME.json has already, the others measured now and kept at once."""
    from pixelwise.run.environment import environment

    file, settings = HERE / f"{name}.json", list(settings)
    kept = json.loads(file.read_text(encoding="utf-8"))["rows"] if file.exists() else []
    rows = [row for row in kept if any(setting.items() <= row.items() for setting in settings)]
    for setting in settings:
        if not any(setting.items() <= row.items() for row in rows):
            rows.append({**setting, **measure(setting)})
            print(rows[-1] if len(str(rows[-1])) < 400 else setting, flush=True)
            made = environment() | {"command": ["python", f"benchmarks/pages/{name}.py"]}
            write_json(file, {"what": what, "rows": rows, "environment": made})
    return rows


def rows_of(name: str) -> list[Row]:
    """The rows of NAME.json."""
    found: list[Row] = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    return found


def values(rows: Iterable[Row], key: str, **setting: Any) -> list[float]:
    """What the rows with this setting have under a key."""
    return [row[key] for row in rows if setting.items() <= row.items()]


def half_width(found: Sequence[float]) -> float:
    """Half of the 95 % confidence interval of a mean over seeds, by Student's t."""
    return STUDENT[len(found)] * statistics.stdev(found) / len(found) ** 0.5


def cell(found: Sequence[float], digits: int = 3) -> str:
    """`0.412 ± 0.013`: the mean over seeds and its 95 % confidence interval."""
    return f"{statistics.fmean(found):.{digits}f} ± {half_width(found):.{digits}f}"


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table of Markdown: the first column is words, the others are numbers."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---", *["--:"] * (len(head) - 1)], *lines))


def write_page(page: str, tables: Mapping[str, str], figures: Mapping[str, str]) -> None:
    """Put tables between their marks in docs/PAGE, and write figures beside it."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for name, made in tables.items():
        head, mark, rest = text.partition(f"<!-- {name} -->\n")
        if not mark:
            sys.exit(f"docs/{page} has no mark <!-- {name} -->")
        text = f"{head}{mark}{made}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
    write_text(DOCS / page, text)
    for name, made in figures.items():
        write_text(DOCS / "images" / name, made)


def main(
    measure: Callable[[], object], page: str, tables: Callable[[], Mapping[str, str]], figures: Callable[[], Any]
) -> None:
    """Run a script as its command line says."""
    if sys.argv[1:] != ["page"]:
        measure()
    if (DOCS / page).exists():
        write_page(page, tables(), figures())
