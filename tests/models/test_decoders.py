"""Decoders on encoders: only new layers are initialised, and each computes what its description says."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.models import segmentation

from pixelwise.errors import RecipeError
from pixelwise.models import MODELS
from pixelwise.models.decoders.encoder_fcn import EncoderFCN
from pixelwise.models.describe import describe
from small_models import ENCODER, options_of, strided

ON_ENCODERS = [name for name in MODELS if "encoder" in MODELS.signature(name).options]
BACKBONES = (*(pytest.param(name, marks=pytest.mark.slow) for name in ("resnet50", "resnet101")), "mobilenet_v3_large")


@pytest.fixture(autouse=True)
def allowed(monkeypatch):
    monkeypatch.setenv("PIXELWISE_ALLOW", "small_models")


def build(name, channels=3, classes=5, **options):
    torch.manual_seed(1)
    return MODELS.build(name, channels, classes, **options_of(name) | options)


@pytest.mark.parametrize("name", ON_ENCODERS)
def test_the_encoder_is_left_as_it_was_built(name):
    torch.manual_seed(1)
    alone = strided(3).state_dict()
    within = build(name).encoder.state_dict()
    assert list(within) == list(alone)
    assert all(torch.equal(value, alone[key]) for key, value in within.items())


@pytest.mark.parametrize("name", ON_ENCODERS)
def test_every_part_has_the_name_by_which_recipes_freeze_it(name):
    assert {part for part, child in build(name).named_children() if any(True for _ in child.state_dict())} <= {
        *("encoder", "decoder", "classifier"),
        *(("standardise", "linear") if name in ("fpn", "encoder_unet") else ()),
        *(("standardise", "fpn", "rpn", "roi_heads") if name.endswith("rcnn") else ()),
    }


@pytest.mark.parametrize("name", ["fpn", "linear_probe"])
@pytest.mark.parametrize(
    ("strides", "what"),
    [
        ((8, 64), "no map of stride 64; its strides are 2, 4, 8, 16, 32"),
        ((8, 4), "read 8, 4; write strides from fine to coarse"),
        ((), "no str"),
    ],
)
def test_strides_that_do_not_fit_are_refused(name, strides, what):
    with pytest.raises(RecipeError, match=what):
        build(name, strides=strides)


@pytest.mark.parametrize("name", ["fpn", "linear_probe"])
def test_a_dilated_encoder_needs_no_other_strides(name):
    """The same weights and strides fit; the maps are merged at their own sizes, and any size of picture goes through."""
    options = {"encoder": "resnet18", "strides": (8, 16, 32)}
    plain, dilated = (build(name, **options, output_stride=stride).eval() for stride in (32, 8))
    assert (plain.stride, dilated.stride) == (32, 8)
    dilated.load_state_dict(plain.state_dict())
    for part in dilated.classifier.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.normal_(part.weight)
    x = torch.randn(1, 3, 40, 45)
    with torch.no_grad():
        assert dilated(x).shape == (1, 5, 40, 45)
        maps = [dilated.encoder(functional.pad(x, (0, 3)))[place] for place in dilated.chosen]
        assert {tuple(one.shape[2:]) for one in maps} == {(5, 6)}
        if name == "linear_probe":
            scores = sum(part(one) for part, one in zip(dilated.classifier, maps, strict=True))
            large = functional.interpolate(scores, scale_factor=8, mode="bilinear", align_corners=False)
            torch.testing.assert_close(dilated(x), large[..., :45], rtol=1e-4, atol=1e-4)


def test_the_probe_is_one_linear_map_of_all_channels_side_by_side():
    probe = build("linear_probe", strides=(4, 8, 32), standardise="batch").eval()
    with torch.no_grad():
        for layer in probe.decoder:
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
        for part in probe.classifier:
            part.weight.normal_()
        probe.classifier[0].bias.normal_()
        x = torch.randn(2, 3, 64, 96)
        maps = [
            layer(found) for layer, found in zip(probe.decoder, [probe.encoder(x)[n] for n in (1, 2, 4)], strict=True)
        ]

        def twice(found, factor):
            return functional.interpolate(found, scale_factor=factor, mode="bilinear", align_corners=False)

        side_by_side = torch.cat([maps[0], twice(maps[1], 2), twice(twice(maps[2], 4), 2)], dim=1)
        weight = torch.cat([part.weight for part in probe.classifier], dim=1)
        expected = twice(functional.conv2d(side_by_side, weight, probe.classifier[0].bias), 4)
        torch.testing.assert_close(probe(x), expected, rtol=1e-4, atol=1e-4)


def test_a_frozen_encoder_gets_no_gradient_and_keeps_its_statistics():
    model = build("fpn").train()
    model.encoder.requires_grad_(False).eval()
    before = {key: value.clone() for key, value in model.encoder.state_dict().items()}
    model(torch.randn(2, 3, 64, 64)).square().mean().backward()
    assert all(parameter.grad is None for parameter in model.encoder.parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.encoder.state_dict().items())
    assert all(p.grad.abs().max() > 0 for part in (model.decoder, model.classifier) for p in part.parameters())


@pytest.mark.parametrize(
    ("name", "options", "strides"),
    [
        ("fpn", {"strides": (4, 8, 32)}, (4, 8, 32)),
        ("encoder_unet", {"finest": 1, "standardise": "batch", "linear": True}, (2, 4, 8, 16, 32)),
        ("encoder_unet", {"finest": 4, "standardise": "batch", "linear": True}, (4, 8, 16, 32)),
    ],
)
def test_the_decoder_begins_as_a_linear_probe(name, options, strides):
    """At the first step, both give the same scores if the decoder's classifier gives zeros."""
    model = build(name, **options).train()
    probe = build("linear_probe", strides=strides, standardise="batch").train()
    probe.encoder.load_state_dict(model.encoder.state_dict())
    with torch.no_grad():
        model.classifier.weight.zero_()
        for mine, its in zip(model.linear, probe.classifier, strict=True):
            assert not mine.weight.any()
            its.weight.copy_(nn.init.normal_(mine.weight))
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(model(x), probe(x))
    assert build(name, linear=False).linear is None


