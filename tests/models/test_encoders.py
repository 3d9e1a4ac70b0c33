"""What every encoder owes: maps of the announced sizes, and parts with the names of its public weights."""

import os

import pytest
import torch
import torchvision
from torch import nn

from pixelwise.errors import RecipeError, ShapeError
from pixelwise.models.encoders import ENCODERS, build_encoder, timm_names
from pixelwise.models.encoders.base import Encoder
from pixelwise.models.encoders.timm_encoders import timm


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_maps_have_the_sizes_and_channels_that_are_announced(name):
    encoder = build_encoder(name, 2).eval()
    for height, width in [(64, 32), (33, 47)]:
        with torch.no_grad():
            maps = encoder(torch.randn(1, 2, height, width))
        wanted = [(c, -(-height // s), -(-width // s)) for c, s in zip(encoder.channels, encoder.strides, strict=True)]
        assert [tuple(one.shape[1:]) for one in maps] == wanted
    assert list(encoder.strides) == sorted(set(encoder.strides))
    assert encoder.name == name


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "convnext_atto"])
def test_maps_are_those_of_timm_s_own_features_under_timm_s_names(name):
    encoder, other = build_encoder(name, 3).eval(), timm().create_model(name, features_only=True).eval()
    whole = timm().create_model(name)
    shapes = {key: tensor.shape for key, tensor in whole.state_dict().items()}
    assert all(shapes[key] == tensor.shape for key, tensor in encoder.model.state_dict().items())
    other.load_state_dict({key.replace(".", "_", dots(name, key)): v for key, v in encoder.model.state_dict().items()})
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        for ours, theirs in zip(encoder(x), other(x), strict=True):
            assert torch.equal(ours, theirs)


def dots(name: str, key: str) -> int:
    """How many dots timm's list of features writes as underscores: it flattens the parts `stem` and `stages`."""
    return 1 if name == "convnext_atto" and key.startswith(("stem", "stages")) else 0


# Of every 2 or 4 places of a dilated map, the first one that the undilated map has. Padding decides it: a symmetric one keeps
# place 0, that of TensorFlow, which pads the end, the last one; that of ConvNeXt's 2×2 convolutions depends on the dilation.
FIRST = {
    "tf_efficientnet_lite0": {1: 0, 2: 1, 4: 3},
    "resnet18": {1: 0, 2: 0, 4: 0},
    "convnext_atto": {1: 0, 2: 0, 4: 1},
}
PAIRS = [(name, 8) for name in FIRST] + [("tf_efficientnet_lite0", 16), ("resnet18", 16)]


@pytest.mark.parametrize(("name", "output_stride"), PAIRS)
def test_a_dilated_encoder_gives_the_undilated_values_between_others(name, output_stride):
    plain, dilated = build_encoder(name, 3).eval(), build_encoder(name, 3, output_stride).eval()
    assert dilated.channels == plain.channels
    assert dilated.levels == plain.strides
    assert dilated.strides == tuple(min(stride, output_stride) for stride in plain.strides)
    randomise(plain)
    dilated.load_state_dict(plain.state_dict())
    with torch.no_grad():
        x = torch.randn(1, 3, 64, 96)
        for ours, theirs, fine, coarse in zip(dilated(x), plain(x), dilated.strides, plain.strides, strict=True):
            assert ours.shape[2:] == (64 // fine, 96 // fine)
            step = coarse // fine
            first = FIRST[name][step]
            torch.testing.assert_close(ours[..., first::step, first::step], theirs, rtol=1e-3, atol=1e-4)
        narrow = dilated(torch.randn(1, 3, 33, 47))
    assert [tuple(one.shape[2:]) for one in narrow] == [(-(-33 // s), -(-47 // s)) for s in dilated.strides]


def randomise(encoder: Encoder) -> None:
    """Weights and statistics that let every layer count."""
    torch.manual_seed(3)
    for layer in encoder.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 1.5)
            layer.bias.data.normal_(std=0.1)
    for name, parameter in encoder.named_parameters():
        if name.endswith("gamma"):  # of ConvNeXt's blocks, which begin as good as switched off
            parameter.data.fill_(0.5)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("vgg11", "timm's model 'vgg11' has no dilated form with output_stride 16: AssertionError"),
        ("efficientformer_l1", "timm's model 'efficientformer_l1' has no dilated form with output_stride 16"),
        ("mobilenetv3_large_100", "read 16, but encoder 'mobilenetv3_large_100' has no dilated form"),
        (
            "squeezenet1_0",
            r"model\.output_stride: read 16, but encoder 'squeezenet1_0' has no dilated form.*Leave it out, or .* resnet18",
        ),
    ],
)
def test_an_encoder_that_cannot_be_dilated(name, what):
    with pytest.raises(RecipeError, match=what):
        build_encoder(name, 3, 16)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "volo_d1_224"])  # timm asserts the size of the first alone
