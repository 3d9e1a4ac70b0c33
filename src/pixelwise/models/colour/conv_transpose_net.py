"""A small encoder-decoder that halves by strided convolutions and doubles by transposed ones."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torch import Tensor, nn

from pixelwise.models.colour.halving import check_kernel, doubling, halving, keeping
from pixelwise.models.padding import AnySize
from pixelwise.shelf import declares


class ConvTransposeNet(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W), with F filters and C = out_channels.

        down 1   H/2   F     convolution of stride 2, BatchNorm, ReLU
        down 2   H/4   2F    the same
        up 1     H/2   F     transposed convolution of stride 2, BatchNorm, ReLU
        up 2     H     C     the same
        last     H     C     convolution

    The second net of the course (figure 1b of Toronto's CSC413, assignment 2, 2021): as many parameters as
    `pool_upsample_net`, and every change of size is learnt. Paddings follow from the kernel (3: padding 1 and output
    padding 1; 4: 1 and 0; 5: 2 and 1). Other sizes than multiples of 4 are padded by zeros, and cropped in the end.
    """

    stride = 4

    def __init__(self, in_channels: int, out_channels: int, kernel: int, filters: int) -> None:
        super().__init__()
        check_kernel(kernel)
        self.layers = nn.Sequential(
            normalised(halving(in_channels, filters, kernel)),
            normalised(halving(filters, 2 * filters, kernel)),
            normalised(doubling(2 * filters, filters, kernel)),
            normalised(doubling(filters, out_channels, kernel)),
            nn.Sequential(*keeping(out_channels, out_channels, kernel)),
        )

    def scores(self, x: Tensor) -> Tensor:
        scores: Tensor = self.layers(x)
        return scores


@declares(gives="pixel")
def conv_transpose_net(
    in_channels: int, out_channels: int, *, kernel: Annotated[int, Ge(2)] = 3, num_filters: Annotated[int, Ge(1)] = 32
) -> ConvTransposeNet:
    """Strided convolutions down and transposed ones up, no skips: where to look and how to enlarge is learnt.

    kernel:       side of every convolution, at least 2; paddings follow from it, and sizes stay the same
    num_filters:  maps after the first convolution; the middle has twice as many
    """
    return ConvTransposeNet(in_channels, out_channels, kernel, num_filters)


def normalised(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    """The convolution, then BatchNorm and ReLU."""
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(inplace=True))
