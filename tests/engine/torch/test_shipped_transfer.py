"""Shipped recipes whose weights need a download, with random weights; and the sweeps that recipes name in their heads."""

import re
import shlex

import pytest
import torch

from pixelwise.engine.torch.model import unknown_parts
from pixelwise.experiments.settings import plan
from pixelwise.models import MODELS
from pixelwise.models.parts import lies_within
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.shipped import find_recipe, shipped_recipes
from pixelwise.run.identity import differences


@pytest.mark.parametrize(
    ("name", "classes", "size", "learning"),
    [
        ("stanford_background/resnet18_unet", 9, (32, 64), None),
        ("voc2007/resnet34_fcn", 21, (32, 64), None),
        # weights and bias of the last layer: 2 · 256 + 2
        ("flowers17/deeplabv3_resnet101", 2, (32, 32), 514),
    ],
)
def test_with_random_weights(name, classes, size, learning):
    recipe = load_recipe(name, ["model.weights=none"])
    assert load_recipe(name).model.weights in ("imagenet", "coco")
    place = "meta" if recipe.model.name == "deeplabv3" else "cpu"  # 58.6 million weights: shapes alone
    with torch.device(place), torch.no_grad():
        model = MODELS.build(recipe.model.name, 3, classes, **recipe.model.options).eval()
        scores = model(torch.rand(1, 3, *size))
    assert not list(unknown_parts(recipe, model))
    assert scores.shape == (1, classes, *size)
    assert place == "meta" or scores.isfinite().all()
    freeze = recipe.train.phases[0].freeze
    left = sum(p.numel() for part, p in model.named_parameters() if not lies_within(part, freeze))
    assert left < sum(p.numel() for p in model.parameters())
    assert learning is None or left == learning


@pytest.mark.parametrize(
    ("name", "other", "places"),
    [
        # a frozen part also keeps its statistics; `phases` of a child replace those of its parent, options and all
        ("lite0_fpn_unfrozen", "lite0_fpn", {"train.phases.0.freeze", "train.phases.0.freeze_statistics"}),
        (
            "effects/moving_statistics",
            "lite0_fpn_unfrozen",
            {"train.phases.0.freeze_statistics", "train.phases.1.freeze_statistics"},
        ),
        ("lite0_fpn_long", "lite0_fpn", {"train.phases.1.epochs"}),
        ("lite2_fpn", "lite0_fpn", {"model.encoder"}),
    ],
)
def test_recipes_that_are_compared_differ_in_one_thing(name, other, places):
    words = {"title", "about", "stated"}
    made, against = (
        load_recipe(f"stanford_background/{each}").model_dump(mode="json", exclude=words) for each in (name, other)
    )
    assert {place for place, *_ in differences(against, made)} == places


def test_every_shipped_recipe_names_parts_that_its_model_has():
    """Rates by part and frozen parts, also those that a recipe has from its parent with another model."""
    recipes = {name: load_recipe(name) for name in shipped_recipes()}
    named = {
        name: recipe
        for name, recipe in recipes.items()
        if recipe.engine == "torch"
        and (recipe.train.optimizer.options.get("parts") or any(p.freeze for p in recipe.train.phases))
    }
    assert len(named) > 20
    for name, recipe in named.items():
        options = {key: value for key, value in recipe.model.options.items() if key != "weights"}
        with torch.device("meta"):
            model = MODELS.build(recipe.model.name, 3, 9, **options)
        assert not list(unknown_parts(recipe, model)), name


@pytest.mark.parametrize(
    ("name", "runs"), [("stanford_background/crop_flip", 9), ("stanford_background/unet_overfit", 4)]
)
def test_the_sweep_in_the_head_of_a_recipe(name, runs):
    (command,) = re.findall(r"^# +pixelwise sweep (.*)$", find_recipe(name).read_text(), re.MULTILINE)
    recipe, *factors = shlex.split(command)
    assert recipe == name
    _, planned = plan(recipe, factors)
    assert len(planned) == runs
    assert not any(run.recipe is None for run in planned)
