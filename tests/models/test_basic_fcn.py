"""The course's network, layer by layer as its handout states it."""

import torch
from torch import nn

from pixelwise.models.basic_fcn import basic_fcn
from pixelwise.models.describe import describe


def test_parameters_of_the_course():
    assert sum(p.numel() for p in basic_fcn(3, 21).parameters()) == 5_500_245


def test_layers_are_those_of_the_handout():
    rows = [row for row in describe(basic_fcn(3, 21), (3, 224, 224)) if row.kind != "BatchNorm2d"]
    assert [row.out_channels for row in rows] == [32, 64, 128, 256, 512, 512, 256, 128, 64, 32, 21]
    assert [row.output[1] for row in rows] == [112, 56, 28, 14, 7, 14, 28, 56, 112, 224, 224]
    assert [row.kind for row in rows] == ["Conv2d"] * 5 + ["ConvTranspose2d"] * 5 + ["Conv2d"]
    assert all(row.kernel == (3, 3) and row.stride == (2, 2) and row.padding == (1, 1) for row in rows[:-1])
    assert all(row.activation == "ReLU" for row in rows[:-1])
    assert rows[-1].kernel == (1, 1)
    assert rows[-1].activation == ""


def test_order_is_convolution_activation_normalisation():
    model = basic_fcn(3, 2)
    for block in (*model.encoder, *model.decoder):
        assert isinstance(block[0], nn.Conv2d | nn.ConvTranspose2d)
        assert isinstance(block[1], nn.ReLU)
        assert isinstance(block[2], nn.BatchNorm2d)


def test_the_decoder_doubles_what_the_encoder_halves():
    model = basic_fcn(3, 2).eval()
    with torch.no_grad():
        deep = model.encoder(torch.zeros(1, 3, 64, 96))
        assert deep.shape == (1, 512, 2, 3)
        assert model.decoder(deep).shape == (1, 32, 64, 96)
