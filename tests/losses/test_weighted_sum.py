"""A sum of losses: its value, its parts in records, plots and labels, and what a recipe may say of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pixelwise.engine.train import train
from pixelwise.errors import RecipeError
from pixelwise.losses import LOSSES
from pixelwise.recipe.load import as_yaml, check_recipe, not_allowed
from pixelwise.report.record import loss_name
from pixelwise.run.folder import RunFolder
from pixelwise.yaml_text import parse_map

COUNTS = np.array([900, 90, 9], np.int64)
BOTH = {
    "name": "weighted_sum",
    "parts": ["cross_entropy", {"name": "soft_iou", "over": "batch"}],
    "factors": [1.0, 0.5],
}


def tree(loss: Any, **changes: Any) -> dict[str, Any]:
    return {
        "title": "Sum",
        "task": "segment",
        "data": {"dataset": {"name": "scenes", "size": 32, "train": 4, "val": 2, "test": 0}},
        "model": {"name": "unet", "width": 4, "depth": 2},
        "loss": loss,
        "train": {"batch": 2, "phases": [{"epochs": 2}]},
        "hardware": {"device": "cpu", "precision": "fp32"},
        **changes,
    }


def test_the_parts_are_the_losses_times_their_factors() -> None:
    scores, target = torch.randn(2, 3, 4, 5), torch.randint(-1, 3, (2, 4, 5))
    parts = ["cross_entropy", {"name": "cross_entropy", "weights": "inverse"}, "dice"]
    found = LOSSES.build("weighted_sum", COUNTS, parts=parts, factors=[1.0, 0.5, 2.0])(scores, target)
    assert list(found) == ["cross_entropy", "cross_entropy 2", "dice"]
    alone = [LOSSES.build("cross_entropy", COUNTS), LOSSES.build("cross_entropy", COUNTS, weights="inverse")]
    for factor, loss, term in zip((1, 0.5, 2), (*alone, LOSSES.build("dice", COUNTS)), found.values(), strict=True):
        expected = loss(scores, target)
        torch.testing.assert_close(
            term.numerator / term.denominator, factor * expected.numerator / expected.denominator
        )


def test_its_class_weights_are_those_of_the_first_part_that_has_any() -> None:
    made = LOSSES.build("weighted_sum", COUNTS, parts=["dice", {"name": "cross_entropy", "weights": "inverse"}])
    assert made.weights.tolist() == LOSSES.build("cross_entropy", COUNTS, weights="inverse").weights.tolist()
    assert made.weighting == "inverse"


def test_a_run_records_and_draws_every_part(tmp_path: Path) -> None:
    parts = [{"name": "cross_entropy", "weights": "median"}, {"name": "soft_iou", "over": "batch"}]
    recipe = check_recipe(tree({**BOTH, "parts": parts}))
    list(train(recipe, tmp_path / "run", data=tmp_path / "data"))
    run = RunFolder(tmp_path / "run")
    for event in run.events("epoch"):
        for part in ("train", "validation"):
            assert set(event[part]) == {"loss", "cross_entropy", "soft_iou"}
            assert event[part]["loss"] == pytest.approx(event[part]["cross_entropy"] + event[part]["soft_iou"])
    setup = json.loads((run.path / "setup.json").read_text())
    assert setup["weighting"] == "median"
    assert "validation: soft_iou" in (run.path / "report.html").read_text()


def test_it_is_called_by_its_parts() -> None:
    recipe = check_recipe(tree(BOTH)).model_dump()
    assert loss_name(recipe["loss"]) == "cross_entropy + 0.5·soft_iou"
    assert loss_name({"class": recipe["loss"], "scene": {"name": "focal"}}) == (
        "class cross_entropy + 0.5·soft_iou and scene focal"
    )


def test_the_resolved_recipe_has_every_option_of_the_parts_and_reads_back_equal() -> None:
    recipe = check_recipe(tree(BOTH))
    first, second = recipe.loss.options["parts"]  # type: ignore[union-attr]
    assert first["smoothing"] == 0.0
    assert (second["over"], second["empty"]) == ("batch", "skip")
    assert check_recipe(parse_map(as_yaml(recipe), where="recipe")) == recipe


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ({**BOTH, "parts": ["dice"]}, "loss: loss 'weighted_sum' has 1 parts; a sum needs two losses or more."),
        ({**BOTH, "factors": [1.0]}, "loss: loss 'weighted_sum' has 1 factors for 2 parts."),
        (
            {**BOTH, "factors": [1.0, -0.5]},
            "loss: loss 'weighted_sum' read factors [1.0, -0.5]; a factor must be finite and above 0",
        ),
        ({**BOTH, "parts": ["dice", {"over": "batch"}]}, "has a part without a name: {'over': 'batch'}."),
        ({**BOTH, "parts": ["dice", "soft_io"]}, "loss.parts.1: unknown loss 'soft_io'"),
        (
            {**BOTH, "parts": ["dice", {"name": "focal", "gama": 1}]},
            "loss.parts.1.gama: loss 'focal' has no option 'gama'",
        ),
        ({**BOTH, "parts": ["dice", BOTH]}, "loss.parts.1: loss 'weighted_sum' is a part of another sum."),
    ],
)
def test_a_wrong_sum_is_refused_by_check(loss: dict[str, Any], expected: str) -> None:
    with pytest.raises(RecipeError) as refused:
        check_recipe(tree(loss))
    assert any(expected in str(problem) for problem in refused.value.problems)


def test_a_part_that_compares_areas_is_refused_for_labels() -> None:
    with pytest.raises(RecipeError) as refused:
        check_recipe(tree(BOTH, task="classify", model="vanilla_cnn"))
    (problem,) = refused.value.problems
    assert str(problem).startswith(
        "recipe: loss.parts.1: loss 'soft_iou' takes scores for every pixel, but head 'class' of task 'classify' gives one row"
    )


def test_code_outside_the_package_is_seen_within_a_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_losses.py").write_text("def huber(counts): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    recipe = check_recipe(tree({**BOTH, "parts": ["dice", "their_losses:huber"]}))
    assert not_allowed(recipe) == {"loss.parts.1": "their_losses:huber"}
    with pytest.raises(RecipeError, match="their_losses"):
        LOSSES.build("weighted_sum", COUNTS, parts=["dice", "their_losses:huber"])
