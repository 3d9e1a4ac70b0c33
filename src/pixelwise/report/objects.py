"""What the report says about objects: the mistakes by size, and what is lost by decoding alone."""

from __future__ import annotations

from pixelwise.report.record import Json, Record, scores_of
from pixelwise.run.words import ABSENT, convention_label, number, score_label
from pixelwise.terminal.table import Table
from pixelwise.types import Score

MISTAKES = ("found", "confused", "merged", "split", "missed", "invented")
AVERAGES = ("mask_ap", "box_ap")
HEADINGS = ("objects", "in the truth", *MISTAKES, *map(score_label, AVERAGES))


def mistakes(metrics: list[Json]) -> Table | None:
    """The number of correct and wrong objects of a split: all, by size, and those that touch others, with AP by size.

    metrics: the records of its metrics. None if no metric counted objects
    """
    told = next((found for one in metrics if (found := one.get("figures") or {}).get("kind") == "instances"), None)
    if told is None:
        return None
    averages = {row["objects"]: row for row in told.get("sizes") or ()}
    rows = []
    for row in told.get("mistakes") or ():
        counts = [ABSENT if row.get(name) is None else f"{row[name]:,}" for name in ("truth", *MISTAKES)]
        values = [number(averages.get(row["objects"], {}).get(name)) for name in AVERAGES]
        rows.append((str(row["objects"]), *counts, *values))
    return Table(HEADINGS, tuple(rows), frozenset(range(1, len(HEADINGS)))) if rows else None


def upper_bound(record: Record) -> Table | None:
    """The scores of the first split beside those decoded from true maps; None for tasks without maps."""
    told = record.metrics()
    bound = (told[0][1].get("upper_bound") or ()) if told else ()
    best = {score.key: score for score in map(Score.from_record, bound)}
    measured = [score for _, of, metric in told if of is told[0][1] for score in scores_of(metric)]
    rows = [
        (
            score_label(one.name),
            number(one.value),
            number(best[one.key].value),
            convention_label(one.convention) or ABSENT,
        )
        for one in measured
        if one.key in best and best[one.key].value is not None
    ]
    return (
        Table(("score", "measured", "from true maps", "convention"), tuple(rows), frozenset({1, 2})) if rows else None
    )
