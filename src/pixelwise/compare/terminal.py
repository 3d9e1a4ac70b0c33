"""A comparison in the terminal: its tables, and the differences as sentences."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from pixelwise.compare import tables
from pixelwise.compare.columns import Column, column_sets
from pixelwise.compare.gather import Comparison
from pixelwise.compare.verdict import Verdict, between, signed
from pixelwise.terminal.output import QUIET, WARN, show_line
from pixelwise.terminal.table import Table, show_table

UPRIGHT = 3  # groups, or scores, that stand beside each other in 80 letters


def show_comparison(comparison: Comparison, verdicts: Sequence[Verdict], console: Console) -> None:
    """All of a comparison but its curves and pictures."""
    show_line(console, f"{len(comparison.runs)} runs, task {comparison.task}")
    for note in comparison.notes:
        show_line(console, (f"note: {note}", WARN))
    show_table(console, tables.groups(comparison), "groups")
    if len(comparison.groups) > 1 and (differing := tables.differing(comparison)) is not None:
        show_table(console, differing, "what differs in the recipes")
    for caption, columns in column_sets([*comparison.columns, *comparison.losses]):
        show_table(console, _fitting_scores(comparison, columns), caption)
    show_verdicts(console, verdicts)
    cost = tables.without(tables.cost(comparison), 8)  # the device; label and seeds stand above
    show_table(console, tables.without(tables.without(cost, 2), 1), "cost")


def _fitting_scores(comparison: Comparison, columns: Sequence[Column]) -> Table:
    """Groups as columns while three of them fit a narrow terminal; else the first scores as columns."""
    if len(comparison.groups) <= UPRIGHT:
        return tables.upright_scores(comparison, columns)
    return tables.without(tables.scores(comparison, columns[:UPRIGHT]), 1)


def show_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Each difference with its two intervals, and what can be said of it."""
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
