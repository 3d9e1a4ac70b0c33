"""Our own network: what its docstring claims of it."""

import torch

from pixelwise.models.blocks import Residual
from pixelwise.models.describe import describe
from pixelwise.models.lean_unet import lean_unet


def test_costs_what_it_says():
    forward = 2 * sum(row.macs for row in describe(lean_unet(3, 21), (3, 224, 224)))
    assert 2e9 < 3 * forward < 6e9


def test_residual_blocks_begin_as_the_identity():
    model = lean_unet(3, 2, width=8).train()
    block = next(m for m in model.modules() if isinstance(m, Residual))
    x = torch.rand(2, 16, 9, 9)
    assert torch.equal(block(x), x)


def test_every_output_pixel_sees_the_whole_picture():
    torch.manual_seed(0)
    model = lean_unet(3, 2, width=8).double().eval()
    x = torch.rand(1, 3, 96, 96, dtype=torch.float64, requires_grad=True)
    model(x)[0, 0, 3, 3].backward()
    assert (x.grad.abs().sum(1)[0] > 0).float().mean() > 0.9


def test_dropout_drops_whole_maps_and_only_in_training():
    model = lean_unet(3, 2, width=8, dropout=0.5)
    x = torch.rand(2, 3, 32, 32)
    model.train()
    assert not torch.equal(model(x), model(x))
    assert isinstance(model.dropout, torch.nn.Dropout2d)
