"""Runs compared in one call, for a notebook and for `pixelwise compare`."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pixelwise.compare.columns import Column, column_sets, full_names
from pixelwise.compare.figures import Over
from pixelwise.compare.gather import PICTURES, Comparison, Group, Member, Place, expanded, flattened, gather
from pixelwise.compare.judge import Verdict, judge
from pixelwise.compare.page import build_comparison_page, build_fragment
from pixelwise.compare.tables import show_comparison
from pixelwise.errors import RunError, did_you_mean
from pixelwise.terminal.output import as_text
from pixelwise.types import current_key

if TYPE_CHECKING:
    from rich.console import Console

FORMULA = re.compile(r"(^|[;\t\r\n])(?=[\t\r]*[=+\-@＝＋－＠])")
COSTS = ("finished", "epochs", "steps", "best_epoch", "minutes", "parameters", "macs", "device")


@dataclass(frozen=True)
class ComparedRuns:
    """Runs side by side. `print` it for tables as text; a notebook displays it as HTML.

    comparison:  the groups of runs with their scores and losses, as objects
    verdicts:    the differences between groups, with their intervals
    over:        the horizontal axis of the page's curves
    """

    comparison: Comparison
    verdicts: tuple[Verdict, ...]
    over: Over = "epochs"

    def as_json(self) -> dict[str, Any]:
        """Everything that the tables say, as JSON values."""
        comparison = self.comparison
        return {
            "task": comparison.task,
            "differing": {path: list(values) for path, values in comparison.differing.items()},
            "groups": [_group(group, comparison) for group in comparison.groups],
            "differences": [_verdict(verdict) for verdict in self.verdicts],
            "notes": list(comparison.notes),
        }

    def as_csv(self) -> str:
        """A row per run: group, folder, seed, where its recipe differs, cost, every score and loss under its whole name.

        A text that a spreadsheet would read as a formula has a ' before it.
        """
        paths = [path for path in self.comparison.differing if not path.startswith(PICTURES)]
        columns = [*self.comparison.columns, *self.comparison.losses]
        between = [column for column in self.comparison.columns if any(map(_bounds(column), self.comparison.runs))]
        ends = [f"{name}, {end} over pictures" for name in full_names(between) for end in ("low", "high")]
        stream = StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(map(_plain, ["group", "run", "seed", *paths, *COSTS, *full_names(columns), *ends]))
        for group in self.comparison.groups:
            for run in group.runs:
                told, recipe = _run(run), dict(flattened(run.recipe))
                row = [group.letter, told["run"], told["seed"], *(recipe.get(path) for path in paths)]
                row += [*(told[name] for name in COSTS), *(run.values.get(column) for column in columns)]
                row += [end for column in between for end in _bounds(column)(run) or (None, None)]
                writer.writerow(map(_plain, row))
        return stream.getvalue()

    def write_html(self, page: Path | str) -> Path:
        """Write a page with tables, curves and pictures, and its plots into a folder beside it."""
        return build_comparison_page(self.comparison, self.verdicts, Path(page), self.over)

    def show(self, console: Console) -> None:
        """Print the tables."""
        show_comparison(self.comparison, self.verdicts, console)

    def __str__(self) -> str:
        return as_text(self.show)

    def _repr_html_(self) -> str:
        return build_fragment(self.comparison, self.verdicts)


def compare_runs(
    runs: Sequence[os.PathLike[str] | str],
    *,
    scores: Sequence[str] = (),
    split: str = "",
    checkpoint: Literal["best", "last"] = "best",
    resolution: Literal["recipe", "own"] = "recipe",
    over: Over = "epochs",
) -> ComparedRuns:
    """Compare runs. Runs that differ only in their seed are one group; each group is compared with the first.

    runs:    run folders; the folder of a sweep means all its finished runs
    scores:  names or keys of the scores and losses to take differences in; default: the score that chose the best epoch
    split, checkpoint, resolution: where to compare the scores; default: the validation split of the training
    over:    horizontal axis of the curves on the page
    Raises RunError with every problem: a folder that is not a run, runs of different tasks, an unknown score.
    """
    if not split and (checkpoint, resolution) != ("best", "recipe"):
        raise RunError("--checkpoint and --resolution need --split.", hint="Name a split, e.g. --split val.")
    comparison = gather(expanded([Path(run) for run in runs]), Place(split, checkpoint, resolution))
    return ComparedRuns(comparison, tuple(judge(comparison, chosen_columns(comparison, scores))), over)


def chosen_columns(comparison: Comparison, wanted: Sequence[str]) -> list[Column]:
    """The columns to take differences in: those named, else those of the main score. A plain name means its first column.

    Raises RunError for a score that no run has.
    """
    columns = [*comparison.columns, *comparison.losses]
    if not wanted:
        return [column for column in columns if comparison.main is not None and column.key == comparison.main.key]
    keys = list(dict.fromkeys(column.key for column in columns))
    first = {column.score.name: column.key for _, found in reversed(column_sets(columns)) for column in reversed(found)}
    chosen: list[Column] = []
    for name in wanted:
        key = current_key(name) if current_key(name) in keys else first.get(name)
        if key is None:
            hint = did_you_mean(name, [*keys, *first])
            known = ", ".join(keys) or "no score"
            raise RunError(f"no run has a score '{name}'; choose from {known}.", where="--score", hint=hint)
        chosen += [column for column in columns if column.key == key and column not in chosen]
    return chosen


def _bounds(column: Column) -> Callable[[Member], tuple[float, float] | None]:
    """A function of a run: the ends of its score's interval over pictures; None if the run has no interval."""

    def ends(run: Member) -> tuple[float, float] | None:
        found = run.over_pictures(column)
        return None if found is None or found.low is None or found.high is None else (found.low, found.high)

    return ends


