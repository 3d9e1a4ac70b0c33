"""A comparison in the terminal: its tables, and the differences as sentences."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from pixelwise.report.comparison import tables
from pixelwise.report.comparison.gather import Column, Comparison
from pixelwise.report.comparison.verdict import Verdict, between, signed
from pixelwise.report.tables import Table

QUIET = "bright_black"
LETTER, PATH = 2, 20  # letters of a group's name, and of a path of a recipe, that stand on one line
GAP = 3  # letters between columns
UPRIGHT = 3  # groups, or scores, that stand beside each other in 80 letters


def show_line(console: Console, text: str, style: str = "") -> None:
    """One line as it is, without markup."""
    console.print(Text(text, style), soft_wrap=not console.is_terminal, highlight=False)


def show_table(console: Console, title: str, table: Table) -> None:
    """A table of words under its title."""
    show_line(console, f"\n{title}", "bold")
    drawn = RichTable(box=None, pad_edge=False, header_style=QUIET, padding=(0, GAP, 0, 0))
    for number, heading in enumerate(table.headings):
        longest = max((len(row[number]) for row in table.rows), default=0)
        drawn.add_column(
            Text(heading),
            justify="right" if number in table.numbers else "left",
            no_wrap=number in table.numbers,
            overflow="fold",  # nothing is left out where it is narrow, and a group's letter never
            min_width=min(longest, LETTER) if number == 0 else None,
        )
    for place, row in enumerate(table.rows):
        drawn.add_row(*map(Text, row), style="bold" if place == table.strong else "")
    console.print(drawn)


def show_comparison(comparison: Comparison, verdicts: Sequence[Verdict], console: Console) -> None:
    """All of a comparison but its curves and pictures."""
    show_line(console, f"{len(comparison.runs)} runs, task {comparison.task}")
    for note in comparison.notes:
        show_line(console, f"note: {note}", "yellow")
    show_table(console, "groups", tables.groups(comparison))
    if len(comparison.groups) > 1 and (differing := tables.differing(comparison)) is not None:
        narrow = _width(differing) > console.width
        show_table(console, "what differs in the recipes", _with_broken_paths(differing) if narrow else differing)
    for caption, columns in tables.column_sets(comparison):
        show_table(console, caption, _fitting_scores(comparison, columns))
    show_verdicts(console, verdicts)
    cost = tables.without(tables.cost(comparison), 8)  # the device; label and seeds stand above
    show_table(console, "cost", tables.without(tables.without(cost, 2), 1))


def _width(table: Table) -> int:
    """Letters across, each column as wide as its longest cell."""
    cells = zip(table.headings, *table.rows, strict=True)
    return sum(max(map(len, column)) + GAP for column in cells)


def _with_broken_paths(table: Table) -> Table:
    """The table, long paths of its first column broken after a dot."""
    rows = tuple((_broken(row[0]), *row[1:]) for row in table.rows)
    return Table(table.headings, rows, table.numbers, table.strong)


def _broken(path: str) -> str:
    """`train.phases.1.schedule.warmup` on two lines, the second set in a little."""
    if len(path) <= PATH or "." not in path[:PATH]:
        return path
    cut = path.rindex(".", 0, PATH) + 1
    return f"{path[:cut]}\n  {_broken(path[cut:])}"


def _fitting_scores(comparison: Comparison, columns: Sequence[Column]) -> Table:
    """Groups as columns while three of them fit a narrow terminal; else the first scores as columns."""
    if len(comparison.groups) <= UPRIGHT:
        return tables.upright_scores(comparison, columns)
    return tables.without(tables.scores(comparison, columns[:UPRIGHT]), 1)


def show_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Each difference with its two intervals, and what can be said of it."""
    if verdicts:
        show_line(console, "\ndifferences", "bold")
    palettes = len({one.column.palette for one in verdicts})
    for verdict in verdicts:
        head = Text(f"{verdict.second.letter} − {verdict.first.letter}  {verdict.column.name}  ")
        head.append(signed(verdict.seeds.value), "bold")
        several = len({one.column.stands_on for one in verdicts}) > 1
        head.append(f"  on {verdict.column.stands_on}" if several else "", QUIET)
        head.append(f"  palette {verdict.column.palette}" if palettes > 1 else "", QUIET)
        console.print(head, highlight=False)
        for over, interval, lack in (
            ("seeds", verdict.seeds.interval, verdict.seeds.lack),
            ("pictures", verdict.pictures.interval, verdict.pictures.lack),
        ):
            show_line(console, f"    95 % over {over:<9} {between(interval, f'none: {lack}')}")
        show_line(console, f"    {verdict.words}")
