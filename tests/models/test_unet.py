"""The U-Net's sizes, channels and norms."""

import pytest
import torch
from torch import nn

from pixelwise.errors import RecipeError
from pixelwise.models import MODELS
from pixelwise.models.describe import describe
from pixelwise.models.unet import unet


def test_channels_and_sizes_are_those_of_the_paper():
    rows = [row for row in describe(unet(1, 2, norm="none"), (1, 32, 32)) if "Conv" in row.kind]
    down = [64, 64, 128, 128, 256, 256, 512, 512, 1024, 1024]
    up = [512, 512, 512, 256, 256, 256, 128, 128, 128, 64, 64, 64]
    assert [row.out_channels for row in rows] == [*down, *up, 2]
    assert [row.output[1] for row in rows[:10:2]] == [32, 16, 8, 4, 2]
    assert rows[10].kernel == rows[10].stride == (2, 2)
    assert rows[11].in_channels == 1024  # skip and deep map, concatenated


def test_parameters_add_up_by_hand():
    """The padded U-Net with biases and without norms, counted by hand."""
    expected = 0
    for i, o in [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]:
        expected += 9 * i * o + o + 9 * o * o + o
    for c in (512, 256, 128, 64):
        expected += 4 * 2 * c * c + c + (9 * 2 * c * c + c) + (9 * c * c + c)
    expected += 64 * 5 + 5
    assert sum(p.numel() for p in unet(3, 5, norm="none").parameters()) == expected


@pytest.mark.parametrize(("norm", "kind"), [("batch", nn.BatchNorm2d), ("group", nn.GroupNorm)])
def test_norm_stands_after_every_3x3_convolution(norm, kind):
    model = unet(3, 2, width=8, depth=2, norm=norm)
    assert sum(isinstance(m, kind) for m in model.modules()) == 2 * (2 + 1 + 2)


@pytest.mark.parametrize("norm", ["group", "none"])
def test_without_batch_statistics_a_picture_does_not_depend_on_its_batch(norm):
    torch.manual_seed(0)
    model = unet(3, 2, width=8, depth=2, norm=norm).double().train()
    x = torch.randn(3, 3, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(model(x)[:1], model(x[:1]))


def test_skips_are_joined_at_their_own_size():
    """A change of one pixel reaches its own place in the output even when the whole deep path is cut."""
    torch.manual_seed(0)
    model = unet(1, 1, width=4, depth=2, norm="none").eval()
    for block in model.up:
        nn.init.zeros_(block.up.weight)
    x = torch.zeros(1, 1, 16, 16)
    y = x.clone()
    y[0, 0, 5, 9] = 1
    with torch.no_grad():
        changed = (model(y) - model(x))[0, 0].abs() > 0
    assert changed[5, 9]
    rows, columns = torch.where(changed)
    assert rows.min() >= 5 - 4
    assert rows.max() <= 5 + 4
    assert columns.min() >= 9 - 4
    assert columns.max() <= 9 + 4


def test_options_out_of_bounds_are_refused_with_their_name():
    with pytest.raises(RecipeError, match="depth"):
        MODELS.build("unet", 3, 2, depth=0)
    with pytest.raises(RecipeError, match="norm"):
        MODELS.build("unet", 3, 2, norm="layer")
