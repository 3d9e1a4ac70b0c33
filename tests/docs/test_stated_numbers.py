"""Numbers that pages state about this repository are those of the repository."""

import ast
import runpy
from pathlib import Path

from pixelwise.models import MODELS

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


RULES = ("xavier_uniform", "he_normal", "small_scores")


def rules_of(name: str) -> set[str]:
    """The rules that a model's file calls, without those that the builders of its other models call."""
    module, _, builder = MODELS[name].partition(":")
    others = {MODELS[one].partition(":")[2] for one in MODELS} - {builder}
    tree = ast.parse((ROOT / "src" / Path(*module.split("."))).with_suffix(".py").read_text(encoding="utf-8"))
    mine = [node for node in tree.body if getattr(node, "name", "") not in others]
    calls = [one.func for node in mine for one in ast.walk(node) if isinstance(one, ast.Call)]
    return {call.id for call in calls if isinstance(call, ast.Name)} & set(RULES)


def test_the_page_names_the_initialisation_of_every_model() -> None:
    """Every model is in a row of the table: of each rule that its builder calls, and of no other one."""
    page = (ROOT / "docs/initialisation.md").read_text(encoding="utf-8")
    rows = page.partition("<!-- models -->")[2].partition("<!-- end -->")[0].strip().splitlines()[2:]
    for name in MODELS:
        mine = [row for row in rows if f"`{name}`" in row]
        assert mine, f"{name} is missing"
        assert {rule for rule in RULES if any(f"`{rule}`" in row for row in mine)} == rules_of(name), name
