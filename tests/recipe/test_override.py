"""`a.b=c` on the command line: in order, values as YAML, the first tree untouched."""

import copy
from typing import Any

import pytest

from pixelwise.errors import RecipeError
from pixelwise.recipe.load import load_recipe, with_overrides
from pixelwise.recipe.override import apply_overrides

TREE: dict[str, Any] = {
    "title": "T",
    "model": {"name": "unet", "width": 12},
    "loss": "cross_entropy",
    "gallery": 12,
    "augment": [{"name": "flip"}, "rotation"],
    "train": {"phases": [{"epochs": 8}]},
}


@pytest.mark.parametrize(
    ("overrides", "path", "value"),
    [
        (["train.batch=8"], "train.batch", 8),
        (["train.rate=1e-3"], "train.rate", 1e-3),
        (["train.phases.0.epochs=2"], "train.phases.0.epochs", 2),
        (["train.phases=[{epochs: 1}, {epochs: 2}]"], "train.phases", [{"epochs": 1}, {"epochs": 2}]),
        (["augment=[]"], "augment", []),
        (["augment.0.p=.2"], "augment.0", {"name": "flip", "p": 0.2}),
        (["augment.1.degrees=5"], "augment.1", {"name": "rotation", "degrees": 5}),
        (["augment.1=colour"], "augment.1", "colour"),
        (["loss.weights=none"], "loss", {"name": "cross_entropy", "weights": "none"}),
        (["model=unet", "model.width=8"], "model", {"name": "unet", "width": 8}),
        (["model.width=8", "model=unet"], "model", "unet"),  # in order: the last one sets the whole model
        (["model.name=basic_fcn"], "model", {"name": "basic_fcn", "width": 12}),
        (["hardware.device=cpu"], "hardware", {"device": "cpu"}),
        (["title='a: b'"], "title", "a: b"),
        (["title=a=b"], "title", "a=b"),
        (['title="8"'], "title", "8"),
        (["title=no"], "title", "no"),
        (["loss="], "loss", None),
        (["train.batch=1", "train.batch=2"], "train.batch", 2),
    ],
)
def test_what_is_set(overrides: list[str], path: str, value: object) -> None:
    before = copy.deepcopy(TREE)
    found: Any = apply_overrides(TREE, overrides)
    for part in path.split("."):
        found = found[int(part)] if isinstance(found, list) else found[part]
    assert found == value
    assert before == TREE


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("train.batch", "'train.batch': an override has the form a.b=c"),
        ("=1", "an override has the form a.b=c"),
        ("train..batch=1", "an override has the form a.b=c"),
        (".=1", "an override has the form a.b=c"),
        (
            "train.phases.1.epochs=2",
            "train.phases.1: unknown element '1'; the list has one element, 0. A list is set",
        ),
        ("augment.-1=flip", "augment.-1: unknown element '-1'; the list has the elements 0 to 1."),
        ("augment.first=flip", "unknown element 'first'"),
        ("title=[a", "'title=[a', line 1, column 3: a bracket is opened and not closed"),
        ("title=&a b", "anchors"),
        ("gallery.a.b=1", "gallery.a: 'gallery' has no keys below it"),
    ],
)
def test_what_is_refused(override: str, what: str) -> None:
    with pytest.raises(RecipeError) as refused:
        apply_overrides(TREE, [override])
    assert what in str(refused.value)


def test_every_wrong_override_is_named_at_once() -> None:
    with pytest.raises(RecipeError) as refused:
        apply_overrides(TREE, ["a", "augment.7=flip", "title=[", "train.batch=8"])
    assert len(refused.value.problems) == 3


def test_the_order_decides_what_a_model_keeps() -> None:
    assert load_recipe("quickstart", ["model=unet", "model.width=8"]).model.options["width"] == 8
    assert load_recipe("quickstart", ["model.width=8", "model=unet"]).model.options["width"] == 64  # its default


@pytest.mark.parametrize(
    ("overrides", "title", "told"),
    [
        (["train.batch=8", "data.dataset.size=32"], "T", True),
        (["data.dataset=scenes"], "T", True),  # the same one
        (["data.dataset=voc2007"], "T, on voc2007", False),
        (["data.dataset.name=voc2007"], "T, on voc2007", False),
        (["data.dataset={name: longtail, of: {name: cifar10}}"], "T, on longtail of cifar10", False),
        (["data.dataset={name: longtail, of: cifar10}"], "T, on longtail of cifar10", False),
        (["data.dataset=voc2007", "title=Mine"], "Mine", False),
        (["data.dataset=3"], "T", True),  # no data set: to be refused as the recipe's
    ],
)
def test_on_another_data_set_a_recipe_does_not_go_by_what_it_says_of_the_first(
    overrides: list[str], title: str, told: bool
) -> None:
    tree = {"title": "T", "about": "a", "stated": [1], "data": {"dataset": {"name": "scenes", "size": 64}}}
    before = copy.deepcopy(tree)
    changed = with_overrides(tree, overrides)
    assert changed["title"] == title
    assert {"about", "stated"} <= set(changed) if told else not {"about", "stated"} & set(changed)
    assert tree == before


def test_what_is_said_anew_of_another_data_set_is_kept() -> None:
    tree = {"title": "T", "about": "a", "data": {"dataset": "scenes"}}
    assert with_overrides(tree, ["data.dataset=voc2007", "about=b"])["about"] == "b"
    assert with_overrides({"title": "T"}, ["data.dataset=voc2007"])["title"] == "T"
