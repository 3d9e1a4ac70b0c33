"""Optimizers against torch where the two agree, and against the formula where they do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixelwise.errors import ShapeError
from pixelwise.scratch.optim import SGD, Adam


def follow(optimizer, rates, decay_on=("0.weight",)):
    """Weights after some steps with gradients 2·w + 1."""
    weights = {"0.weight": np.array([1.0, -2.0, 3.0]), "0.bias": np.array([0.5])}
    for rate in rates:
        optimizer.update(weights, {name: 2 * value + 1 for name, value in weights.items()}, rate)
    return weights


def follow_torch(build, rates):
    tensors = [torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64), torch.tensor([0.5], dtype=torch.float64)]
    optimizer = build([{"params": [tensors[0]], "weight_decay": 0.1}, {"params": [tensors[1]], "weight_decay": 0.0}])
    for rate in rates:
        for group in optimizer.param_groups:
            group["lr"] = rate
        for tensor in tensors:
            tensor.grad = 2 * tensor + 1
        optimizer.step()
    return [tensor.numpy() for tensor in tensors]


def test_adam_is_torchs():
    rates = [0.1, 0.1, 0.05, 0.2]
    ours = follow(Adam(decay=0.1), rates)
    for value, expected in zip(ours.values(), follow_torch(torch.optim.Adam, rates), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-7)
    ours = follow(Adam(decay=0.1, mean_decay=0.8, square_decay=0.9, epsilon=0.1), rates)
    expected = follow_torch(lambda groups: torch.optim.Adam(groups, betas=(0.8, 0.9), eps=0.1), rates)
    for value, reference in zip(ours.values(), expected, strict=True):
        np.testing.assert_allclose(value, reference, rtol=1e-10)


def test_sgd_is_torchs_while_the_rate_stays():
    ours = follow(SGD(momentum=0.9, decay=0.1), [0.05] * 5)
    expected = follow_torch(lambda groups: torch.optim.SGD(groups, momentum=0.9), [0.05] * 5)
    for value, reference in zip(ours.values(), expected, strict=True):
        np.testing.assert_allclose(value, reference, rtol=1e-12)


def test_sgd_keeps_the_rate_inside_the_velocity():
    """By hand: w = 1, g = 2w + 1, β = ½, η = 0.1 then 0."""
    weights = {"weight": np.array([1.0])}
    optimizer = SGD(momentum=0.5)
    optimizer.update(weights, {"weight": np.array([3.0])}, 0.1)
    assert np.allclose(weights["weight"], 0.7)
    optimizer.update(weights, {"weight": np.array([2.4])}, 0.0)
    assert np.allclose(weights["weight"], 0.7 - 0.15)


@pytest.mark.parametrize("build", [lambda: SGD(momentum=0.9, decay=0.1), lambda: Adam(decay=0.1)])
def test_a_state_goes_on_where_it_was(build):
    rates = [0.1, 0.05, 0.2, 0.1]
    whole = follow(build(), rates)
    weights = follow(first := build(), rates[:2])
    second = build()
    second.load_state({name: value.copy() for name, value in first.state().items()})
    for rate in rates[2:]:
        second.update(weights, {name: 2 * value + 1 for name, value in weights.items()}, rate)
    for name in whole:
        np.testing.assert_array_equal(weights[name], whole[name])


def test_float32_weights_stay_float32():
    for optimizer in (SGD(momentum=0.9, decay=0.1), Adam(decay=0.1)):
        weights = {"weight": np.ones(3, np.float32)}
        optimizer.update(weights, {"weight": np.ones(3, np.float32)}, 0.1)
        assert {value.dtype for name, value in optimizer.state().items() if name != "steps"} == {np.dtype(np.float32)}


def test_misfits_are_explained():
    with pytest.raises(ShapeError, match=r"weight has no gradient"):
        SGD().update({"weight": np.ones(3)}, {}, 0.1)
    with pytest.raises(ShapeError, match=r"the gradient of weight has shape \(1,\), but \(3,\)"):
        Adam().update({"weight": np.ones(3)}, {"weight": np.ones(1)}, 0.1)
    with pytest.raises(ShapeError, match="momentum must be at least 0 and below 1, not 1"):
        SGD(momentum=1)
    with pytest.raises(ShapeError, match="square_decay"):
        Adam(square_decay=1.5)
