"""The bridge for the NumPy network: which mean is subtracted, and from what."""

import numpy as np
import pytest

from pixelwise.data.cache import ReadSplit
from pixelwise.data.scenes import scenes
from pixelwise.engine.build import build_dataset, build_task, open_material
from pixelwise.engine.numpy.learner import normalised
from pixelwise.errors import DataError
from pixelwise.recipe.load import load_recipe

OF = "{name: scenes, size: 32, train: 10, val: 5}"
CLASSIFY = ("task={name: classify, mean: MEAN, std: null}", "model={name: conv_pool, width: 3, kernel: 3}")


def recipe_with(mean, dataset):
    return load_recipe("scenes/scratch_fcn", [*(w.replace("MEAN", mean) for w in CLASSIFY), f"data.dataset={dataset}"])


@pytest.mark.parametrize(("mean", "pictures"), [("image", 3), ("whole_image", 10)])
def test_the_mean_picture_is_of_those_trained_on_or_of_the_whole_training_set(mean, pictures, data):
    recipe = recipe_with(mean, f"{{name: first, of: {OF}, count: 3}}")
    material = open_material(recipe, root=data)
    assert len(material.train) == 3
    dataset = scenes(data, size=32, train=10, val=5)
    images = np.stack([dataset.read("train", index).image for index in range(pictures)]).astype(float)
    np.testing.assert_allclose(material.findings["mean_image"], images.mean(axis=0), rtol=1e-12)
    task = build_task(recipe, material.info, material.findings)
    made = normalised(material.train[0].image[None], task.input)
    np.testing.assert_allclose(made[0].transpose(1, 2, 0), images[0] - images.mean(axis=0), atol=1e-4)


def test_a_data_set_that_was_not_cut_has_no_whole(data):
    with pytest.raises(DataError, match="unknown split 'whole'"):
        open_material(recipe_with("whole_image", OF), root=data)


def test_a_split_is_read_at_the_size_asked_for(data):
    split = ReadSplit(build_dataset(recipe_with("image", OF), data), "val", (16, 20))
    assert len(split) == 5
    assert split[4].image.shape == (16, 20, 3)
    assert split[4].mask is None
