"""Parameters against the published counts; published weights load and score what is known of them."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pixelwise.data import DATASETS
from pixelwise.data.base import data_root
from pixelwise.data.cache import open_split
from pixelwise.engine.build import build_task
from pixelwise.engine.evaluate import evaluate
from pixelwise.engine.hardware.device import Choices
from pixelwise.engine.torch.learner import TorchLearner
from pixelwise.errors import ShapeError
from pixelwise.metrics import METRICS
from pixelwise.models import MODELS
from pixelwise.models.classifiers.resnet import Block
from pixelwise.recipe.load import load_recipe


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("two_layer", {}, 789_258),
        ("vanilla_cnn", {}, 58_826),
        ("resnet", {"depth": 20}, 269_722),
        ("resnet", {"depth": 32}, 464_154),
        ("resnet", {"depth": 44}, 658_586),
        ("resnet", {"depth": 56}, 853_018),
    ],
)
def test_parameters_are_the_published_ones(name, options, parameters):
    assert sum(p.numel() for p in MODELS.build(name, 3, 10, **options).parameters()) == parameters


def test_pictures_too_small_for_the_convolution_are_refused():
    with pytest.raises(ShapeError, match="7×7 are too small"):
        MODELS.build("vanilla_cnn", 3, 10, size=(7, 7))


def test_the_shortcut_takes_every_second_pixel_and_pads_channels_on_both_sides():
    block = Block(4, 8).eval()
    torch.nn.init.zeros_(block.bn2.weight)
    x = torch.rand(1, 4, 6, 6)
    with torch.no_grad():
        out = block(x)
    assert torch.equal(out[:, 2:6], x[..., ::2, ::2])
    assert not out[:, :2].any()
    assert not out[:, 6:].any()


def test_a_prior_sets_the_last_bias():
    bias = MODELS.build("resnet", 3, 10, depth=20, prior=0.1).linear.bias
    torch.testing.assert_close(bias, torch.full((10,), -float(np.log(9))))  # −log(C − 1)


@pytest.mark.data
@pytest.mark.timeout(1800)  # a minute on an idle core, many on a busy one
@pytest.mark.parametrize(("depth", "expected"), [(20, 0.9174), (32, 0.9264), (56, 0.9341)])
def test_published_weights_score_what_is_known_of_them(depth, expected, tmp_path):
    """Exactly: accuracy is a whole number of pictures out of 10,000."""
    file = data_root() / "weights" / f"cifar10_resnet{depth}.safetensors"
    if not file.is_file() or not (data_root() / "cifar-10-batches-py").is_dir():
        pytest.skip("CIFAR-10 or the weights are not there")
    data = DATASETS.build("cifar10", data_root())
    model = f"model={{name: resnet, depth: {depth}}}"
    recipe = load_recipe("quickstart", ["task=classify", "data.dataset={name: cifar10}", model])
    choices = Choices("cpu", "fp32", "channels_last", allocator=False, threads=1, deterministic=True)
    learner = TorchLearner(recipe, build_task(recipe, data.info), (32, 32), choices)
    fit = learner.model.load_state_dict(
        load_file(file), strict=False
    )  # the files are float16, without BatchNorm's counters
    assert all(name.endswith("num_batches_tracked") for name in fit.missing_keys)
    assert not fit.unexpected_keys
    metric = METRICS.build("accuracy", data.info)
    split = open_split(data, "test", None, folder=tmp_path)
    evaluate(learner, split, [metric])
    assert metric.scores()[0].value == expected
