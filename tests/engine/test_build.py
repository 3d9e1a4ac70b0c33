"""From a recipe to the things it names."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from pixelwise.engine.build import build_augmentation, build_loss, build_model, build_task, model_record, open_material
from pixelwise.errors import DataError, RecipeError
from pixelwise.losses.weights import median_frequency
from pixelwise.recipe.schema import Recipe

Tiny = Callable[..., Recipe]


def test_first_weights_depend_on_the_seed_alone(tiny: Tiny, data: Path) -> None:
    recipe = tiny()
    task = build_task(recipe, open_material(recipe, root=data).info, None)
    one = build_model(recipe, task).state_dict()
    before = torch.get_rng_state()
    torch.rand(5)
    same, other = build_model(recipe, task).state_dict(), build_model(tiny("train.seed=1"), task).state_dict()
    torch.set_rng_state(before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_the_loss_is_weighted_by_the_pixels_of_the_training_set(tiny: Tiny, data: Path) -> None:
    recipe = tiny("loss={name: cross_entropy, weights: median}")
    material = open_material(recipe, root=data)
    counted = np.bincount(material.train.masks.reshape(-1), minlength=len(material.info.classes))
    assert material.counts.tolist() == counted.tolist()
    np.testing.assert_allclose(build_loss(recipe, material.counts).weights, median_frequency(counted))


def test_a_split_that_is_not_there_is_refused(tiny: Tiny, data: Path) -> None:
    with pytest.raises(DataError, match=r"scenes: there is no split 'val'; it has train"):
        open_material(tiny("data.dataset.val=0", "data.dataset.test=0"), root=data)
    with pytest.raises(DataError, match=r"there is no split 'tets'.*Did you mean 'test'\?"):
        open_material(tiny("data.validation=tets"), root=data)


def test_a_recipe_without_augmentation_or_loss(tiny: Tiny, data: Path) -> None:
    recipe = tiny("augment=[]")
    assert build_augmentation(recipe, open_material(recipe, root=data).info) is None
    with pytest.raises(RecipeError, match="loss: no loss is named"):
        build_loss(recipe.model_copy(update={"loss": None}), np.ones(7, np.int64))


def test_the_record_of_the_model_adds_up(tiny: Tiny, data: Path) -> None:
    recipe = tiny()
    task = build_task(recipe, open_material(recipe, root=data).info, None)
    model = build_model(recipe, task)
    record = model_record(recipe, task, model, (32, 32))
    assert record["input"] == [3, 32, 32]
    assert record["parameters"] == sum(p.numel() for p in model.parameters())
    assert record["parameters"] == sum(row["parameters"] for row in record["layers"])
    assert record["layers"][0]["in_channels"] == 3
