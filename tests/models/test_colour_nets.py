"""The course's three nets, against the course's numbers and the layer tables of `arithmetic`."""

import pytest
import torch
from torch import nn

from pixelwise.errors import RecipeError, ShapeError
from pixelwise.models import MODELS
from pixelwise.models.blocks import Residual
from pixelwise.models.colour_nets import (
    colour_unet,
    conv_transpose_net,
    doubling,
    halving,
    keeping,
    pool_upsample_net,
    residual_colour_unet,
)
from pixelwise.models.describe import describe

NETS = {"pool_upsample_net": pool_upsample_net, "conv_transpose_net": conv_transpose_net, "colour_unet": colour_unet}
PARAMETERS = {"pool_upsample_net": 49_728, "conv_transpose_net": 49_728, "colour_unet": 56_856}
every_net = pytest.mark.parametrize("name", sorted(NETS))


@every_net
def test_parameters_of_the_course(name):
    assert sum(p.numel() for p in NETS[name](1, 24).parameters()) == PARAMETERS[name]


def test_each_skip_by_itself():
    """9·F·C parameters for the skip at half size, 9·C for the grey picture; without both it is conv_transpose_net."""
    none, half, full, both = (
        sum(p.numel() for p in colour_unet(1, 24, skips=skips).parameters())
        for skips in ("none", "half", "full", "both")
    )
    assert (none, both) == (PARAMETERS["conv_transpose_net"], PARAMETERS["colour_unet"])
    assert (half - none, full - none) == (9 * 32 * 24, 9 * 24)
    with torch.no_grad():
        for skips in ("none", "half", "full"):
            assert colour_unet(1, 5, num_filters=3, skips=skips)(torch.rand(1, 1, 13, 7)).shape == (1, 5, 13, 7)


@every_net
@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6, 7])
def test_any_kernel_gives_the_size_of_the_picture(name, kernel):
    model = NETS[name](1, 5, kernel=kernel, num_filters=3).eval()
    with torch.no_grad():
        for size in ((32, 32), (8, 20), (13, 7)):
            assert model(torch.rand(1, 1, *size)).shape == (1, 5, *size)


@every_net
@pytest.mark.parametrize("kernel", [3, 4])
def test_shapes_between_the_blocks_are_those_of_the_figure(name, kernel):
    rows = describe(NETS[name](1, 24, kernel=kernel), (1, 32, 32))
    sizes = [row.output for row in rows if row.kind == "BatchNorm2d"]
    assert sizes == [(32, 16, 16), (64, 8, 8), (32, 16, 16), (24, 32, 32)]
    assert rows[-1].output == (24, 32, 32)
    assert not rows[-1].activation  # scores, not what a ReLU leaves of them


@every_net
def test_kernel_one_is_refused_and_two_builds(name):
    with pytest.raises(RecipeError, match=r"kernel: read 1, but it must be greater than or equal to 2"):
        MODELS.build(name, 1, 24, kernel=1)
    with pytest.raises(ShapeError, match=r"kernel 1 sees one pixel.*at least 2"):
        NETS[name](1, 24, kernel=1)
    with torch.no_grad():
        assert MODELS.build(name, 1, 24, kernel=2).eval()(torch.zeros(1, 1, 8, 8)).shape == (1, 24, 8, 8)


def test_paddings_of_the_course_question():
    """Kernel 3: padding 1, output padding 1; 4: 1 and 0; 5: 2 and 1."""
    for kernel, padding, more in ((3, 1, 1), (4, 1, 0), (5, 2, 1)):
        assert halving(1, 1, kernel).padding == (padding, padding)
        up = doubling(1, 1, kernel)
        assert (up.padding, up.output_padding) == ((padding, padding), (more, more))


@pytest.mark.parametrize("kernel", [2, 4, 6])
def test_an_even_kernel_is_padded_by_one_more_after(kernel):
    pad, convolution = keeping(1, 1, kernel)
    before, after = (kernel - 1) // 2, kernel // 2
    assert tuple(pad.padding) == (before, after, before, after)
    x = torch.rand(1, 1, 9, 9)
    same = nn.functional.conv2d(
        nn.functional.pad(x, (before, after, before, after)), convolution.weight, convolution.bias
    )
    torch.testing.assert_close(convolution(pad(x)), same)
    assert same.shape == x.shape


def test_the_skips_of_the_unet_are_used():
    torch.manual_seed(0)
    model = colour_unet(1, 4, num_filters=4).double().eval()
    x = torch.rand(1, 1, 32, 32, dtype=torch.float64)
    nearer = x.clone()
    nearer[0, 0, 31, 31] += 1
    for block in (model.down_2, model.up_1):  # the deep way is cut
        block.register_forward_hook(lambda module, inputs, output: torch.zeros_like(output))
    with torch.no_grad():
        changed = (model(x) - model(nearer)).abs().amax(dim=1)[0] > 1e-9
    assert changed[31, 31]
    assert not changed[:20, :20].any()


def test_our_net_sees_the_whole_picture_and_begins_as_the_identity():
    torch.manual_seed(0)
    model = residual_colour_unet(1, 6, width=8).double()
    block = next(m for m in model.modules() if isinstance(m, Residual))
    x = torch.rand(2, 8, 5, 5, dtype=torch.float64)
    assert torch.equal(block(x), x)
    model.eval()
    x = torch.rand(1, 1, 32, 32, dtype=torch.float64, requires_grad=True)
    model(x)[0, 0, 2, 2].backward()
    assert (x.grad != 0).double().mean() > 0.9


def test_our_net_costs_what_its_recipe_says():
    """A few times the U-Net's multiply-adds; in time it is about 2.3 times (wider maps at small sizes run faster)."""
    macs = [sum(row.macs for row in describe(net(1, 24), (1, 32, 32))) for net in (colour_unet, residual_colour_unet)]
    assert 3 < macs[1] / macs[0] < 5
