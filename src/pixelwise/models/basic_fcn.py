"""A plain fully convolutional network: five strided convolutions down, then five transposed ones up.

Each step is convolution → ReLU → batch normalisation, in the course's order: the statistics are taken of what the next
convolution reads. With `norm_first` the normalisation comes before the ReLU, as in most networks. There are no skips, so every
edge has to pass a map 32 times smaller than the picture, and outlines stay soft. (Long, Shelhamer & Darrell 2015 for the idea.)
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from pixelwise.models.dense import Chain
from pixelwise.models.initialise import xavier_uniform
from pixelwise.shelf import declares

DOWN = (32, 64, 128, 256, 512)
UP = (512, 256, 128, 64, 32)


@declares(gives="pixel")
def basic_fcn(in_channels: int, out_channels: int, *, norm_first: bool = False) -> Chain:
    """The plain encoder and decoder without skips; 5,500,245 parameters for 3 channels in and 21 classes.

    Convolutions k3 s2 p1 to 32, 64, 128, 256, 512 channels; transposed convolutions k3 s2 p1 output_padding 1 to
    512, 256, 128, 64, 32; classifier 1×1. Xavier-uniform weights, zero biases.

    norm_first:  batch normalisation before the ReLU of each step, not after it
    """
    model = Chain(
        2 ** len(DOWN),
        encoder=nn.Sequential(*(_down(i, o, norm_first) for i, o in pairwise((in_channels, *DOWN)))),
        decoder=nn.Sequential(
            *(upward(i, o, norm_first) for i, o in pairwise((DOWN[-1], *UP)))
        ),  # from (B, 512, H/32, W/32)
        classifier=nn.Conv2d(UP[-1], out_channels, kernel_size=1),
    )
    xavier_uniform(model)
    return model


def _down(in_channels: int, out_channels: int, norm_first: bool) -> nn.Sequential:
    """(B, in, H, W) → (B, out, H/2, W/2)"""
    convolution = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=2, padding=1)
    return nn.Sequential(convolution, *_after(out_channels, norm_first))


def upward(in_channels: int, out_channels: int, norm_first: bool = False) -> nn.Sequential:
    """(B, in, H, W) → (B, out, 2H, 2W): 2H = (H − 1)·2 − 2·1 + 3 + output_padding, so output_padding is 1."""
    convolution = nn.ConvTranspose2d(in_channels, out_channels, kernel_size=3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(convolution, *_after(out_channels, norm_first))


def _after(channels: int, norm_first: bool) -> list[nn.Module]:
    """What follows a convolution."""
    relu, norm = nn.ReLU(inplace=True), nn.BatchNorm2d(channels)
    return [norm, relu] if norm_first else [relu, norm]
