"""Baselines beside a run: finished runs of models that do not look at the picture, in the same parent folder.

Their scores on the same pictures are copied into the run (baselines.json), so its report needs only its folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pixelwise.errors import PixelwiseError
from pixelwise.report.record import Json, Record, scores_of
from pixelwise.run.folder import RunFolder
from pixelwise.run.records.plain import is_plain_file
from pixelwise.run.words import ABSENT, convention_label, number, score_label
from pixelwise.terminal.table import Table
from pixelwise.types import Score, current_key

MODELS = ("pixel_frequency", "majority")
MOST = 4  # baselines that are shown
MOST_FOLDERS = 1000  # that are looked into


def is_baseline(setup: Json) -> bool:
    """Whether a run's model is one of the baselines."""
    return (setup.get("model") or {}).get("name") in MODELS


def keep_baselines(run: RunFolder) -> None:
    """Record in the run the scores of the baselines beside it on the same pictures. Without baselines, nothing is written.

    A baseline whose folder is no longer there stays recorded. A damaged one is skipped. Raises RunError if the run's own
    records are damaged, or the disk is full.
    """
    if not run.has("summary") or not run.has("setup"):
        return
    setup, summary = run.read("setup"), run.read("summary")
    found = list(_beside(run.path, setup, summary))[:MOST]
    there = run.read("baselines") if run.has("baselines") else {}
    names = {entry["run"] for entry in found}
    kept = [entry for entry in there.get("baselines") or () if not (run.path.resolve().parent / entry["run"]).exists()]
    found += [entry for entry in kept if entry["run"] not in names]
    if found or there:
        with run.adding():
            run.write("baselines", {"baselines": found[:MOST]})


def _beside(path: Path, setup: Json, summary: Json) -> Iterator[Json]:
    """Each baseline in the same parent folder with scores on the run's pictures, by name."""
    own = path.resolve()
    for folder in sorted(own.parent.iterdir())[:MOST_FOLDERS]:
        with suppress(PixelwiseError, OSError):
            other = RunFolder(folder)
            if folder == own or not folder.is_dir() or not is_plain_file(other.recipe_file):
                continue
            if not any(name in other.recipe_text() for name in MODELS) or not other.has("summary"):
                continue
            theirs = other.read("setup")
            if is_baseline(theirs) and theirs.get("task") == setup.get("task"):
                splits = dict(_on_same_pictures(setup, summary, theirs, other.read("summary")))
                if splits:
                    yield {"run": folder.name, "model": theirs["model"]["name"], "splits": splits}


def _on_same_pictures(setup: Json, summary: Json, their_setup: Json, their_summary: Json) -> Iterator[tuple[str, Json]]:
    """(split, score key → value) for each split that both runs scored on the same pictures at the same size."""
    for split, told in (summary.get("splits") or {}).items():
        theirs = (their_summary.get("splits") or {}).get(split) or {}
        keys = {((one.get("data") or {}).get("splits") or {}).get(split, {}).get("key") for one in (setup, their_setup)}
        if len(keys) == 1 and None not in keys and told.get("resolution") == theirs.get("resolution"):
            scores = [score for metric in theirs.get("metrics") or () for score in scores_of(metric)]
            yield split, {score.key: score.value for score in scores}


# -- how they are shown ------------------------------------------------------------------------------------------------


def tables(record: Record) -> list[tuple[str, Table]]:
    """A table for each split: every score of the run beside those of the baselines."""
    found = []
    for split, told in (record.summary.get("splits") or {}).items():
        beside = [entry for entry in record.baselines if split in entry["splits"]]
        every = [score for metric in told.get("metrics") or () for score in scores_of(metric)]
        scores = [
            score for score in every if any(entry["splits"][split].get(score.key) is not None for entry in beside)
        ]
        if scores:
            headings = ("score", "this run", *(str(entry["run"]) for entry in beside), "convention")
            rows = tuple(_row(score, split, beside) for score in scores)
            strong = frozenset(place for place, score in enumerate(scores) if score.key == record.main_score)
            table = Table(headings, rows, frozenset(range(1, len(headings) - 1)), strong=strong)
            found.append((f"Baselines on the split “{split}”", table))
    return found


def _row(score: Score, split: str, beside: Sequence[Json]) -> tuple[str, ...]:
    theirs = (number(entry["splits"][split].get(score.key)) for entry in beside)
    return score_label(score.name), number(score.value), *theirs, convention_label(score.convention) or ABSENT


def warning(record: Record) -> str:
    """A warning if the main score of the first split is not better than a baseline's; else empty."""
    for split, told in list((record.summary.get("splits") or {}).items())[:1]:
        for score in (score for metric in told.get("metrics") or () for score in scores_of(metric)):
            if score.key == record.main_score and score.value is not None:
                for entry in record.baselines:
                    theirs, sign = entry["splits"].get(split, {}).get(score.key), 1 if score.higher_is_better else -1
                    if theirs is not None and sign * score.value <= sign * theirs:
                        return (
                            f"On {split}, {score_label(score.name)} {number(score.value)} is not better than the "
                            f"{number(theirs)} of the baseline {entry['run']}, which does not look at the pictures."
                        )
    return ""


def lines(run: RunFolder, summary: Json) -> Iterator[str]:
    """For the terminal: the main score of every baseline on each split, e.g. `baselines on val: mean IoU 0.1465 …`."""
    recorded: Any = run.read("baselines") if run.has("baselines") else {}
    main = current_key(str((summary.get("best") or {}).get("metric") or ""))
    for split, told in (summary.get("splits") or {}).items():
        scores = [score for metric in told.get("metrics") or () for score in scores_of(metric)]
        score = next((score for score in scores if score.key == main), scores[0] if scores else None)
        beside = [e for e in recorded.get("baselines") or () if score and score.key in e["splits"].get(split, {})]
        if score is not None and beside:
            values = ", ".join(f"{number(entry['splits'][split][score.key])} {entry['run']}" for entry in beside)
            yield f"baselines on {split}: {score_label(score.name)} {values} (this run {number(score.value)})"