def test_the_pyramid_on_the_usual_encoder_costs_about_one_gmac():
    rows = describe(MODELS.build("fpn", 3, 21), (3, 224, 224))
    encoder, all_of_it = sum(r.macs for r in rows if r.layer.startswith("encoder.")), sum(r.macs for r in rows)
    assert encoder == 363_837_152
    assert all_of_it == pytest.approx(1e9, rel=0.01)


def test_the_fcn_decoder_is_that_of_basic_fcn():
    own = MODELS.build("encoder_fcn", 3, 21, encoder="resnet34").state_dict()
    course = MODELS.build("basic_fcn", 3, 21).state_dict()
    mine = {key: value.shape for key, value in own.items() if not key.startswith("encoder.")}
    assert mine == {key: value.shape for key, value in course.items() if not key.startswith("encoder.")}


def test_the_fcn_decoder_takes_an_encoder_of_stride_16():
    model = build("encoder_fcn", encoder="squeezenet1_0")
    assert [step[0].out_channels for step in model.decoder] == [256, 128, 64, 32]
    coarse = strided(3)
    coarse.strides = (4, 8, 16, 32, 64)
    with pytest.raises(RecipeError, match="coarsest stride is 64; the decoder doubles the size 1 to 5 times"):
        EncoderFCN(coarse, 5)


def test_the_unet_concatenates_every_map_and_ends_at_full_size():
    model = build("encoder_unet", width=4)
    shapes = [(step.factor, step.convolutions[0].in_channels) for step in model.decoder]
    assert shapes == [(2, 12 + 10), (2, 64 + 8), (2, 32 + 6), (2, 16 + 4), (2, 8)]
    assert [step.convolutions[0].out_channels for step in model.decoder] == [64, 32, 16, 8, 4]


