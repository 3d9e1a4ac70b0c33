"""What does not go together is refused without torch: in one sentence, with what would fit, all at once."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pixelwise.errors import RecipeError
from pixelwise.recipe.load import as_yaml, check_recipe, load_recipe
from pixelwise.recipe.schema import Item
from pixelwise.yaml_text import parse_text

OUTSIDE = '''
from pixelwise.shelf import declares
raise SystemExit("imported")

@declares(predicts="class_map", heads={"class": "categories", "distance": "values"}, per="pixel",
          loss={"class": "cross_entropy", "distance": "outside_parts:huber"}, metrics=("confusion",), best="mean_iou")
def two_heads(info):
    """Classes, and the distance to the nearest border."""

@declares(predicts="instances", heads={"objects": "objects"}, per="objects", metrics=("outside_parts:silent",), best="ap")
def detect(info):
    """Objects; the model has its own losses."""

def mute(info):
    """A task that declares nothing."""

@declares(knows="label")
def labelled(root):
    """A data set that declares the one thing that it knows as a plain word."""

@declares(takes="values")
def huber(counts, *, beta: float = 1.0):
    """A loss of values."""

@declares(counts=("instances",), needs=("probability",))
def boxes(info):
    """A metric of objects."""

def silent(info, *, top: int = 1):
    """A metric, model or loss that declares nothing."""
'''
LEAST: dict[str, Any] = {
    "title": "T",
    "task": "outside_parts:two_heads",
    "data": {"dataset": "scenes"},
    "model": "unet",
    "train": {"phases": [{"epochs": 1}]},
}


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside_parts.py").write_text(OUTSIDE)
    monkeypatch.syspath_prepend(tmp_path)


def said(tree: dict[str, Any]) -> list[str]:
    with pytest.raises(RecipeError) as refused:
        check_recipe(tree)
    return [str(problem).removeprefix("recipe: ") for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            ["metrics=[accuracy]", "train.best=accuracy"],
            "metrics.0: metric 'accuracy' needs one label per picture, but task 'segment' predicts class maps. "
            "Use 'confusion', 'average_precision' or 'foreground_iou', or task 'classify'.",
        ),
        (
            ["task=classify"],
            "model: model 'unet' gives scores for every pixel, but task 'classify' needs one row of scores per picture. "
            "Use 'encoder_classifier', 'two_layer', 'vanilla_cnn', 'resnet', 'whitened_cnn'",
        ),
        (
            ["model=resnet"],
            "model: model 'resnet' gives one row of scores per picture, but task 'segment' needs scores for every pixel. "
            "Use 'basic_fcn', ",
        ),
        (
            ["data.dataset=cifar10"],
            "data.dataset: task 'segment' needs masks, but data set 'cifar10' has labels. "
            "Use 'scenes', 'voc', 'stanford_background', 'flowers17', 'penn_fudan', 'coco', 'annotated' or 'folder', "
            "or task 'classify'.",
        ),
        (
            ["data.dataset={name: first, of: {name: longtail, of: cifar10}, count: 9}"],
            "but data set 'cifar10' has labels.",
        ),
        (
            ["data.dataset=outside_parts:labelled"],
            "data.dataset: task 'segment' needs masks, but data set 'outside_parts:labelled' has labels. ",
        ),
        (
            ["loss=outside_parts:huber"],
            "loss: loss 'outside_parts:huber' takes values, but head 'class' of task 'segment' ",
        ),
        (
            ["metrics=[outside_parts:boxes]"],
            "metric 'outside_parts:boxes' needs objects, but task 'segment' predicts class",
        ),
        (
            ["loss={clas: focal, class: focal}"],
            "loss.clas: task 'segment' has no head 'clas'; it has: class. Did you mean",
        ),
        (["loss={}"], "loss: has no loss for 'class', a head of task 'segment'. Add one, e.g. loss.class="),
        (["loss={class: 3}"], "loss.class: read 3; a loss is a name, or a map with its name and options."),
        (["loss={class: {name: focal, gama: 1}}"], "loss.class.gama: loss 'focal' has no option 'gama'"),
        (
            ["loss=focal", "loss.class=focal"],
            "loss.class: 'class' is a head of task 'segment', but loss 'focal' is the ",
        ),
        (
            ["train.phases.0.loss={class: outside_parts:huber}"],
            "train.phases.0.loss.class: loss 'outside_parts:huber' takes",
        ),
        (
            ["engine=scratch", "model=lenet", "data.workers=0", "augment=[]"],
            "model 'lenet' gives one row of scores per",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_one_misfit_gives_one_sentence(overrides: list[str], expected: str) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe("quickstart", overrides)
    told = [str(problem) for problem in refused.value.problems]
    assert len(told) == 1 or "engine=scratch" in overrides
    assert any(line.startswith(f"quickstart: {expected}") or expected in line for line in told)
    assert "imported" not in str(told)


def test_misfits_come_with_every_other_problem() -> None:
    tree = {**LEAST, "task": "classify", "loss": {"clas": "focal"}, "metrics": ["confusion", "acuracy"], "gallery": -1}
    assert sorted({line.partition(":")[0] for line in said(tree)}) == [
        "gallery", "loss", "loss.clas", "metrics.0", "metrics.1", "model"
    ]  # fmt: skip


def test_one_loss_must_fit_every_head() -> None:
    (problem,) = said({**LEAST, "loss": "focal"})
    assert problem.startswith(
        "loss: loss 'focal' takes categories, but head 'distance' of task 'outside_parts:two_heads'"
    )


def test_what_declares_nothing_passes() -> None:
    silent = "outside_parts:silent"
    recipe = check_recipe({**LEAST, "model": silent, "loss": silent, "metrics": [silent]})
    assert recipe.loss == Item.model_validate({"name": silent, "top": 1})
    mute = {**LEAST, "task": "outside_parts:mute", "loss": {"any": "focal"}, "metrics": ["colour"]}
    assert said(mute) == ["the task 'outside_parts:mute' has no default for train.best. Set it in the recipe."]
    check_recipe({**mute, "model": "resnet", "train": {**mute["train"], "best": "accuracy"}})


def test_a_model_that_owns_its_losses_needs_none() -> None:
    recipe = check_recipe({**LEAST, "task": "outside_parts:detect", "model": "outside_parts:silent"})
    assert recipe.loss is None
    assert recipe.losses_of(("objects",)) == {}
    (problem,) = said({**LEAST, "task": "outside_parts:detect"})
    assert (
        "but task 'outside_parts:detect' needs objects. Use 'mask_rcnn' or 'faster_rcnn', or task 'segment'" in problem
    )


@pytest.mark.parametrize("key", ["engine", "task", "data", "model", "loss", "metrics", "train"])
@pytest.mark.parametrize(
    "value", [[], {}, 3, None, [None], {"name": []}, {"class": []}, {"dataset": {"of": []}}], ids=str
)
def test_any_shape_is_read_or_refused(key: str, value: Any) -> None:
    with suppress(RecipeError):
        check_recipe({**LEAST, key: value})


# -- a loss for each head --------------------------------------------------------------------------------------------


def test_losses_by_head_come_from_the_task_and_read_back_equal() -> None:
    recipe = check_recipe(LEAST)
    assert {head: item.name for head, item in recipe.losses_of(("class", "distance")).items()} == {
        "class": "cross_entropy",
        "distance": "outside_parts:huber",
    }
    again = check_recipe(parse_text(as_yaml(recipe), "text"))
    assert again == recipe
    assert as_yaml(again) == as_yaml(recipe)
    assert recipe.model_dump(mode="json")["loss"]["distance"] == {"name": "outside_parts:huber", "beta": 1.0}


def test_a_phase_may_have_losses_of_its_own() -> None:
    phase = {"epochs": 1, "loss": {"class": "focal", "distance": {"name": "outside_parts:huber", "beta": 2.0}}}
    recipe = check_recipe({**LEAST, "train": {"phases": [{"epochs": 1}, phase]}})
    losses = recipe.losses_of(("class", "distance"), recipe.train.phases[1])
    assert (losses["class"].options["gamma"], losses["distance"].options["beta"]) == (2.0, 2.0)
    assert check_recipe(parse_text(as_yaml(recipe), "text")) == recipe


def test_one_loss_is_that_of_every_head_and_others_must_name_them_all() -> None:
    recipe = load_recipe("quickstart")
    assert recipe.losses_of(("a", "b")) == {"a": recipe.loss, "b": recipe.loss}
    with pytest.raises(RecipeError, match="has no head 'distance'"):
        check_recipe(LEAST).losses_of(("class",))


def test_losses_by_head_merge_and_replace(tmp_path: Path) -> None:
    head = "title: C\nextends: parent.yaml\n"
    for name, text in {
        "parent": "title: P\nextends: quickstart\ntask: outside_parts:two_heads\nloss: {name: outside_parts:huber, beta: 3.0}",
        "child": head + "loss: {class: focal, distance: {name: outside_parts:huber, beta: 2.0}}",
        "grandchild": "title: G\nextends: child.yaml\nloss: {class: {gamma: 5.0}, distance: outside_parts:silent}",
        "single": "title: S\nextends: quickstart\nloss: {weights: inverse}",
    }.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    losses = load_recipe(str(tmp_path / "child.yaml"), ["loss.distance.beta=4.0"]).losses_of(("class", "distance"))
    assert (losses["class"].name, losses["distance"].options) == ("focal", {"beta": 4.0})
    losses = load_recipe(str(tmp_path / "grandchild.yaml")).losses_of(("class", "distance"))
    assert (losses["class"].options["gamma"], losses["distance"].name) == (5.0, "outside_parts:silent")
    with pytest.raises(RecipeError, match="takes values, but head 'class'"):
        load_recipe(str(tmp_path / "parent.yaml"))
    assert load_recipe("quickstart", ["loss.class=focal"]).losses_of(("class",))["class"].name == "focal"


def test_a_refusal_needs_no_torch() -> None:
    program = (
        "import sys; from pixelwise.cli import app\n"
        "try: app(['check', 'quickstart', 'model=resnet', 'metrics=[accuracy]'])\n"
        "except SystemExit as end: assert end.code == 2\n"
        "assert not {'torch', 'torchvision', 'matplotlib', 'skimage'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 errors" in done.stderr
