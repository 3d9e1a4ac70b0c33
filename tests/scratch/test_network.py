"""A network against torch, its gradients, its weights on disk, and its words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixelwise.errors import ShapeError
from pixelwise.scratch import functional
from pixelwise.scratch.gradcheck import gradcheck
from pixelwise.scratch.layers import BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sigmoid
from pixelwise.scratch.network import Network


def small(**options):
    layers = [
        Conv2d(3, 20, 3, padding=1),
        BatchNorm2d(20),
        Sigmoid(),
        Conv2d(20, 20, 3, padding=1),
        ReLU(),
        MaxPool2d(2),
        Dropout(0.3),
        Flatten(),
        Linear(20 * 12, 4),
    ]
    return Network(layers, (3, 6, 8), **options)


def test_all_gradients_are_central_differences():
    network = small(dtype=np.float64)
    rng = np.random.default_rng(0)
    x, targets = rng.standard_normal((3, 3, 6, 8)), rng.integers(0, 4, 3)

    def run():
        out, caches = network.forward(x, np.random.default_rng(7))  # the same draws every time
        loss, cache = functional.softmax_cross_entropy(out, targets)
        return loss, cache, caches

    _, cache, caches = run()
    dout = functional.softmax_cross_entropy_backward(1.0, cache)
    gradients = network.backward(dout, caches)
    dx = dout
    for layer, layer_cache in zip(reversed(network.layers), reversed(caches), strict=True):
        dx, _ = layer.backward(dx, layer_cache)
    checks = gradcheck(lambda: run()[0], network.parameters | {"x": x}, gradients | {"x": dx}, entries=20, step=1e-6)
    assert len(checks) == 9
    # The bias before a batch norm has gradient 0: what is measured there is rounding alone.
    assert max(check.error for check in checks if check.name != "0.bias") < 1e-7, checks[0]
    assert np.abs(gradients["0.bias"]).max() < 1e-12
    assert list(gradients) == list(network.parameters)


def test_the_courses_network_is_torchs():
    """Conv 3→32 k5 padding 1, ReLU, MaxPool 2, Linear 7200→10."""
    layers = [Conv2d(3, 32, 5, padding=1), ReLU(), MaxPool2d(2), Flatten(), Linear(7200, 10)]
    network = Network(layers, (3, 32, 32), deviation=1e-2, dtype=np.float64)
    modules = [torch.nn.Conv2d(3, 32, 5, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
    twin = torch.nn.Sequential(*modules, torch.nn.Flatten(), torch.nn.Linear(7200, 10)).double()
    twin.load_state_dict({name: torch.from_numpy(value) for name, value in network.parameters.items()})
    rng = np.random.default_rng(0)
    x, targets = rng.uniform(0, 255, (2, 3, 32, 32)), np.array([3, 9])
    out, caches = network.forward(x)
    loss, cache = functional.softmax_cross_entropy(out, targets)
    expected = torch.nn.functional.cross_entropy(twin(torch.from_numpy(x)), torch.from_numpy(targets))
    assert np.isclose(loss, expected.item(), rtol=1e-10)
    expected.backward()
    gradients = network.backward(functional.softmax_cross_entropy_backward(1.0, cache), caches)
    assert sum(value.size for value in network.parameters.values()) == 74_442
    for name, tensor in twin.named_parameters():
        np.testing.assert_allclose(gradients[name], tensor.grad.numpy(), rtol=1e-8, atol=1e-11)


def test_a_second_forward_does_not_spoil_the_first_caches():
    network = small()
    rng = np.random.default_rng(0)
    x, other = rng.standard_normal((2, 4, 3, 6, 8)).astype(np.float32)
    out, caches = network.forward(x, np.random.default_rng(1))
    dout = np.ones_like(out)
    first = {name: value.copy() for name, value in network.backward(dout, caches).items()}
    network.forward(other, np.random.default_rng(2))
    second = network.backward(dout, caches)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_the_seed_decides_the_weights_and_the_draws():
    one, two, other = small(seed=1), small(seed=1), small(seed=2)
    for name in one.parameters:
        np.testing.assert_array_equal(one.parameters[name], two.parameters[name])
    assert (one.parameters["0.weight"] != other.parameters["0.weight"]).all()
    twice = Network([Conv2d(3, 3, 1), Conv2d(3, 3, 1)], (3, 2, 2)).parameters
    assert (twice["0.weight"] != twice["1.weight"]).all()
    x = np.ones((2, 3, 6, 8), np.float32)
    np.testing.assert_array_equal(one.forward(x)[0], two.forward(x)[0])


def test_threads_give_the_same_gradients():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 3, 6, 8)).astype(np.float32)
    found = []
    for threads in (1, 2):
        network = small(threads=threads)
        out, caches = network.forward(x)
        found.append(network.backward(np.ones_like(out), caches))
    for name in found[0]:
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-3, atol=1e-4)


def test_a_network_without_linear_layers_reads_any_size():
    network = Network([Conv2d(3, 4, 3, padding=1), ReLU(), Conv2d(4, 2, 1)], (3, 8, 8))
    assert network.forward(np.zeros((1, 3, 5, 11), np.float32))[0].shape == (1, 2, 5, 11)


def test_the_state_of_one_network_fits_another():
    network, other = small(seed=1), small(seed=2)
    network.forward(np.random.default_rng(0).standard_normal((4, 3, 6, 8)).astype(np.float32), np.random.default_rng(0))
    other.load_state(network.state())
    assert list(network.state())[-2:] == ["1.mean", "1.variance"]
    for name, value in network.state().items():
        np.testing.assert_array_equal(value, other.state()[name])


def test_a_state_that_does_not_fit_changes_nothing():
    network = small()
    before = {name: value.copy() for name, value in network.state().items()}
    state = {name: value + 1 for name, value in before.items()}
    del state["0.bias"]
    state["9.weight"] = np.ones(3)
    state["8.bias"] = np.ones(5, np.float32)
    state["8.weight"] = state["8.weight"].astype(np.float64)
    with pytest.raises(ShapeError) as raised:
        network.load_state(state)
    lines = str(raised.value).splitlines()
    assert len(lines) == 4
    assert "  - 0.bias: is missing." in lines
    assert "  - 9.weight: is not part of this network." in lines
    assert "  - 8.bias: is (5,) float32, but this network needs (4,) float32." in lines
    for name, value in network.state().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_network_reads_as_a_table():
    network = Network([Conv2d(3, 32, 5, padding=1), ReLU(), MaxPool2d(2), Flatten(), Linear(7200, 10)], (3, 32, 32))
    assert repr(network).splitlines() == [
        "   input                       3×32×32",
        "0  Conv2d 3→32 5×5 padding 1  32×30×30   2,432",
        "1  ReLU                       32×30×30",
        "2  MaxPool2d 2×2 stride 2     32×15×15",
        "3  Flatten                        7200",
        "4  Linear 7200→10                   10  72,010",
        "                               learned  74,442",
    ]


def test_layers_that_do_not_fit_are_named():
    with pytest.raises(ShapeError) as raised:
        Network([Conv2d(3, 8, 3), ReLU(), Conv2d(4, 8, 3)], (3, 8, 8))
    assert str(raised.value) == "layer 2 (Conv2d 4→8 3×3) after 8×6×6: Conv2d 4→8 3×3 reads 4 channels, but gets 8."
    with pytest.raises(ShapeError, match=r"layer 1 \(MaxPool2d 9×9 stride 9\) after 8×6×6: height: a kernel of 9"):
        Network([Conv2d(3, 8, 3), MaxPool2d(9)], (3, 8, 8))
    with pytest.raises(ShapeError, match="at least one layer"):
        Network([], (3, 8, 8))
    relu = ReLU()
    with pytest.raises(ShapeError, match="contains a layer twice"):
        Network([relu, relu], (3, 8, 8))
    with pytest.raises(ShapeError, match="2 caches for 9 layers"):
        small().backward(np.zeros((1, 4), np.float32), [None, None])
