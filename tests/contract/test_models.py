"""What every dense model on the shelf owes: any size in, the same size out, every parameter in use, the same bits twice.

Classifiers have their own contract, test_classifiers.py, and so do baselines: tests/models/test_baselines.py.
"""

import copy

import pytest
import torch
from torch.nn import functional

from pixelwise.models import MODELS
from pixelwise.models.describe import describe
from small_models import options_of

SIZES = [(1, 1), (1, 9), (7, 1), (16, 16), (31, 33), (64, 64), (65, 97)]
CLASSES = 5
BASELINES = {"pixel_frequency", "majority"}
DENSE = [name for name in MODELS if MODELS.declared(name)["gives"] == "pixel" and name not in BASELINES]


@pytest.fixture(params=sorted(DENSE))
def build(request, monkeypatch):
    """The builder of one model, made small."""
    monkeypatch.setenv("PIXELWISE_ALLOW", "small_models")

    def build(in_channels=3, out_channels=CLASSES):
        torch.manual_seed(1)
        return MODELS.build(request.param, in_channels, out_channels, **options_of(request.param))

    return build


@pytest.fixture
def model(build, request, pristine):
    """A copy of the model, which is built once."""
    name = request.node.callspec.params["build"]
    if name not in pristine:
        pristine[name] = build()
    torch.manual_seed(2)
    return copy.deepcopy(pristine[name])


@pytest.fixture(scope="module")
def pristine():
    return {}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_any_height_and_width_comes_out_as_it_went_in(model, size):
    model.eval()
    with torch.no_grad():
        assert model(torch.randn(1, 3, *size)).shape == (1, CLASSES, *size)


@pytest.mark.parametrize("channels", [(1, 2), (4, 1)])
def test_any_number_of_channels(build, channels):
    model = build(*channels).eval()
    with torch.no_grad():
        assert model(torch.randn(2, channels[0], 40, 24)).shape == (2, channels[1], 40, 24)


def test_padding_to_the_stride_by_hand_changes_nothing(model):
    model.eval()
    x = torch.randn(1, 3, 21, 37)
    padded = functional.pad(x, (0, -37 % model.stride, 0, -21 % model.stride))
    with torch.no_grad():
        assert torch.equal(model(x), model(padded)[..., :21, :37])


def test_gradients_reach_every_parameter(model):
    with torch.no_grad():
        for parameter in model.parameters():  # a scale that begins at 0 on purpose would hide what lies behind it
            parameter.add_(0.05 * torch.randn_like(parameter))
    out = model(torch.randn(2, 3, 65, 97))
    (out * torch.randn_like(out)).sum().backward()
    lost = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not lost


def test_gradients_are_finite_from_the_first_step(model):
    model(torch.randn(2, 3, 33, 47)).square().mean().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_evaluation_is_deterministic_and_leaves_no_trace(model):
    model.eval()
    x = torch.randn(2, 3, 33, 47)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        first, second = model(x), model(x)
    assert torch.equal(first, second)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_picture_is_scored_alone_as_in_its_batch(model):
    model.double().eval()
    x = torch.randn(3, 3, 33, 47, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(model(x)[1:2], model(x[1:2]), rtol=1e-9, atol=1e-9)


def test_state_goes_round(build):
    first, second = build().eval(), build().eval()
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.1)
        x = torch.randn(1, 3, 32, 32)
        assert not torch.equal(first(x), second(x))
        second.load_state_dict(first.state_dict())
        assert torch.equal(first(x), second(x))


def test_the_seed_decides_the_weights(build):
    first, second = build().state_dict(), build().state_dict()
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_channels_last_gives_the_same(model):
    model.double().eval()
    x = torch.randn(2, 3, 33, 47, dtype=torch.float64)
    with torch.no_grad():
        expected = model(x)
        model.to(memory_format=torch.channels_last)
        got = model(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


def test_its_description_counts_as_torch_does(model):
    rows = describe(model, (3, 64, 64))
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in model.parameters())
    assert rows[0].in_channels == 3
    assert rows[-1].out_channels == CLASSES
