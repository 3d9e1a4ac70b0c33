"""Tables as aligned text and as LaTeX, from the same rows, and figures as people write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pixelwise.arithmetic.window import Length, Shape, is_symbolic

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Table:
    """Rows of cells under headings; with `total` the last row is a total.

    Cells are shapes, numbers, SymPy expressions or words; None is shown as –.
    """

    title: str
    headings: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    notes: tuple[str, ...] = ()
    total: bool = False

    def text(self) -> str:
        """Columns aligned with spaces: words to the left, figures to the right."""
        cells = [[figure(cell) for cell in row] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(self.headings, *cells, strict=True)]
        forms = [f"{'>' if figures else '<'}{width}" for figures, width in zip(self._figures(), widths, strict=True)]

        def line(row: Sequence[str]) -> str:
            return "  ".join(map(format, row, forms)).rstrip()

        rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
        lines = [self.title, "", line(self.headings), rule, *map(line, cells)]
        if self.total:
            lines.insert(-1, rule)
        return "\n".join([*lines, *(["", *self.notes] if self.notes else [])])

    def latex(self) -> str:
        """A `tabular` with booktabs rules."""
        columns = "".join("r" if figures else "l" for figures in self._figures())
        lines = [" & ".join(latex_figure(cell) for cell in row) + r" \\" for row in self.rows]
        if self.total:
            lines.insert(-1, r"\midrule")
        head = " & ".join(map(_escape, self.headings)) + r" \\"
        notes = [rf"% {note}" for note in self.notes]
        body = [r"\toprule", head, r"\midrule", *lines, r"\bottomrule"]
        return "\n".join([f"% {self.title}", rf"\begin{{tabular}}{{{columns}}}", *body, r"\end{tabular}", *notes])

    def _figures(self) -> list[bool]:
        """Which columns hold no words."""
        return [not any(isinstance(row[place], str) for row in self.rows) for place in range(len(self.headings))]


def figure(value: Any) -> str:
    """A number with thousands apart, an expression as `36·NF² + 12·NF`, a shape as 3×32×32.

    >>> figure(1234567), figure((3, 32, 32)), figure(None)
    ('1,234,567', '3×32×32', '–')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return write(value)
    if is_symbolic(value):
        return re.sub(r"\*\*(\d+)", lambda power: power.group(1).translate(SUPERSCRIPTS), str(value)).replace("*", "·")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    return str(value)


def write(shape: Shape) -> str:
    """A shape as people write it: channels×height×width.

    >>> write((3, 32, 32))
    '3×32×32'
    """
    return "×".join(map(bracketed, shape))


def bracketed(length: Length) -> str:
    """A length, in brackets where it is a sum or product of symbols."""
    text = str(length).replace("**", "^").replace("*", "·")
    return f"({text})" if is_symbolic(length) and not text.replace("_", "").isalnum() else text


def latex_figure(value: Any) -> str:
    """The same for LaTeX."""
    if is_symbolic(value):
        import sympy

        return f"${sympy.latex(value)}$"
    if isinstance(value, tuple):
        return "$" + r"\times ".join(latex_figure(member).strip("$") for member in value) + "$"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}".replace(",", r"\,")
    return _escape(figure(value))


def plain(value: Any) -> Any:
    """A value for JSON: numbers as numbers, expressions as text in Python's syntax, shapes as lists."""
    if isinstance(value, dict):
        return {str(key): plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _escape(text: str) -> str:
    text = re.sub(r"([&%$#_{}])", r"\\\1", text.replace("\\", r"\textbackslash "))
    for sign, command in (("×", r"$\times$"), ("–", "--"), ("−", "$-$"), ("·", r"$\cdot$"), ("²", "$^2$")):
        text = text.replace(sign, command)
    return text
