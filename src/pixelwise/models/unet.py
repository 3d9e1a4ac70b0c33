"""The U-Net: a contracting and an expanding path of equal depth, joined by skips at every size."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

from pixelwise.models.blocks import Norm, double_convolution
from pixelwise.models.dense import AnySize
from pixelwise.models.initialise import xavier_uniform
from pixelwise.shelf import declares


class UNet(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W) with width, 2·width, … channels (Ronneberger et al. 2015).

    Down: two 3×3 convolutions, then max-pooling 2×2. Up: transposed convolution 2×2, the skip concatenated before it,
    two 3×3 convolutions. Unlike the paper's, convolutions are padded, so that the output has the size of the picture.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, depth: int, norm: Norm) -> None:
        super().__init__()
        self.stride = 2**depth
        sizes = [width * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            double_convolution(i, o, norm) for i, o in zip([in_channels, *sizes], sizes, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(_Up(size, norm) for size in reversed(sizes[:-1]))
        self.classifier = nn.Conv2d(width, out_channels, kernel_size=1)

    def scores(self, x: Tensor) -> Tensor:
        skips = []
        for block in self.down[:-1]:
            x = block(x)
            skips.append(x)
            x = self.pool(x)
        x = self.down[-1](x)
        for block in self.up:
            x = block(x, skips.pop())
        return self.classifier(x)


class _Up(nn.Module):
    """deep (B, 2C, H, W) and skip (B, C, 2H, 2W) → (B, C, 2H, 2W)"""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(2 * channels, channels, kernel_size=2, stride=2)
        self.convolutions = double_convolution(2 * channels, channels, norm)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        return self.convolutions(torch.cat([skip, self.up(deep)], dim=1))


@declares(gives="pixel")
def unet(
    in_channels: int,
    out_channels: int,
    *,
    width: Annotated[int, Ge(1)] = 64,
    depth: Annotated[int, Ge(1)] = 4,
    norm: Norm = "batch",
) -> UNet:
    """The U-Net of Ronneberger et al. 2015, padded: skips carry the edges that the deep maps lose.

    width:  channels at full size; they double with every halving. Cost and parameters grow with its square.
    depth:  number of halvings; the picture is padded to a multiple of 2^depth
    norm:   the normalisation between each 3×3 convolution and its ReLU. `batch`: statistics over the batch. `group`: over
            groups of channels of one picture (Wu & He 2018), so a picture's output does not depend on its batch.
            `none`: as in the paper
    """
    model = UNet(in_channels, out_channels, width, depth, norm)
    xavier_uniform(model)
    return model
