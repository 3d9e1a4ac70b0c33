"""Weights against the formulas of their papers."""

from math import sqrt

import pytest
import torch
from torch import nn

from pixelwise.models.initialise import he_normal, small_scores, xavier_uniform


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(16, 48, 3), nn.ConvTranspose2d(32, 24, 3), nn.Linear(300, 500), nn.BatchNorm2d(4))


def test_xavier_fills_its_interval_evenly(network):
    xavier_uniform(network)
    for layer, fans in zip(network, [(16 * 9, 48 * 9), (32 * 9, 24 * 9), (300, 500)], strict=False):
        bound = sqrt(6 / sum(fans))
        assert layer.weight.abs().max() <= bound
        assert layer.weight.abs().max() > 0.99 * bound
        assert layer.weight.std().item() == pytest.approx(bound / sqrt(3), rel=0.03)
        assert not layer.bias.any()


def test_he_has_its_variance(network):
    he_normal(network)
    assert network[0].weight.var().item() == pytest.approx(2 / (48 * 9), rel=0.06)
    assert network[2].weight.var().item() == pytest.approx(2 / 500, rel=0.02)
    assert not network[0].bias.any()


def test_norms_are_left_alone(network):
    xavier_uniform(network)
    assert torch.equal(network[3].weight, torch.ones(4))


def test_small_scores_are_as_large_as_what_is_read():
    torch.manual_seed(0)
    layer = nn.Linear(4000, 10)
    small_scores(layer)
    with torch.no_grad():
        assert 0.8 < layer(torch.randn(200, 4000)).std() < 1.2
    assert not layer.bias.any()


def test_fixed_weights_are_never_drawn_over():
    layer = nn.Conv2d(2, 3, 1)
    fixed = layer.weight.detach().clone()
    del layer.weight
    layer.register_buffer("weight", fixed.clone())
    for draw in (xavier_uniform, he_normal):
        draw(nn.Sequential(layer, nn.Conv2d(3, 3, 1)))
        assert torch.equal(layer.weight, fixed)
