"""A table of words, and how it is printed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pixelwise.terminal.output import QUIET, Part, clean_line, show_line, styled

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

GAP = 3  # characters between columns
SHORT, WORD = 8, 12  # characters of a text and of a word that are never broken

Cell = str | tuple[Part, ...]  # a text, or parts of a text with their styles


@dataclass(frozen=True)
class Table:
    """Headings, rows of words, and which columns are numbers (set flush right)."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    strong: frozenset[int] = (
        frozenset()
    )  # rows to emphasise: the number that everything else is about, or the best ones

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
    strong: Collection[int] = (),
    styles: Mapping[int, str] | None = None,
) -> None:
    """Print rows in columns under their headings; without headings, the rows alone. Only a terminal breaks long cells.

    Where it is narrow, texts and headings are broken into lines, never a number; where even the numbers have no room beside
    each other, every row is printed over several lines.
    """
    cells = [
        [styled(*((cell,) if isinstance(cell, str) else cell), cleaner=clean_line) for cell in row] for row in rows
    ]
    heads = [styled(heading, cleaner=clean_line) for heading in headings]
    if not console.is_terminal:
        _show_plain(console, [heads] * any(headings) + cells, numbers)
    elif (widths := _widths(heads, cells, numbers, console.width - GAP * (len(heads) - 1))) is None:
        for number, row in enumerate(cells):
            console.print("\n" * bool(number), end="")
            for head, cell in zip(heads, row, strict=True):
                console.print(styled((f"{head.plain}  ".lstrip(), QUIET)).append_text(cell), highlight=False)
    else:
        _show_columns(console, heads, cells, widths, numbers, strong, styles or {})


def _widths(
    heads: Sequence[Text], rows: Sequence[Sequence[Text]], numbers: Collection[int], room: int
) -> list[int] | None:
    """Characters of each column, the widest made narrower until they fit into `room`; None if they cannot."""
    longest = [max((row[place].cell_len for row in rows), default=0) for place in range(len(heads))]
    widths = [max(long, head.cell_len) for long, head in zip(longest, heads, strict=True)]
    words = [[word for row in (heads, *rows) for word in row[place].plain.split()] for place in range(len(heads))]
    whole = [max([SHORT, *(len(word) for word in column if len(word) <= WORD)]) for column in words]
    least = [
        max(1, longest[place]) if place in numbers else min(width, whole[place]) for place, width in enumerate(widths)
    ]
    while sum(widths) > room:
        wide = [place for place, width in enumerate(widths) if width > least[place]]
        if not wide:
            return None
        widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def _show_columns(
    console: Console,
    heads: Sequence[Text],
    rows: Sequence[Sequence[Text]],
    widths: Sequence[int],
    numbers: Collection[int],
    strong: Collection[int],
    styles: Mapping[int, str],
) -> None:
    from rich.table import Table as RichTable

    named = any(head.plain for head in heads)
    drawn = RichTable(box=None, pad_edge=False, header_style=QUIET, padding=(0, GAP, 0, 0), show_header=named)
    for place, (head, width) in enumerate(zip(heads, widths, strict=True)):
        side: Literal["left", "right"] = "right" if place in numbers else "left"
        drawn.add_column(head, justify=side, style=styles.get(place, ""), overflow="fold", width=width)
    for place, row in enumerate(rows):
        drawn.add_row(*row, style="bold" if place in strong else "")
    console.print(drawn)


def _show_plain(console: Console, rows: Sequence[Sequence[Text]], numbers: Collection[int]) -> None:
    """Rows in a file or a pipe: one line each, of any length."""
    widths = [max(cell.cell_len for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        for number, (cell, width) in enumerate(zip(row, widths, strict=True)):
            cell.align("right" if number in numbers else "left", width)
        lines.append((" " * GAP).join(cell.plain for cell in row).rstrip())
    if lines:
        console.print(styled("\n".join(lines)), soft_wrap=True, highlight=False)  # of a text, rich would read `:key:`
