"""Weights against the formulas of their papers."""

from math import sqrt

import pytest
import torch
from torch import nn

from pixelwise.data import DATASETS
from pixelwise.engine.build import build_task
from pixelwise.engine.hardware.device import Choices
from pixelwise.engine.torch.learner import TorchLearner
from pixelwise.errors import RecipeError
from pixelwise.models import MODELS
from pixelwise.models.initialise import fans, he_normal, initialise, near_equal_scores, small_scores, xavier_uniform
from pixelwise.recipe.effects import remarks
from pixelwise.recipe.engines import engine_problems
from pixelwise.recipe.load import as_yaml, load_recipe
from pixelwise.recipe.schema import Model

CHOICES = Choices("cpu", "fp32", "contiguous", False, 1, False)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(16, 48, 3), nn.ConvTranspose2d(32, 24, 3), nn.Linear(300, 500), nn.BatchNorm2d(4))


@pytest.fixture
def kinds(network):
    """Every kind of layer: those of `network`, and three that are grouped, of which one is depthwise."""
    grouped = (
        nn.Conv2d(64, 96, 3, groups=4),
        nn.ConvTranspose2d(48, 96, 3, groups=4),
        nn.Conv2d(640, 640, 5, groups=640),
    )
    return nn.Sequential(*network[:3], *grouped)


# (fan_in, fan_out) of the layers of `kinds`, as torch counts them: weights are (A, B, K, K), B·K² and A·K²
TORCHS = [(16 * 9, 48 * 9), (24 * 9, 32 * 9), (300, 500), (16 * 9, 96 * 9), (24 * 9, 48 * 9), (25, 640 * 25)]
# and counted correctly: how many inputs an output collects, and how many outputs an input reaches
TRUE = [(16 * 9, 48 * 9), (32 * 9, 24 * 9), (300, 500), (16 * 9, 24 * 9), (12 * 9, 24 * 9), (25, 25)]


def test_xavier_fills_its_interval_evenly(kinds):
    xavier_uniform(kinds)
    for layer, counts in zip(kinds, TORCHS, strict=True):
        bound = sqrt(6 / sum(counts))
        assert layer.weight.abs().max() <= bound
        assert layer.weight.abs().max() > 0.99 * bound
        assert layer.weight.std().item() == pytest.approx(bound / sqrt(3), rel=0.03)
        assert not layer.bias.any()


def test_he_has_the_variance_of_torchs_count(kinds):
    he_normal(kinds)
    for layer, (_, fan_out) in zip(kinds, TORCHS, strict=True):
        assert layer.weight.var().item() == pytest.approx(2 / fan_out, rel=0.06), layer
        assert not layer.bias.any()


def test_the_depthwise_layers_of_the_pyramid_have_the_variance_that_is_documented():
    torch.manual_seed(0)
    model = MODELS.build("shared_pyramid", 3, 5, width=256, blocks=1)
    spread = model.trunk.stacks[0][0].spread
    assert spread.weight.var().item() == pytest.approx(2 / (256 * 25), rel=0.06)


def test_norms_are_left_alone(network):
    xavier_uniform(network)
    he_normal(network)
    for rule in ("xavier", "he_fan_in", "he_fan_out", "torch"):
        initialise(network, rule)
    assert torch.equal(network[3].weight, torch.ones(4))
    assert not network[3].bias.any()


def test_small_scores_are_as_large_as_what_is_read():
    torch.manual_seed(0)
    layer = nn.Linear(4000, 10)
    small_scores(layer)
    with torch.no_grad():
        assert 0.8 < layer(torch.randn(200, 4000)).std() < 1.2
    assert not layer.bias.any()


def test_scores_of_pixels_begin_about_equal_whatever_the_width():
    torch.manual_seed(0)
    layer = nn.Conv2d(512, 21, 1)
    near_equal_scores(layer)
    assert layer.weight.std().item() == pytest.approx(0.01, rel=0.03)
    assert not layer.bias.any()


def test_fixed_weights_are_never_drawn_over():
    layer = nn.Conv2d(2, 3, 1)
    fixed = layer.weight.detach().clone()
    del layer.weight
    layer.register_buffer("weight", fixed.clone())
    for draw in (xavier_uniform, he_normal):
        draw(nn.Sequential(layer, nn.Conv2d(3, 3, 1)))
        assert torch.equal(layer.weight, fixed)


def test_named_rules_have_their_variances(kinds):
    """Inputs of an output, n, and outputs of an input, m, counted by hand; torch counts its own n."""
    assert [fans(layer) for layer in kinds] == TRUE
    for rule, variance in {
        "xavier": lambda n, m: 2 / (n + m),
        "he_fan_in": lambda n, m: 2 / n,
        "he_fan_out": lambda n, m: 2 / m,
    }.items():
        initialise(kinds, rule)
        for layer, (n, m) in zip(kinds, TRUE, strict=True):
            assert layer.weight.var().item() == pytest.approx(variance(n, m), rel=0.06), rule
            assert not layer.bias.any()
    initialise(kinds, "torch")
    for layer, (own, _) in zip(kinds, TORCHS, strict=True):
        assert layer.weight.var().item() == pytest.approx(1 / (3 * own), rel=0.05)
        assert layer.bias.any()


def test_fans_are_what_the_layers_do():
    """Of a layer with all weights 1: an output collects n inputs, an input reaches m outputs, in groups too."""
    for layer in (nn.Conv2d(6, 4, 3, groups=2), nn.ConvTranspose2d(6, 4, 3, groups=2)):
        nn.init.ones_(layer.weight)
        nn.init.zeros_(layer.bias)
        x = torch.ones(1, 6, 9, 9, requires_grad=True)
        y = layer(x)
        y.sum().backward()
        assert (int(y[0, 0, 4, 4]), int(x.grad[0, 0, 4, 4])) == fans(layer)


def test_own_changes_nothing(network):
    before = [one.clone() for one in network.parameters()]
    initialise(network, "own")
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def test_a_recipe_names_the_rule_and_leaves_it_out_of_its_record():
    small = ["task=segment", "data.dataset={name: scenes, size: 32, train: 2, val: 2}", "hardware.precision=fp32"]
    plain = load_recipe("scenes/colourize", [*small, "model={name: plain_cnn, width: 4, depth: 1}"])
    named = load_recipe("scenes/colourize", [*small, "model={name: plain_cnn, width: 4, depth: 1, init: he_fan_in}"])
    assert "init" not in as_yaml(plain)
    assert "init: he_fan_in" in as_yaml(named)

    def first(recipe):
        learner = TorchLearner(recipe, build_task(recipe, DATASETS.build("scenes", None).info), (32, 32), CHOICES)
        return next(layer for layer in learner.model.modules() if isinstance(layer, nn.Conv2d)).weight

    assert first(named).std().item() == pytest.approx(sqrt(2 / 27), rel=0.25)
    assert first(plain).abs().max() <= sqrt(6 / (27 + 36))  # Xavier's interval, which is not that of He
    assert torch.equal(first(named), first(named))


def test_what_cannot_use_the_rule_says_so():
    numpy = load_recipe("scenes/scratch_fcn").model_copy(update={"model": Model(name="fcn", init="xavier")})
    (problem,) = engine_problems(numpy)
    assert problem.where == "model.init"
    prior = load_recipe("cifar10_longtail/short/resnet32_ce", ["model={name: resnet, prior: 0.1, init: xavier}"])
    assert "model.prior=0.1 has no effect: it is read only with init=own." in remarks(prior)
    with pytest.raises(RecipeError, match=r"model\.init"):
        load_recipe("scenes/colourize", ["model.init=xaviar"])
