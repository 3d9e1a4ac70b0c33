"""A worked exercise as aligned text, as LaTeX, as JSON, and as one offline page that walks through every window."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from itertools import zip_longest
from typing import Any

from pixelwise.arithmetic.exercise.linear_piece import show
from pixelwise.arithmetic.exercise.panels import UNUSED, Grid, Panel

BESIDE = 4  # spaces between grids that stand side by side
LINE = 110  # characters a line


def as_text(title: str, panels: Sequence[Panel], *, derive: bool = False) -> str:
    """Grids side by side, with the sums of every cell if `derive` is true."""
    parts = [title, "═" * len(title)]
    for panel in panels:
        parts += ["", panel.title, "─" * len(panel.title), *panel.words]
        for grids in (panel.operands if derive else (), panel.filters, panel.results):
            if grids:
                parts += ["", _side_by_side(grids)]
        if derive and panel.derivation:
            parts += ["", *panel.derivation]
        if derive and panel.frames:
            parts.append("")
            for frame in panel.frames:
                parts += [f"row {frame.target[0]}, column {frame.target[1]}", *(f"    {line}" for line in frame.sums)]
    return "\n".join(parts)


def _side_by_side(grids: Sequence[Grid]) -> str:
    """Grids with their names above, as many in a line as fit."""
    rows: list[list[list[str]]] = []
    used = LINE
    for grid in grids:
        cell_width = max(len(cell) for row in grid.cells for cell in row)
        lines = [grid.name, *("  ".join(cell.rjust(cell_width) for cell in row) for row in grid.cells)]
        width = max(map(len, lines))
        if used + width + BESIDE > LINE:
            rows.append([])
            used = 0
        rows[-1].append([line.ljust(width) for line in lines])
        used += width + BESIDE
    return "\n\n".join(_join(row) for row in rows)


def _join(blocks: list[list[str]]) -> str:
    """Blocks of equally long lines, side by side."""
    empty = [" " * len(block[0]) for block in blocks]
    lines = zip_longest(*blocks)
    filled = ([line or blank for line, blank in zip(parts, empty, strict=True)] for parts in lines)
    return "\n".join((" " * BESIDE).join(parts).rstrip() for parts in filled)


def as_latex(title: str, panels: Sequence[Panel], *, derive: bool = False) -> str:
    """One `array` a grid; needs no package beyond amsmath."""
    parts = [f"% {title}"]
    for panel in panels:
        parts.append(rf"\paragraph{{{_latex_words(panel.title)}}} " + " \\\\\n".join(map(_latex_words, panel.words)))
        for grids in (panel.filters, panel.results):
            if grids:
                parts.append("\\[\n" + "\n\\qquad\n".join(map(_latex_grid, grids)) + "\n\\]")
        if derive and panel.derivation:
            parts.append(" \\\\\n".join(map(_latex_words, panel.derivation)))
    return "\n\n".join(parts)


def _latex_grid(grid: Grid) -> str:
    columns = "|".join("c" * len(grid.cells[0]))
    rows = (
        "\n".join(" & ".join(row) + r" \\ \hline" for row in grid.cells)
        .replace(UNUSED, r"\times")
        .replace("−", "-")
        .replace("∞", r"\infty")
    )
    body = f"\\begin{{array}}{{|{columns}|}}\n\\hline\n{rows}\n\\end{{array}}"
    return rf"\underset{{\text{{{_latex_words(grid.name)}}}}}{{{body}}}"


def _latex_words(text: str) -> str:
    signs = {
        "×": r"$\times$", "−": "$-$", "·": r"$\cdot$", "→": r"$\to$", "≤": r"$\le$", "₀": "$_0$", "_": r"\_", "%": r"\%",
    }  # fmt: skip
    return "".join(signs.get(letter, letter) for letter in text)


def as_json(title: str, panels: Sequence[Panel]) -> dict[str, Any]:
    """Everything that the page shows, and the answers as numbers."""
    return {
        "title": title,
        "steps": [
            {
                "title": panel.title,
                "words": list(panel.words),
                "results": {grid.name: [list(row) for row in grid.cells] for grid in panel.results},
                "answer": None if panel.value is None else _numbers(panel.value.tolist()),
                **{name: _numbers(value.tolist()) for name, value in panel.answers.items()},
                **({"derivation": list(panel.derivation)} if panel.derivation else {}),
            }
            for panel in panels
        ],
    }


def _numbers(value: Any) -> Any:
    """Fractions as ints, floats, or text where a decimal would not be exact."""
    if isinstance(value, list):
        return [_numbers(member) for member in value]
    text = show(value).replace("−", "-")
    return text if "/" in text else float(text) if "." in text else int(text)


def as_page(title: str, panels: Sequence[Panel]) -> str:
    """One offline HTML file: every grid, and an animated window that moves over the input cell by cell.

    Without JavaScript the grids and all sums are still there.
    """
    from jinja2 import Environment

    source = files("pixelwise.arithmetic.exercise").joinpath("page.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    walks = [[vars(frame) for frame in panel.frames] for panel in panels]
    data = json.dumps(walks, ensure_ascii=False).replace("<", "\\u003c")
    return environment.from_string(source).render(title=title, panels=panels, data=data, unused=UNUSED)
