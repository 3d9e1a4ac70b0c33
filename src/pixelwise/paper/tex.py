"""Text as LaTeX: everything that a run, a recipe or a person names is escaped, and nothing is ever a command."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any

from pixelwise.terminal.output import clean_line
from pixelwise.terminal.table import Table

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "[": "{[}",  # after the end of a table's row it would be an option
    "]": "{]}",
    "*": "{*}",
    "\N{NO-BREAK SPACE}": "~",
    "\N{SOFT HYPHEN}": r"\-",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "“": "``",
    "”": "''",
    "„": r"\quotedblbase{}",
    "‘": "`",
    "’": "'",
    "°": r"\textdegree{}",
    "€": r"\texteuro{}",
    "§": r"\S{}",
    "©": r"\textcopyright{}",
    "®": r"\textregistered{}",
    "•": r"\textbullet{}",
}
MATHEMATICAL = {
    "×": r"\times", "−": "-", "±": r"\pm", "·": r"\cdot", "÷": r"\div", "≥": r"\geq", "≤": r"\leq", "≠": r"\neq",
    "≈": r"\approx", "∞": r"\infty", "→": r"\rightarrow", "←": r"\leftarrow", "↦": r"\mapsto", "√": r"\surd",
    "∑": r"\sum", "∈": r"\in", "⌈": r"\lceil", "⌉": r"\rceil", "⌊": r"\lfloor", "⌋": r"\rfloor", "∂": r"\partial",
    "µ": r"\mu", "½": r"\frac12", "¼": r"\frac14", "¾": r"\frac34", "′": "'", "∩": r"\cap", "∪": r"\cup",
}  # fmt: skip
GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega"
LONG_WORD = 16  # letters
LETTERS = 104  # of a line in the size of a table's text
LATIN = (
    "0ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿĂăĄąĆćČčĎďĐđĘęĚěĞğİıŁłŃńŇňŐőŒœŔŕŘřŚśŞşŠšŢţŤťŮůŰűŸŹźŻżŽž"
)


class TeX(str):
    """LaTeX that was made here, and is not escaped again."""

    __slots__ = ()


def escape(text: Any) -> TeX:
    r"""Any text as LaTeX of one line that shows it; letters that pdfLaTeX has no glyph for become their code points.

    >>> escape("a_b%$#{}\\x"), escape("5×5, Δ²")
    ('a\\_b\\%\\$\\#\\textbraceleft{}\\textbraceright{}\\textbackslash{}x', '5$\\times$5, $\\Delta$$^{2}$')
    """
    if isinstance(text, TeX):
        return text
    plain = unicodedata.normalize("NFC", clean_line(str(text)))
    apart = re.sub(r"([-<>,'`!?])(?=[-<>,'`])", "\\1\0", plain)  # TeX joins pairs such as -- into one letter
    return TeX("".join(_letter(letter) for letter in apart))


@cache
def _letter(letter: str) -> str:
    if letter == "\0":
        return "{}"
    if letter in SPECIAL:
        return SPECIAL[letter]
    if letter in MATHEMATICAL:
        return f"${MATHEMATICAL[letter]}$"
    if letter in LATIN or (letter.isascii() and letter.isprintable()):
        return letter
    name = unicodedata.name(letter, "")
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", name)
    word = greek[2].lower().replace("lamda", "lambda") if greek else ""
    if greek and word in GREEK.split():
        own = f"\\{word if greek[1] == 'SMALL' else word.capitalize()}"
        latin = {"Alpha": "A", "Beta": "B", "Epsilon": "E", "Zeta": "Z", "Eta": "H", "Iota": "I", "Kappa": "K",
                 "Mu": "M", "Nu": "N", "Rho": "P", "Tau": "T", "Chi": "X"}  # fmt: skip
        return f"${latin.get(own[1:], own)}$"
    simple = unicodedata.normalize("NFKD", letter)
    if (place := re.match(r"(SUPERSCRIPT|SUBSCRIPT) ", name)) and simple.isascii():
        return f"${'^' if place[1] == 'SUPERSCRIPT' else '_'}{{{simple}}}$"
    if simple != letter and (shown := "".join(one for one in simple if one.isascii())):
        return "".join(_letter(one) for one in shown)
    return f"{{[}}U+{ord(letter):04X}{{]}}"


def code(text: Any) -> TeX:
    """A name, path or command in typewriter letters, which may be broken after its punctuation."""
    return TeX(rf"\texttt{{{code_like(clean_line(str(text)))}}}")


def prose(text: Any) -> TeX:
    """A text whose long words, such as paths, may be broken after their punctuation; what stands between `` is code."""
    parts = str(text).split("`")
    if len(parts) > 1 and len(parts) % 2:
        return TeX("".join(code(part) if place % 2 else prose(part) for place, part in enumerate(parts)))
    words = [code_like(word) if len(word) > LONG_WORD else escape(word) for word in str(text).split(" ")]
    return TeX(" ".join(words))


def code_like(word: str) -> TeX:
    """A long word that may be broken after its punctuation."""
    return TeX(r"\allowbreak{}".join(escape(part) for part in re.split(r"(?<=[_/.,:=-])(?=.)", word)))


def listed(texts: Sequence[str]) -> TeX:
    """Texts in a sentence: `a, b and c`."""
    made = [escape(text) for text in texts]
    return TeX(" and ".join(filter(None, [", ".join(made[:-1]), made[-1]])) if made else "")


def tabular(table: Table, widths: Sequence[float] = (), heads: Sequence[int] = ()) -> TeX:
    """A table with rules above, below and under its headings.

    widths:  of the columns, as parts of the line; 0: as wide as their texts. Without any, all are 0
    heads:   rows before which a thin rule is drawn
    """
    lines = [
        rf"\begin{{tabular}}{{@{{}}{_columns(table, widths)}@{{}}}}",
        r"\toprule",
        _row(table.headings),
        r"\midrule",
    ]
    for place, row in enumerate(table.rows):
        strong = place in table.strong
        lines += [r"\addlinespace"] * (place in heads) + [_row(_bold(cell) if strong else cell for cell in row)]
    return TeX("\n".join([*lines, r"\bottomrule", r"\end{tabular}"]))


def long_tabular(table: Table, caption: TeX, label: str, widths: Sequence[float] = ()) -> TeX:
    """A table that may be longer than a page, with its caption; the headings are repeated on each."""
    head = [r"\toprule", _row(table.headings), r"\midrule"]
    return TeX(
        "\n".join(
            [
                rf"\begin{{longtable}}{{@{{}}{_columns(table, widths)}@{{}}}}",
                rf"\caption{{{caption}}}\label{{{label}}}\\",
                *head,
                r"\endfirsthead",
                *head,
                r"\endhead",
                r"\bottomrule",
                r"\endfoot",
                *map(_row, table.rows),
                r"\end{longtable}",
            ]
        )
    )


def fitted(table: Table, letters: int = LETTERS) -> TeX:
    """A table whose texts are broken where it would be wider than the text. letters: that a line has room for."""
    return tabular(table, widths_of(table, letters))


def widths_of(table: Table, letters: int = LETTERS) -> list[float]:
    """The widths of columns that are broken, as parts of the line, so that a table fits; 0 for the others."""
    columns = list(zip(table.headings, *table.rows, strict=True))
    widths = [ceil(max(map(_letters, column))) for column in columns]
    room = letters - 2 * len(columns)
    if sum(widths) <= room:
        return [0.0] * len(columns)
    texts = [place for place in range(len(columns)) if place not in table.numbers]
    rest = room - sum(width for place, width in enumerate(widths) if place in table.numbers)
    shares = dict.fromkeys(texts, 0)
    for place in sorted(texts, key=widths.__getitem__):  # short columns keep what they need
        share = rest // (len(texts) - sum(bool(one) for one in shares.values()))
        shares[place] = max(3, min(widths[place], share))
        rest -= shares[place]
    broken = {place: share for place, share in shares.items() if share < widths[place]}
    return [broken.get(place, 0) / letters for place in range(len(columns))]


def _letters(text: str) -> float:
    """The width of a text in letters of usual width."""
    narrow, wide = sum(map(text.count, "iljtf.,:;'| ")), sum(map(text.count, "×±→mwMW"))
    capitals = sum(letter.isupper() or letter.isdigit() for letter in text)
    return len(text) - 0.3 * narrow + 0.7 * wide + 0.25 * capitals


def _columns(table: Table, widths: Sequence[float]) -> str:
    """The preamble: numbers flush right, texts flush left, wide texts broken."""
    made = []
    for place, _ in enumerate(table.headings):
        width = widths[place] if widths else 0
        ragged = r">{\raggedright\arraybackslash}"
        made.append(rf"{ragged}p{{{width:g}\linewidth}}" if width else "r" if place in table.numbers else "l")
    return "".join(made)


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cell if isinstance(cell, TeX) else prose(cell) for cell in cells) + r" \\"


def _bold(cell: str) -> TeX:
    return TeX(rf"\textbf{{{prose(cell)}}}" if cell else "")


def template(name: str) -> Any:
    """A template of a report: `<% if %>` for blocks, `<< value >>` for values, which are escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).resolve().parent / "templates"),
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=escape,
        autoescape=False,
    )
    environment.filters["code"] = code
    environment.filters["listed"] = listed
    return environment.get_template(name)