def _plain(value: Any) -> Any:
    """A cell for a table: no text begins like a formula, nor looks like one where a spreadsheet begins a new cell."""
    return FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


# -- for programs ---------------------------------------------------------------------------------------------------


def _group(group: Group, comparison: Comparison) -> dict[str, Any]:
    return {
        "group": group.letter,
        "label": group.label,
        "runs": [_run(run) for run in group.runs],
        "scores": [_column(group, column) for column in comparison.columns if group.has(column)],
        "losses": [_column(group, column) for column in comparison.losses if group.has(column)],
    }


def _column(group: Group, column: Column) -> dict[str, Any]:
    score = {name: value for name, value in column.score.as_record().items() if name != "value"}
    intervals = [run.over_pictures(column) for run in group.runs]
    told = {"values": group.values(column), "over_pictures": [asdict(one) if one else None for one in intervals]}
    return {**asdict(column), "score": score, **told, **asdict(group.spread(column))}


def _run(run: Member) -> dict[str, Any]:
    model, summary = run.record.setup.get("model") or {}, run.record.summary
    return {
        "run": str(run.path),
        "seed": run.seed,
        "finished": run.record.finished,
        "epochs": summary.get("epochs"),
        "steps": summary.get("steps"),
        "best_epoch": run.record.best.get("epoch"),
        "minutes": run.minutes,
        "parameters": model.get("parameters"),
        "macs": model.get("macs"),
        "device": (run.record.setup.get("choices") or {}).get("device"),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    seeds, pictures = asdict(verdict.seeds), asdict(verdict.pictures)
    return {
        "key": verdict.column.key,
        "split": verdict.column.split,
        "resolution": verdict.column.resolution,
        "first": verdict.first.letter,
        "second": verdict.second.letter,
        "difference": verdict.seeds.value,
        "over_seeds": seeds["interval"],
        "over_seeds_lack": seeds["lack"],
        "over_pictures": pictures["interval"],
        "over_pictures_lack": pictures["lack"],
        "words": verdict.words,
    }
