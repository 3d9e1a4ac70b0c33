"""The course's small U-Net for colours: strided convolutions down, transposed ones up, and two skips."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

from pixelwise.models.colour.conv_transpose_net import normalised
from pixelwise.models.colour.halving import check_kernel, doubling, halving, keeping
from pixelwise.models.padding import AnySize
from pixelwise.shelf import declares


class ColourUNet(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W), with F filters and C = out_channels.

        down 1   H/2   F     convolution of stride 2, BatchNorm, ReLU
        down 2   H/4   2F    the same
        up 1     H/2   F     transposed convolution of stride 2, BatchNorm, ReLU
        up 2     H     C     the same of up 1 beside down 1
        last     H     C     convolution of up 2 beside the input

    The third net of the course (figure 1c of Toronto's CSC413, assignment 2, 2021, after Ronneberger et al. 2015):
    `conv_transpose_net` whose last steps also see what was there before the picture shrank. Other sizes than multiples
    of 4 are padded by zeros, and cropped in the end.
    """

    stride = 4

    def __init__(self, in_channels: int, out_channels: int, kernel: int, filters: int) -> None:
        super().__init__()
        check_kernel(kernel)
        self.down_1 = normalised(halving(in_channels, filters, kernel))
        self.down_2 = normalised(halving(filters, 2 * filters, kernel))
        self.up_1 = normalised(doubling(2 * filters, filters, kernel))
        self.up_2 = normalised(doubling(2 * filters, out_channels, kernel))
        self.last = nn.Sequential(*keeping(out_channels + in_channels, out_channels, kernel))

    def scores(self, x: Tensor) -> Tensor:
        half = self.down_1(x)
        up = self.up_1(self.down_2(half))
        up = self.up_2(torch.cat([up, half], dim=1))
        scores: Tensor = self.last(torch.cat([up, x], dim=1))
        return scores


@declares(gives="pixel")
def colour_unet(
    in_channels: int, out_channels: int, *, kernel: Annotated[int, Ge(2)] = 3, num_filters: Annotated[int, Ge(1)] = 32
) -> ColourUNet:
    """The course's U-Net for colours: skips carry the outlines that two halvings lose.

    kernel:       side of every convolution, at least 2; paddings follow from it, and sizes stay the same
    num_filters:  maps after the first convolution; the middle has twice as many
    """
    return ColourUNet(in_channels, out_channels, kernel, num_filters)
