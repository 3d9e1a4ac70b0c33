"""What every classifier on the shelf owes: a row of scores a picture, every parameter in use, the same bits twice."""

import pytest
import torch

from pixelwise.errors import ShapeError
from pixelwise.models import MODELS
from pixelwise.models.describe import describe
from small_models import options_of

CLASSES = 5
CLASSIFIERS = [name for name in MODELS if MODELS.declared(name)["gives"] == "picture"]


@pytest.fixture(params=sorted(CLASSIFIERS))
def name(request):
    return request.param


@pytest.fixture
def build(name, monkeypatch):
    monkeypatch.setenv("PIXELWISE_ALLOW", "small_models")

    def build(in_channels=3, out_channels=CLASSES, **options):
        torch.manual_seed(1)
        return MODELS.build(name, in_channels, out_channels, **options_of(name), **options)

    return build


@pytest.fixture
def model(build):
    return build()


@pytest.mark.parametrize("size", [(32, 32), (20, 33), (9, 8)], ids=str)
def test_a_row_of_scores_a_picture_at_any_size(build, name, size):
    """A fully connected layer fits one size, which is then an option."""
    options = {"size": size} if "size" in MODELS.signature(name).options else {}
    model = build(**options).eval()
    with torch.no_grad():
        assert model(torch.randn(2, 3, *size)).shape == (2, CLASSES)
        if options:
            with pytest.raises(ShapeError, match=f"made for {size[1]}×{size[0]}"):
                model(torch.randn(2, 3, size[0] + 1, size[1]))


@pytest.mark.parametrize("channels", [(1, 2), (4, 1)])
def test_any_number_of_channels(build, channels):
    with torch.no_grad():
        assert build(*channels).eval()(torch.randn(2, channels[0], 32, 32)).shape == (2, channels[1])


def test_gradients_reach_every_parameter(model):
    with torch.no_grad():
        for parameter in model.parameters():  # a scale that begins at 0 on purpose would hide what lies behind it
            parameter.add_(0.05 * torch.randn_like(parameter))
    out = model(torch.randn(4, 3, 32, 32))
    (out * torch.randn_like(out)).sum().backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_evaluation_is_deterministic_and_a_picture_is_scored_alone_as_in_its_batch(model):
    model.double().eval()
    x = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        first, second, alone = model(x), model(x), model(x[1:2])
        last = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    assert torch.equal(first, second)
    torch.testing.assert_close(alone, first[1:2], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(last, first, rtol=1e-9, atol=1e-9)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_seed_decides_the_weights_and_state_goes_round(build):
    first, second = build(), build()
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.1)
    second.load_state_dict(first.state_dict())
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(first.eval()(x), second.eval()(x))


def test_its_description_counts_as_torch_does(model):
    rows = describe(model, (3, 32, 32))
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in model.parameters())
    assert rows[-1].out_channels == CLASSES
