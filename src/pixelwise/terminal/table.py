"""A table of words, and how it is printed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pixelwise.terminal.output import QUIET, Part, show_line, styled

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

GAP = 3  # characters between columns
SHORT = 2  # characters of a first column that is never broken

Cell = str | tuple[Part, ...]  # a text, or parts of a text with their styles


@dataclass(frozen=True)
class Table:
    """Headings, rows of words, and which columns are numbers (set flush right)."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    strong: int | None = None  # a row to set off: the number that everything else is about

    def cells(self, row: Sequence[str]) -> Iterable[tuple[bool, str]]:
        return ((index in self.numbers, cell) for index, cell in enumerate(row))

    def only(self, *columns: int) -> Table:
        """The table with these of its columns."""
        headings, *rows = (tuple(row[column] for column in columns) for row in (self.headings, *self.rows))
        numbers = frozenset(place for place, column in enumerate(columns) if column in self.numbers)
        return Table(headings, tuple(rows), numbers, self.strong)


def show_table(console: Console, table: Table, title: str = "", styles: Mapping[int, str] | None = None) -> None:
    """Print a table under its title. styles: of columns, by their number."""
    if title:
        show_line(console, (f"\n{title}", "bold"))
    show_rows(console, table.headings, table.rows, numbers=table.numbers, strong=table.strong, styles=styles)


def show_rows(
    console: Console,
    headings: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    numbers: Collection[int] = (),
    strong: int | None = None,
    styles: Mapping[int, str] | None = None,
) -> None:
    """Print rows in columns under their headings; without headings, the rows alone. Only a terminal breaks long cells."""
    from rich.table import Table as RichTable

    cells = [[styled(*((cell,) if isinstance(cell, str) else cell)) for cell in row] for row in rows]
    if not console.is_terminal:
        _show_plain(console, [[styled(heading) for heading in headings]] * any(headings) + cells, numbers)
        return
    styles = styles or {}
    drawn = RichTable(box=None, pad_edge=False, header_style=QUIET, padding=(0, GAP, 0, 0), show_header=any(headings))
    for number, heading in enumerate(headings):
        longest = max((len(row[number]) for row in cells), default=0)
        drawn.add_column(
            styled(heading),
            justify="right" if number in numbers else "left",
            style=styles.get(number, ""),
            no_wrap=number in numbers,
            overflow="fold",  # nothing is left out where it is narrow, and a short first column is not broken
            min_width=min(longest, SHORT) if number == 0 else None,
        )
    for place, row in enumerate(cells):
        drawn.add_row(*row, style="bold" if place == strong else "")
    console.print(drawn)


def _show_plain(console: Console, rows: Sequence[Sequence[Text]], numbers: Collection[int]) -> None:
    """Rows in a file or a pipe: one line each, as long as it is."""
    widths = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        for number, (cell, width) in enumerate(zip(row, widths, strict=True)):
            cell.align("right" if number in numbers else "left", width)
        lines.append((" " * GAP).join(cell.plain for cell in row).rstrip())
    if lines:
        console.print(styled("\n".join(lines)), soft_wrap=True, highlight=False)  # of a text, rich would read `:key:`
