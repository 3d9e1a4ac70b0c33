"""Tables: alignment, figures and LaTeX."""

import sympy

from pixelwise.arithmetic.table import Table, figure, latex_figure, plain

NF = sympy.Symbol("NF", integer=True, positive=True)


def test_text_is_aligned_and_keeps_its_notes():
    table = Table("Title", ("layer", "weights"), [("conv", 5), ("fc_1", 1200), ("total", 1205)], ("note",), total=True)
    assert table.text().splitlines() == [
        "Title",
        "",
        "layer  weights",
        "──────────────",
        "conv         5",
        "fc_1     1,200",
        "──────────────",
        "total    1,205",
        "",
        "note",
    ]


def test_latex():
    table = Table("Title", ("layer", "weights"), [("fc_1", 36 * NF**2), ("50 %", None)])
    latex = table.latex()
    assert r"fc\_1 & $36 NF^{2}$ \\" in latex
    assert r"50 \% & -- \\" in latex
    assert latex.startswith("% Title\n\\begin{tabular}{lr}")


def test_figures():
    assert figure(36 * NF**2 + 12 * NF) == "36·NF² + 12·NF"
    assert figure((NF, 32, 32)) == "NF×32×32"
    assert latex_figure((3, 2)) == r"$3\times 2$"
    assert latex_figure(12345) == r"12\,345"
    assert [figure(True), figure(0.25), figure(2.0)] == ["yes", "0.25", "2"]
    assert plain({"a": (1, NF**2), "b": None}) == {"a": [1, "NF**2"], "b": None}
