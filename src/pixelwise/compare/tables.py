"""The tables of a comparison as rows of words, the same in the terminal and on the page, and how a terminal shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pixelwise.compare.columns import Column, column_sets, headings
from pixelwise.compare.gather import Comparison, Group
from pixelwise.compare.judge import Verdict, between, signed
from pixelwise.run.words import ABSENT, counted, duration, interval_label, number, quantity
from pixelwise.statistics.spread import spread
from pixelwise.terminal.output import QUIET, WARN, show_line
from pixelwise.terminal.scores import INTERVAL
from pixelwise.terminal.table import Table, show_table

if TYPE_CHECKING:
    from rich.console import Console

UPRIGHT = 3  # groups, or scores, that fit side by side in 80 characters


def scores(comparison: Comparison, columns: Sequence[Column]) -> Table:
    """A row per group, a column per score: mean ± standard deviation over seeds (`0.3312 ± 0.0040`), or the one value."""
    rows = []
    for group in comparison.groups:
        if any(column in run.values for run in group.runs for column in columns):
            spreads = [group.spread(column) for column in columns]
            cells = [number(told.mean) + (f" ± {number(told.sd)}" if told.sd is not None else "") for told in spreads]
            rows.append((group.letter, group.label, str(len(group.runs)), *cells))
    return Table(("", "group", "seeds", *headings(columns)), tuple(rows), frozenset(range(2, 3 + len(columns))))


def intervals(comparison: Comparison) -> Table | None:
    """The main score of each group's first run with its interval over pictures; None if no run recorded one."""
    rows = []
    for column in (column for column in comparison.columns if comparison.main and column.key == comparison.main.key):
        for group in comparison.groups:
            run = group.runs[0]
            if (interval := run.over_pictures(column)) is not None:
                name = column.name + (f" ({run.split} chose the epoch)" if run.scored.get("chose_epoch") else "")
                told = (number(run.scores[column]), interval_label(interval), f"{interval.n:,}")
                rows.append((group.letter, name, *told))
    return Table(("", "score", "value", INTERVAL, "pictures"), tuple(rows), frozenset({2, 3, 4})) if rows else None


def groups(comparison: Comparison) -> Table:
    """The meaning of each letter."""
    rows = tuple(
        (group.letter, group.label, ", ".join(map(str, group.seeds)), str(group.runs[0].path))
        for group in comparison.groups
    )
    return Table(("", "group", _seeds(comparison), "first run"), rows)


def _seeds(comparison: Comparison) -> str:
    """The heading of a column with the seeds of each group."""
    return "seed" if all(len(group.runs) == 1 for group in comparison.groups) else "seeds"


def differing(comparison: Comparison) -> Table | None:
    """Where the recipes differ; None if they do not."""
    if not comparison.differing:
        return None
    rows = tuple((path, *values) for path, values in comparison.differing.items())
    return Table(("in the recipe", *(group.letter for group in comparison.groups)), rows)


def cost(comparison: Comparison) -> Table:
    """The cost of each group."""
    headings = ("", "group", _seeds(comparison), "length", "best epoch", "time", "parameters", "MACs", "device")
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
    """A row per difference: its size and the two intervals."""
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


def show_comparison(comparison: Comparison, verdicts: Sequence[Verdict], console: Console) -> None:
    """Print a comparison, without its curves and pictures."""
    show_line(console, f"{counted(len(comparison.runs), 'run')}, task {comparison.task}")
    for note in comparison.notes:
        show_line(console, (f"note: {note}", WARN))
    show_table(console, groups(comparison), "groups")
    if len(comparison.groups) > 1 and (table := differing(comparison)) is not None:
        show_table(console, table, "what differs in the recipes")
    for caption, columns in column_sets([*comparison.columns, *comparison.losses]):
        show_table(console, _fitting_scores(comparison, columns), caption)
    if (single := intervals(comparison)) is not None:
        show_table(console, single, "over pictures, of each group the run with the lowest seed")
    _show_verdicts(console, verdicts)
    show_table(
        console, cost(comparison).only(0, *range(3, 8)), "cost"
    )  # without the device; label and seeds stand above


def _fitting_scores(comparison: Comparison, columns: Sequence[Column]) -> Table:
    """Groups as columns while three of them fit a narrow terminal; else the first scores as columns."""
    table = scores(comparison, columns)
    if len(comparison.groups) > UPRIGHT:
        return scores(comparison, columns[:UPRIGHT]).only(0, *range(2, 3 + len(columns[:UPRIGHT])))
    letters, _, _, *rows = zip(table.headings, *table.rows, strict=True)
    return Table(("score", *letters[1:]), tuple(rows), frozenset(range(1, len(letters))))


def _show_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Print each difference with its two intervals, and a sentence on what they show."""
    if verdicts:
        show_line(console, ("\ndifferences", "bold"))
    variants = len({one.column.variant for one in verdicts})
    for verdict in verdicts:
        several = len({one.column.stands_on for one in verdicts}) > 1
        place = f"  on {verdict.column.stands_on}" if several else ""
        place += f"  {verdict.column.variant}" if variants > 1 else ""
        names = f"{verdict.second.letter} − {verdict.first.letter}  {verdict.column.name}  "
        show_line(console, names, (signed(verdict.seeds.value), "bold"), (place, QUIET))
        for over, interval, lack in (
            ("seeds", verdict.seeds.interval, verdict.seeds.lack),
            ("pictures", verdict.pictures.interval, verdict.pictures.lack),
        ):
            show_line(console, f"    95 % over {over:<9} {between(interval, f'none: {lack}')}")
        show_line(console, f"    {verdict.words}")
