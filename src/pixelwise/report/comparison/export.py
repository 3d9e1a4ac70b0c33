"""A comparison for programs: JSON of everything, CSV with a row a run."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pixelwise.report.comparison.gather import Column, Comparison, Group, One, flattened
from pixelwise.report.comparison.verdict import Verdict
from pixelwise.statistics.spread import Interval


def as_json(comparison: Comparison, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Everything that the tables say, as JSON values."""
    return {
        "task": comparison.task,
        "differing": {path: list(values) for path, values in comparison.differing.items()},
        "groups": [_group(group, comparison.columns) for group in comparison.groups],
        "differences": [_verdict(verdict) for verdict in verdicts],
        "notes": list(comparison.notes),
    }


def _group(group: Group, columns: Sequence[Column]) -> dict[str, Any]:
    return {
        "group": group.letter,
        "label": group.label,
        "runs": [_run(run) for run in group.runs],
        "scores": [
            {
                **asdict(column),
                "score": column.score.as_record(),
                "values": group.values(column),
                **_spread(group, column),
            }
            for column in columns
            if any(value is not None for value in group.values(column))
        ],
    }


def _run(run: One) -> dict[str, Any]:
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


def _spread(group: Group, column: Column) -> dict[str, Any]:
    told = group.spread(column)
    return {"mean": told.mean, "sd": told.sd, "n": told.n, "interval": _interval(told.interval), "lack": told.lack}


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
    """A row a run: group, folder, seed, where its recipe differs, cost, and every score under its whole name."""
    paths = [path for path in comparison.differing if not path.startswith("pictures of ")]
    several = len({column.stands_on for column in comparison.columns}) > 1
    keys = [f"{c.key}, palette {c.palette}" if _shares_key(c, comparison) else c.key for c in comparison.columns]
    names = [f"{key} on {c.stands_on}" if several else key for key, c in zip(keys, comparison.columns, strict=True)]
    costs = ("finished", "epochs", "steps", "best_epoch", "minutes", "parameters", "macs", "device")
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["group", "run", "seed", *paths, *costs, *names])
    for group in comparison.groups:
        for run in group.runs:
            told, recipe = _run(run), dict(flattened(run.recipe))
            scores = [run.scores.get(column) for column in comparison.columns]
            row = [group.letter, told["run"], told["seed"], *(recipe.get(path) for path in paths)]
            writer.writerow([*row, *(told[name] for name in costs), *scores])
    return stream.getvalue()


def _shares_key(column: Column, comparison: Comparison) -> bool:
    """Whether the comparison holds the same score over another palette."""
    return any(other.key == column.key and other.palette != column.palette for other in comparison.columns)
