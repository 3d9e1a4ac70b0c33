"""The tables of a comparison as rows of words, the same in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Sequence

from pixelwise.compare.columns import Column, headings
from pixelwise.compare.gather import Comparison, Group
from pixelwise.compare.verdict import Verdict, between, signed
from pixelwise.run.words import ABSENT, duration, number, quantity
from pixelwise.statistics.spread import spread
from pixelwise.terminal.table import Table


def mean_and_spread(group: Group, column: Column) -> str:
    """`0.3312 ± 0.0040`, or the one value there is."""
    told = group.spread(column)
    return number(told.mean) + (f" ± {number(told.sd)}" if told.sd is not None else "")


def scores(comparison: Comparison, columns: Sequence[Column]) -> Table:
    """A row a group, a column a score: mean ± standard deviation over seeds."""
    rows = tuple(
        (group.letter, group.label, str(len(group.runs)), *(mean_and_spread(group, column) for column in columns))
        for group in comparison.groups
        if any(column in run.values for run in group.runs for column in columns)
    )
    return Table(("", "group", "seeds", *headings(columns)), rows, frozenset(range(2, 3 + len(columns))))


def upright_scores(comparison: Comparison, columns: Sequence[Column]) -> Table:
    """The same, a row a score and a column a group."""
    turned = scores(comparison, columns)
    rows = tuple(
        (turned.headings[place], *(row[place] for row in turned.rows)) for place in range(3, len(turned.headings))
    )
    return Table(("score", *(row[0] for row in turned.rows)), rows, frozenset(range(1, len(turned.rows) + 1)))


def groups(comparison: Comparison) -> Table:
    """What each letter stands for."""
    rows = tuple(
        (group.letter, group.label, ", ".join(map(str, group.seeds)), str(group.runs[0].path))
        for group in comparison.groups
    )
    return Table(("", "group", "seeds", "first run"), rows)


def without(table: Table, column: int) -> Table:
    """The table without one of its columns."""
    rows = tuple(row[:column] + row[column + 1 :] for row in table.rows)
    numbers = frozenset(place - (place > column) for place in table.numbers if place != column)
    return Table(table.headings[:column] + table.headings[column + 1 :], rows, numbers, table.strong)


def differing(comparison: Comparison) -> Table | None:
    """Where the recipes differ; None where they do not."""
    if not comparison.differing:
        return None
    rows = tuple((path, *values) for path, values in comparison.differing.items())
    return Table(("in the recipe", *(group.letter for group in comparison.groups)), rows)


def cost(comparison: Comparison) -> Table:
    """What each group took."""
    headings = ("", "group", "seeds", "length", "best epoch", "time", "parameters", "MACs", "device")
    return Table(headings, tuple(_cost(group) for group in comparison.groups), frozenset(range(3, 8)))


def _cost(group: Group) -> tuple[str, ...]:
    first = group.runs[0].record
    model, choices = first.setup.get("model") or {}, first.setup.get("choices") or {}
    minutes = spread([run.minutes for run in group.runs])
    time = duration(None if minutes.mean is None else 60 * minutes.mean)
    if minutes.mean is not None and minutes.sd:
        size, unit = (1, "min") if minutes.mean >= 1 else (60, "s")
        time = f"{size * minutes.mean:.1f} ± {size * minutes.sd:.1f} {unit}"
    return (
        group.letter,
        group.label,
        ", ".join(map(str, group.seeds)),
        _length(group),
        _span([run.record.best.get("epoch") for run in group.runs]),
        time,
        quantity(model.get("parameters")),
        quantity(model.get("macs")),
        " ".join(str(choices[name]) for name in ("device", "precision") if choices.get(name)) or ABSENT,
    )


def _length(group: Group) -> str:
    """`25 epochs`, or `1,125 steps` where the recipe's length is one in steps: its epochs need not be whole ones."""
    unit = "step" if group.runs[0].record.is_in_steps else "epoch"
    counts = [run.record.summary.get(f"{unit}s") for run in group.runs]
    known = [count for count in counts if count is not None]
    return f"{_span(counts)} {unit}{'' if known == [1] * len(known) else 's'}" if known else ABSENT


def _span(values: Sequence[int | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ABSENT
    return f"{known[0]:,}" if min(known) == max(known) else f"{min(known):,}–{max(known):,}"


def differences(verdicts: Sequence[Verdict]) -> Table | None:
    """A row a difference: its size and the two intervals."""
    rows = tuple(
        (
            f"{verdict.second.letter}\u00a0−\u00a0{verdict.first.letter}",  # never broken
            verdict.column.name,
            signed(verdict.seeds.value),
            between(verdict.seeds.interval),
            between(verdict.pictures.interval),
        )
        for verdict in verdicts
    )
    headings = ("", "score", "difference", "95 % over seeds", "95 % over pictures")
    return Table(headings, rows, frozenset({2, 3, 4})) if rows else None
