"""Every layer against the torch layer of the same name: outputs, gradients, statistics; and their words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixelwise.errors import ShapeError
from pixelwise.scratch.layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sigmoid,
)

PICTURES = (4, 6, 9, 8)
PAIRS = [
    (Conv2d(6, 5, 3, stride=2, padding=1), torch.nn.Conv2d(6, 5, 3, stride=2, padding=1)),
    (Conv2d(6, 5, (3, 2), dilation=2, bias=False), torch.nn.Conv2d(6, 5, (3, 2), dilation=2, bias=False)),
    (Conv2d(6, 4, 3, groups=2, stride=(1, 2)), torch.nn.Conv2d(6, 4, 3, groups=2, stride=(1, 2))),
    (
        ConvTranspose2d(6, 4, 4, stride=2, padding=1, output_padding=1, groups=2),
        torch.nn.ConvTranspose2d(6, 4, 4, stride=2, padding=1, output_padding=1, groups=2),
    ),
    (BatchNorm2d(6), torch.nn.BatchNorm2d(6)),
    (MaxPool2d(3, stride=2, padding=1), torch.nn.MaxPool2d(3, 2, 1)),
    (MaxPool2d(2, dilation=2), torch.nn.MaxPool2d(2, dilation=2)),
    (AvgPool2d((2, 3), padding=1), torch.nn.AvgPool2d((2, 3), padding=1)),
    (ReLU(), torch.nn.ReLU()),
    (Sigmoid(), torch.nn.Sigmoid()),
    (Flatten(), torch.nn.Flatten()),
]
NAMES = {"scale": "weight", "shift": "bias"}


def same(ours, theirs):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-9, atol=1e-12)


def compare(layer, module, x):
    module.double()
    layer.initialise(np.random.default_rng(1), np.float64)
    for name, value in layer.parameters.items():
        value += 0.1 * np.random.default_rng(2).standard_normal(value.shape)
        getattr(module, NAMES.get(name, name)).data = torch.from_numpy(value.copy())
    out, cache = layer.forward(x, np.random.default_rng(3))
    tensor = torch.from_numpy(x).requires_grad_()
    expected = module(tensor)
    same(out, expected)
    assert out.shape[1:] == layer.output_shape(x.shape[1:])
    dout = np.random.default_rng(4).standard_normal(out.shape)
    expected.backward(torch.from_numpy(dout))
    dx, gradients = layer.backward(dout, cache)
    same(dx, tensor.grad)
    assert gradients.keys() == layer.parameters.keys() == layer.parameter_gradients(dout, cache).keys()
    for name, gradient in gradients.items():
        same(gradient, getattr(module, NAMES.get(name, name)).grad)
        np.testing.assert_array_equal(gradient, layer.parameter_gradients(dout, cache)[name])


@pytest.mark.parametrize(("layer", "module"), PAIRS, ids=[f"{layer!r}" for layer, _ in PAIRS])
def test_a_layer_is_the_torch_layer(layer, module):
    compare(layer, module, np.random.default_rng(0).standard_normal(PICTURES))


def test_linear_and_winograd_are_the_torch_layers():
    rng = np.random.default_rng(0)
    compare(Linear(7, 3), torch.nn.Linear(7, 3), rng.standard_normal((5, 7)))
    compare(Linear(7, 3, bias=False), torch.nn.Linear(7, 3, bias=False), rng.standard_normal((5, 7)))
    layer = Conv2d(20, 21, 3, padding=(1, 2))
    assert layer.algorithm == "winograd"
    compare(layer, torch.nn.Conv2d(20, 21, 3, padding=(1, 2)), rng.standard_normal((2, 20, 7, 6)))


def test_algorithms_are_chosen_by_what_they_can_compute():
    def choice(*arguments, **options):
        return Conv2d(*arguments, **options).algorithm

    assert choice(20, 20, 3, padding=1) == choice(16, 27, 3) == choice(20, 20, 5) == choice(20, 20, 4) == "winograd"
    assert choice(19, 20, 3, padding=1) == choice(16, 26, 3) == choice(3, 64, 3) == "unfold"
    assert choice(64, 64, 3, stride=2) == choice(64, 64, 3, dilation=2) == choice(64, 64, 3, padding=3) == "unfold"
    assert choice(64, 64, 2) == choice(64, 64, 6) == choice(64, 64, (3, 1)) == choice(64, 64, (3, 5)) == "unfold"
    assert choice(64, 64, 3, groups=2) == "grouped"


def test_running_statistics_and_prediction_are_torchs():
    layer, module = BatchNorm2d(6, momentum=0.3, epsilon=1e-3), torch.nn.BatchNorm2d(6, momentum=0.3, eps=1e-3).double()
    layer.initialise(np.random.default_rng(0), np.float64)
    for seed in range(3):
        x = 2 + np.random.default_rng(seed).standard_normal((3, 6, 4, 4))
        layer.forward(x, np.random.default_rng(0))
        module(torch.from_numpy(x))
    same(layer.statistics["mean"], module.running_mean)
    same(layer.statistics["variance"], module.running_var)
    before = layer.statistics["mean"].copy()
    out, cache = layer.forward(x)
    module.eval()
    tensor = torch.from_numpy(x).requires_grad_()
    expected = module(tensor)
    same(out, expected)
    expected.sum().backward()
    same(layer.backward(np.ones_like(out), cache)[0], tensor.grad)
    np.testing.assert_array_equal(layer.statistics["mean"], before)


def test_dropout_drops_in_training_only():
    layer, x = Dropout(0.5), np.ones((50, 50))
    out, cache = layer.forward(x)
    assert out is x
    assert layer.backward(x, cache)[0] is x
    out, cache = layer.forward(x, np.random.default_rng(0))
    assert set(np.unique(out)) == {0, 2}
    np.testing.assert_array_equal(layer.backward(x, cache)[0], out)
    assert layer.output_shape((3, 4, 5)) == (3, 4, 5)
    with pytest.raises(ShapeError, match="below 1, not 1"):
        Dropout(1.0)


def test_weights_are_drawn_with_a_spread_that_fits():
    layer = Conv2d(64, 64, 3)
    layer.initialise(np.random.default_rng(0))
    weight = layer.parameters["weight"]
    assert weight.dtype == np.float32
    assert np.isclose(weight.std(), np.sqrt(2 / (64 * 9)), rtol=0.02)
    assert not layer.parameters["bias"].any()
    layer.initialise(np.random.default_rng(0), np.float64, 1e-3)
    assert np.isclose(layer.parameters["weight"].std(), 1e-3, rtol=0.02)
    layer = Conv2d(64, 64, 3, groups=4)
    layer.initialise(np.random.default_rng(0))
    assert np.isclose(layer.parameters["weight"].std(), np.sqrt(2 / (16 * 9)), rtol=0.02)
    layer = ConvTranspose2d(64, 64, 4, stride=2)
    layer.initialise(np.random.default_rng(0))
    assert np.isclose(layer.parameters["weight"].std(), np.sqrt(2 / (64 * 4)), rtol=0.02)


def test_a_layer_reads_as_a_line():
    layers = [Conv2d(3, 8, 3, stride=2, padding=(1, 0), dilation=2), Conv2d(4, 8, (3, 1), groups=2), MaxPool2d(2)]
    assert [repr(layer) for layer in layers] == [
        "Conv2d 3→8 3×3 stride 2 padding 1×0 dilation 2",
        "Conv2d 4→8 3×1 groups 2",
        "MaxPool2d 2×2 stride 2",
    ]
    others = [ConvTranspose2d(3, 4, 2, stride=2), Linear(3, 4), BatchNorm2d(3), AvgPool2d(2), Dropout(0.25), Flatten()]
    assert [repr(layer) for layer in others] == [
        "ConvTranspose2d 3→4 2×2 stride 2",
        "Linear 3→4",
        "BatchNorm2d 3",
        "AvgPool2d 2×2 stride 2",
        "Dropout 0.25",
        "Flatten",
    ]


def test_misfits_are_explained():
    x = np.zeros((1, 3, 4, 4), np.float32)
    for layer in (Conv2d(3, 4, 3), BatchNorm2d(3)):
        with pytest.raises(ShapeError, match=r"has no weights yet. Call initialise, or put it into a Network"):
            layer.forward(x)
    with pytest.raises(ShapeError, match="reads 3 channels, but gets 4"):
        Conv2d(3, 4, 3).output_shape((4, 8, 8))
    with pytest.raises(ShapeError, match="reads pictures"):
        MaxPool2d(2).output_shape((8,))
    with pytest.raises(ShapeError, match=r"reads 48 numbers, but gets 3×4×4 = 48. Put a Flatten before it"):
        Linear(48, 2).output_shape((3, 4, 4))