def test_the_unet_can_end_at_a_quarter_of_the_size_and_reads_no_finer_map():
    model = build("encoder_unet", width=4, finest=4, standardise="batch").eval()
    assert [step.factor for step in model.decoder] == [2, 2, 2]
    assert len(model.standardise) == 4
    x = torch.randn(1, 3, 64, 96)
    quarter = model.decoder[-1].convolutions
    seen = []
    quarter.register_forward_hook(lambda _, __, out: seen.append(out))
    scores = model(x)
    assert seen[0].shape[1:] == (16, 16, 24)
    enlarged = functional.interpolate(model.classifier(seen[0]), scale_factor=4, mode="bilinear")
    torch.testing.assert_close(scores, enlarged)


@pytest.mark.parametrize("finest", [3, 32, 64])
def test_the_unet_ends_at_a_stride_of_the_encoder_only(finest):
    with pytest.raises(RecipeError, match=rf"is {finest}; the decoder can end at the strides 1, 2, 4, 8, 16"):
        build("encoder_unet", finest=finest)


def test_the_plain_network_is_a_unet_whose_skips_are_zero():
    with torch.no_grad():
        unet, plain = (build(name, width=4, depth=2).eval() for name in ("unet", "plain_cnn"))
        downs, ups = [plain.encoder[n] for n in (0, 2, 4)], list(plain.decoder)
        for mine, its in zip(downs, unet.down, strict=True):
            mine.load_state_dict(its.state_dict())
        for number, its in enumerate(unet.up):
            size = its.up.out_channels
            first = its.convolutions[0].weight
            first[:, :size] = 0  # of the skip
            ups[2 * number].load_state_dict(its.up.state_dict())
            state = its.convolutions.state_dict() | {"0.weight": first[:, size:]}
            ups[2 * number + 1].load_state_dict(state)
        plain.classifier.load_state_dict(unet.classifier.state_dict())
        x = torch.randn(1, 3, 20, 28)
        torch.testing.assert_close(plain(x), unet(x))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_deeplab_has_torchvisions_names_and_shapes(backbone):
    mine = MODELS.build("deeplabv3", 3, 2, backbone=backbone)
    its = getattr(segmentation, f"deeplabv3_{backbone}")(weights=None, weights_backbone=None, num_classes=21)
    grey = MODELS.build("deeplabv3", 1, 2, backbone=backbone)
    shapes = {key: tuple(value.shape) for key, value in its.state_dict().items()}
    last = {"classifier.4.weight": (2, 256, 1, 1), "classifier.4.bias": (2,)}
    assert {key: tuple(value.shape) for key, value in mine.state_dict().items()} == shapes | last
    differ = [key for key, value in grey.state_dict().items() if value.shape != mine.state_dict()[key].shape]
    assert differ == [next(iter(shapes))]
    assert sum(p.numel() for p in mine.classifier[4].parameters()) == 514  # the course's number


def test_deeplab_computes_what_torchvisions_does():
    mine = build("deeplabv3").eval()
    its = segmentation.deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=5).eval()
    its.load_state_dict(mine.state_dict())
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(mine(x), its(x)["out"])


def test_the_classifier_reads_the_mean_of_the_coarsest_map():
    model = build("encoder_classifier").eval()
    x = torch.randn(2, 3, 40, 70)
    with torch.no_grad():
        means = model.encoder(x)[-1].mean(dim=(2, 3))
        torch.testing.assert_close(model(x), nn.functional.linear(means, *model.classifier.parameters()))


def test_an_encoder_is_named_by_its_shelf_or_a_function():
    assert build("fpn", encoder=ENCODER).encoder.name == "strided"
    with pytest.raises(RecipeError, match=r"unknown encoder 'resnet1O'.*Did you mean 'resnet18'"):
        build("fpn", encoder="resnet1O")