def test_an_encoder_for_one_size_names_it(name):
    encoder = build_encoder(name, 3)
    said = f"encoder '{name}' takes only pictures of 224×224 .width × height.; it was given one of 72×60"
    with torch.no_grad(), pytest.raises(ShapeError, match=rf"model\.encoder: {said}\. Set data\.size=\[224, 224\]"):
        encoder(torch.zeros(1, 3, 60, 72))


def test_a_fault_of_another_kind_is_not_taken_for_the_size(monkeypatch):
    encoder = build_encoder("vit_tiny_patch16_224", 3)

    def fail(*given, **options):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(encoder, "maps", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        encoder(torch.zeros(1, 3, 60, 72))


def test_squeezenet_is_torchvision_s():
    encoder, whole = build_encoder("squeezenet1_0", 3).eval(), torchvision.models.squeezenet1_0()
    state = {key: v for key, v in whole.state_dict().items() if not key.startswith("classifier")}
    encoder.model.load_state_dict(state)
    whole.features[0].padding = (3, 3)
    with torch.no_grad():
        x = torch.randn(1, 3, 64, 64)
        assert torch.equal(encoder(x)[-1], whole.features(x))


def test_any_model_of_timm_with_feature_maps_is_an_encoder():
    assert {"resnet26", "vit_tiny_patch16_224", *ENCODERS} - {"squeezenet1_0"} <= timm_names()
    assert build_encoder("resnet10t", 3).channels[-1] == 512


def test_a_model_of_timm_without_feature_maps(monkeypatch):
    def refuse(*names, **options):
        raise RuntimeError("no forward_intermediates")

    monkeypatch.setattr(timm(), "create_model", refuse)
    with pytest.raises(RecipeError, match="'resnet26' gives no feature maps: no forward_intermediates"):
        build_encoder("resnet26", 3)


def test_a_name_that_does_not_exist():
    with pytest.raises(RecipeError, match="unknown encoder 'resnet81'") as refused:
        build_encoder("resnet81", 3)
    assert "resnet18" in str(refused.value)


def test_maps_that_are_not_what_was_announced_are_refused():
    class Wrong(Encoder):
        def maps(self, x):
            return [self.model(x)]

    with pytest.raises(ShapeError, match=r"gives a map of \(4, 8, 8\) where \(4, 4, 4\) was announced"):
        Wrong("wrong", nn.Conv2d(3, 4, 1), (4,), (2,))(torch.zeros(1, 3, 8, 8))
    with pytest.raises(ShapeError, match="maps at strides 12, 17; each must divide the largest one"):
        Wrong("wrong", nn.Conv2d(3, 4, 1), (4, 4), (12, 17))


def test_the_hub_s_telemetry_is_off():
    from huggingface_hub import constants, utils

    timm()
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert constants.HF_HUB_DISABLE_TELEMETRY
    assert "torch" not in utils.build_hf_headers()["user-agent"]  # what it tells of the machine otherwise


def test_the_seed_decides_the_weights():
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(build_encoder("squeezenet1_0", 3).state_dict())
    first, again, other = states
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["model.features.0.weight"], other["model.features.0.weight"])
