"""Numbers that pages state about this repository are those of the repository."""

import ast
import re
import runpy
from pathlib import Path

import pytest
import torch
import yaml

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


RULES = ("xavier_uniform", "he_normal", "small_scores", "near_equal_scores")


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


CODE = re.compile(r"`([^`]+)`")
SIZES = {  # (page, classes): its rows with a model, its options, and its parameters
    ("models.md", 21): ("linear_probe", "fpn", "basic_fcn", "plain_cnn", "unet", "lean_unet", "shared_pyramid"),
    ("classification.md", 10): ("two_layer", "vanilla_cnn", "whitened_cnn", "encoder_classifier"),
}


@pytest.mark.parametrize(("page", "classes"), SIZES)
def test_the_page_states_the_parameters_of_models(page: str, classes: int) -> None:
    """Rows such as | `fpn`, `strides: [8, 16, 32]` | ... | `tf_efficientnet_lite0` | 3,475,810 | 0.528 |."""
    seen = set()
    for row in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
        said, number = CODE.findall(row), re.search(r"\| ([0-9]{1,3}(?:,[0-9]{3})+) \|", row)
        if row.startswith("| `") and number and said[0] in SIZES[page, classes]:
            options: dict[str, object] = {}
            for word in said[1:]:
                if ": " in word:
                    options |= yaml.safe_load(word)
                elif word == "tf_efficientnet_lite0":
                    options["encoder"] = word
            with torch.device("meta"):  # without memory, and without drawing weights
                model = MODELS.build(said[0], 3, classes, **options)
            assert f"{sum(one.numel() for one in model.parameters()):,}" == number[1], row
            seen.add(said[0])
    assert seen == set(SIZES[page, classes])
