"""The tables of a report's results: scores with intervals, conventions, constant guesses, and stated numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from pixelwise.compare.columns import Column
from pixelwise.compare.gather import Comparison, Group
from pixelwise.report import tables as report_tables
from pixelwise.report.baselines import is_baseline
from pixelwise.run.words import ABSENT, convention_label, interval_label, number, score_label
from pixelwise.terminal.table import Table
from pixelwise.types import current_key

MOST_COLUMNS = 5  # scores side by side
MOST_CLASSES = 40


def main_columns(comparison: Comparison) -> tuple[Column, ...]:
    """The main score of every split, size and palette in which a run has one; a loss is never among them."""
    return tuple(c for c in comparison.columns if comparison.main and c.key == comparison.main.key and not c.loss)


def shown_columns(comparison: Comparison) -> list[tuple[str, tuple[Column, ...]]]:
    """(what was scored, columns): a table for each treatment of void; of two rules for classes, the first one is shown."""
    sets: dict[tuple[str, str, str], dict[str, Column]] = {}
    for column in comparison.columns:
        if not column.loss:
            place = (column.stands_on, column.score.convention.get("void", ""), column.variant)
            sets.setdefault(place, {}).setdefault(column.score.name, column)
    return [(stands_on, tuple(found.values())) for (stands_on, _, _), found in sets.items()]


def main_table(comparison: Comparison, column: Column, leaders: Collection[str] = ()) -> Table:
    """The main score of each group: its mean and deviation over seeds, its interval over pictures, and a constant's.

    leaders:  letters of the groups whose rows are marked
    """
    rows = []
    for group in comparison.groups:
        if group.has(column):
            told, first = group.spread(column), group.runs[0]
            over_seeds = told.interval
            seeds = f"{number(over_seeds.low)} … {number(over_seeds.high)}" if over_seeds is not None else ABSENT
            interval = interval_label(first.over_pictures(column))
            value = number(told.mean) + (f" ± {number(told.sd)}" if told.sd is not None else "")
            guess = number(constant_guess(group, column))
            rows.append((group.letter, group.label, str(len(group.runs)), value, seeds, interval, guess))
    best = frozenset(place for place, row in enumerate(rows) if row[0] in leaders)
    headings = ("", "runs", "seeds", column.name, "95 % over seeds", "95 % over pictures", "constant")
    return Table(headings, tuple(rows), frozenset(range(2, len(headings))), strong=best)


def constant_guess(group: Group, column: Column) -> float | None:
    """What the best constant guess scores, as the group's first run recorded it."""
    for metric in group.runs[0].scored.get("metrics") or ():
        scores = (metric.get("constant_guess") or {}).get("scores") or {}
        found = {current_key(key): value for key, value in scores.items()}.get(column.key)
        if found is not None:
            return float(found)
    return None


def score_tables(comparison: Comparison) -> Iterator[tuple[str, Table]]:
    """(caption, table) of all scores: a row per group, a few scores side by side."""
    trained = [group for group in comparison.groups if not is_baseline(group.runs[0].record.setup)] or comparison.groups
    for stands_on, columns in shown_columns(comparison):
        if not any(group.has(column) for group in trained for column in columns):
            continue  # at a size of models that do not look at the picture: the main table has them
        for start in range(0, len(columns), MOST_COLUMNS):
            some = columns[start : start + MOST_COLUMNS]
            rows = []
            for group in comparison.groups:
                if any(group.has(column) for column in some):
                    spreads = [group.spread(column) for column in some]
                    cells = [number(s.mean) + (f" ± {number(s.sd)}" if s.sd is not None else "") for s in spreads]
                    rows.append((group.letter, str(len(group.runs)), *cells))
            headings = ("", "seeds", *(column.name for column in some))
            yield conventions(stands_on, some), Table(headings, tuple(rows), frozenset(range(1, len(headings))))


def conventions(stands_on: str, columns: Sequence[Column]) -> str:
    """What was scored, then the convention of each score; those that all have in common are said once."""
    each = [dict(column.score.convention) for column in columns]
    common = {key: value for key, value in each[0].items() if all(one.get(key) == value for one in each)}
    told = [f"{stands_on[:1].upper()}{stands_on[1:]}{f'; {convention_label(common)}' if common else ''}."]
    for column, one in zip(columns, each, strict=True):
        if own := {key: value for key, value in one.items() if key not in common}:
            told.append(f"{column.name[:1].upper()}{column.name[1:]}: {convention_label(own)}.")
    return " ".join(told)


def class_table(comparison: Comparison) -> tuple[str, Table] | None:
    """(name of the score, table): the score of each class, a column per group; None for no or too many classes."""
    found: dict[str, dict[str, float | None]] = {}
    name = ""
    for group in comparison.groups:
        rows = next((metric["per_class"] for metric in group.runs[0].scored.get("metrics") or ()
                     if metric.get("per_class")), ())  # fmt: skip
        keys = [key for row in rows for key in row if key not in ("class", "support", "index", "name")]
        name = name or next(iter(keys), "")
        for row in rows:
            found.setdefault(str(row.get("class", "")), {})[group.letter] = row.get(name)
    if not name or not 1 < len(found) <= MOST_CLASSES:
        return None
    letters = [group.letter for group in comparison.groups]
    counts = _shares(comparison.groups[0])
    rows = tuple(
        (one, *((counts.get(one, ABSENT),) if counts else ()), *(number(values.get(letter), 3) for letter in letters))
        for one, values in found.items()
    )
    headings = ("class", *(("share of training",) if counts else ()), *letters)
    return score_label(name), Table(headings, rows, frozenset(range(1, len(headings))))


def _shares(group: Group) -> dict[str, str]:
    """Class → its share of the training pixels or pictures."""
    record = group.runs[0].record
    counts = record.counts or []
    total = sum(counts)
    return {n: f"{100 * c / total:.3g} %" for n, c in zip(record.classes, counts, strict=False)} if total else {}


def stated_table(comparison: Comparison) -> Table | None:
    """What the recipes say that others state, once each, beside what was measured here in each group."""
    found: dict[tuple[str, ...], list[str]] = {}
    for group in comparison.groups:
        table = report_tables.stated(group.runs[0].record)
        for what, value, measured, convention, source in table.rows if table is not None else ():
            found.setdefault((what, value, convention, source), []).append(f"{group.letter} {measured}")
    rows = tuple(
        (what, value, "; ".join(measured), convention, source)
        for (what, value, convention, source), measured in found.items()
    )
    return Table(("what", "stated", "measured here", "our convention", "source"), rows) if rows else None
