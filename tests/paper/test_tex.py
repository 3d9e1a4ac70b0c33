"""Any text becomes LaTeX that shows it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.paper.tex import TeX, code, escape, fitted, prose, widths_of
from pixelwise.terminal.table import Table


def bare(text: str) -> str:
    """What is left without commands, escaped letters, maths and groups."""
    return re.sub(r"\\(text\w+|allowbreak|ldots|quotedblbase|S|texttt)|\\[#$%&_-]|\$[^$]*\$", "", text)


@settings(max_examples=40)
@given(st.text(max_size=40))
def test_nothing_with_a_meaning_is_left(text: str) -> None:
    for made in (escape(text), code(text), prose(text)):
        assert not set("\\#$%&_^") & set(bare(made))
        assert made.count("{") == made.count("}")
        assert "\n" not in made


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("a--b", "a-{}-b"),
        ("<<x>>", "\\textless{}{}\\textless{}x\\textgreater{}{}\\textgreater{}"),
        ("Σ α ℝ", "$\\Sigma$ $\\alpha$ R"),
        ("x₀²", "x$_{0}$$^{2}$"),
        ("中", "{[}U+4E2D{]}"),
        ("Łódź", "Łódź"),
        ("a\x1b[2J", "a\\textbackslash{}x1b{[}2J"),
    ],
)
def test_letters(text: str, made: str) -> None:
    assert escape(text) == made


def test_what_was_made_here_stays() -> None:
    assert escape(TeX(r"\alpha_1")) == r"\alpha_1"
    assert code("a_b/c") == r"\texttt{a\_\allowbreak{}b/\allowbreak{}c}"
    assert prose("see `a_b` now") == r"see \texttt{a\_\allowbreak{}b} now"


def test_wide_tables_break_their_texts_and_never_their_numbers() -> None:
    table = Table(("a", "words", "n"), (("x", "word " * 60, "0.123456"),), frozenset({2}))
    widths = widths_of(table)
    assert widths[0] == widths[2] == 0 < widths[1]
    assert sum(widths) < 1
    assert "p{" in fitted(table)
    assert "p{" not in fitted(Table(("a",), (("x",),)))


def test_a_table_breaks_only_the_columns_that_have_to_be() -> None:
    """Sizes are wide letters and have no place for a break: their column is as wide as they are."""
    row = ("encoder.model.blocks.3.0.conv_pw … encoder.model.blocks.3.2.conv_pw", "Conv2dSame", "240", "1152×304×512")
    table = Table(("layer", "kind", "in", "output"), (row,) * 3, frozenset({2}))
    layer, *others = widths_of(table, 80)
    assert 0 < layer < 1
    assert others == [0, 0, 0]
