"""A U-Net without its skips: an encoder and a decoder only."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torch import nn

from pixelwise.models.blocks import Norm, double_convolution
from pixelwise.models.dense import Chain
from pixelwise.models.initialise import xavier_uniform
from pixelwise.shelf import declares


@declares(gives="pixel")
def plain_cnn(
    in_channels: int,
    out_channels: int,
    *,
    width: Annotated[int, Ge(1)] = 16,
    depth: Annotated[int, Ge(1)] = 4,
    norm: Norm = "batch",
) -> Chain:
    """The basic network to compare a U-Net with: `unet` of the same width and depth, without the skips.

    width:  channels at full size; they double with every halving
    depth:  number of halvings; the picture is padded to a multiple of 2^depth
    norm:   the normalisation between each 3×3 convolution and its ReLU, as in `unet`

    Down: two 3×3 convolutions, then max-pooling 2×2. Up: transposed convolution 2×2, two 3×3 convolutions. Every edge has to
    pass the coarsest map, so what the skips of `unet` add is the difference between the two.
    """
    sizes = [width * 2**level for level in range(depth + 1)]
    down: list[nn.Module] = [double_convolution(in_channels, width, norm)]
    for size in sizes[:-1]:
        down += [nn.MaxPool2d(2), double_convolution(size, 2 * size, norm)]
    up: list[nn.Module] = []
    for size in reversed(sizes[:-1]):
        up += [nn.ConvTranspose2d(2 * size, size, kernel_size=2, stride=2), double_convolution(size, size, norm)]
    model = Chain(
        2**depth,
        encoder=nn.Sequential(*down),
        decoder=nn.Sequential(*up),  # from (B, width · 2^depth, H / 2^depth, W / 2^depth)
        classifier=nn.Conv2d(width, out_channels, kernel_size=1),
    )
    xavier_uniform(model)
    return model
