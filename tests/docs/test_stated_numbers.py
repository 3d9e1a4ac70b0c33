"""Numbers that pages state about this repository are those of the repository."""

import ast
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_says_how_many_faults_are_planted() -> None:
    tree = ast.parse((ROOT / "tests/mutations/scratch.py").read_text(encoding="utf-8"))
    (faults,) = (
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FAULTS"
    )
    assert isinstance(faults, ast.List)
    assert f"plants {len(faults.elts)} faults" in (ROOT / "docs/scratch.md").read_text(encoding="utf-8")


def test_the_figure_of_momentum_is_what_its_script_draws() -> None:
    script = runpy.run_path(str(ROOT / "benchmarks/momentum_figure.py"))
    assert script["draw"]() == (ROOT / "docs/momentum.svg").read_text(encoding="utf-8")


def test_the_page_names_the_initialisation_of_every_model() -> None:
    """Each model's file and what it calls are in one row of the table."""
    page = (ROOT / "docs/initialisation.md").read_text(encoding="utf-8")
    table = page.partition("<!-- models -->")[2].partition("<!-- end -->")[0]
    for file in (ROOT / "src/pixelwise/models").rglob("*.py"):
        called = {
            node.func.id
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        name = f"`{file.relative_to(ROOT / 'src/pixelwise/models')}`"
        rows = [row for row in table.splitlines() if name in row]
        for rule in called & {"xavier_uniform", "he_normal", "small_scores"}:
            assert any(f"`{rule}`" in row for row in rows), f"{name} calls {rule}"
        for row in rows:
            assert any(f"`{rule}`" in row for rule in called), f"{name} calls none of {row}"
