"""A comparison for programs: JSON of everything, CSV with a row a run."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pixelwise.compare.columns import Column, full_names
from pixelwise.compare.differing import PICTURES, flattened
from pixelwise.compare.gather import Comparison, Group, Member
from pixelwise.compare.verdict import Verdict
from pixelwise.statistics.spread import Interval


def as_json(comparison: Comparison, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Everything that the tables say, as JSON values."""
    return {
        "task": comparison.task,
        "differing": {path: list(values) for path, values in comparison.differing.items()},
        "groups": [_group(group, comparison) for group in comparison.groups],
        "differences": [_verdict(verdict) for verdict in verdicts],
        "notes": list(comparison.notes),
    }


def _group(group: Group, comparison: Comparison) -> dict[str, Any]:
    return {
        "group": group.letter,
        "label": group.label,
        "runs": [_run(run) for run in group.runs],
        "scores": [_column(group, column) for column in comparison.columns if group.has(column)],
        "losses": [_column(group, column) for column in comparison.losses if group.has(column)],
    }


def _column(group: Group, column: Column) -> dict[str, Any]:
    told = group.spread(column)
    return {
        **asdict(column),
        "score": {name: value for name, value in column.score.as_record().items() if name != "value"},
        "values": group.values(column),
        "mean": told.mean,
        "sd": told.sd,
        "n": told.n,
        "interval": _interval(told.interval),
        "lack": told.lack,
    }


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
    return {
        "key": verdict.column.key,
        "split": verdict.column.split,
        "resolution": verdict.column.resolution,
        "first": verdict.first.letter,
        "second": verdict.second.letter,
        "difference": verdict.seeds.value,
        "over_seeds": _interval(verdict.seeds.interval),
        "over_seeds_lack": verdict.seeds.lack,
        "over_pictures": _interval(verdict.pictures.interval),
        "over_pictures_lack": verdict.pictures.lack,
        "words": verdict.words,
    }


def _interval(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else asdict(interval)


def as_csv(comparison: Comparison) -> str:
    """A row a run: group, folder, seed, where its recipe differs, cost, every score and loss under its whole name."""
    paths = [path for path in comparison.differing if not path.startswith(PICTURES)]
    columns = [*comparison.columns, *comparison.losses]
    costs = ("finished", "epochs", "steps", "best_epoch", "minutes", "parameters", "macs", "device")
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["group", "run", "seed", *paths, *costs, *full_names(columns)])
    for group in comparison.groups:
        for run in group.runs:
            told, recipe = _run(run), dict(flattened(run.recipe))
            row = [group.letter, told["run"], told["seed"], *(recipe.get(path) for path in paths)]
            writer.writerow([*row, *(told[name] for name in costs), *(run.values.get(column) for column in columns)])
    return stream.getvalue()
