"""Results of the project that come with the package. They replace runs that a person does not want to repeat.

`recorded.json` is a compact copy of `results/` for the recipes of the courses, made by `python results/collect.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "recorded.json"
KEPT = ("seeds", "minutes", "machine", "precision", "commit", "differs")
DIGITS = 6

Results = Mapping[str, Mapping[str, Any]]  # recipe → its record


@cache
def recorded_results() -> Results:
    """The compact copy of the project's results."""
    results: Results = json.loads(FILE.read_text(encoding="utf-8"))
    return results


def compact(record: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a file of `results/` that a course's page needs, rounded: the values of each score over seeds.

    intervals: over pictures, split → key → the ends for each seed, of the scores that have them
    """
    scores = {
        split: {key: [_rounded(value) for value in score["values"]] for key, score in found.items()}
        for split, found in record["scores"].items()
    }
    intervals = {
        split: {key: [pair and [_rounded(end) for end in pair] for pair in score["intervals"]]
                for key, score in found.items() if score.get("intervals")}
        for split, found in record["scores"].items()
    }  # fmt: skip
    kept = {split: found for split, found in intervals.items() if found}
    return {
        **{key: record[key] for key in KEPT if record.get(key)},
        "scores": scores,
        **({"intervals": kept} if kept else {}),
    }


def minutes(results: Results, recipe: str) -> float | None:
    """The longest time of a training among the results, whose machines may differ; None if it was not measured."""
    measured = (results.get(recipe) or {}).get("minutes")
    return max(measured) if measured else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
