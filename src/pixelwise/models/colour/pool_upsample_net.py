"""A small encoder-decoder that halves by max-pooling and doubles by repeating pixels."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torch import Tensor, nn

from pixelwise.models.colour.halving import check_kernel, keeping
from pixelwise.models.padding import AnySize
from pixelwise.shelf import declares


class PoolUpsampleNet(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W), with F filters and C = out_channels.

        down 1   H/2   F     convolution, max-pooling 2, BatchNorm, ReLU
        down 2   H/4   2F    the same
        up 1     H/2   F     convolution, every pixel twice in each direction, BatchNorm, ReLU
        up 2     H     C     the same
        last     H     C     convolution

    The first net of the course (figure 1a of Toronto's CSC413, assignment 2, 2021). Other sizes than multiples of 4 are
    padded by zeros, and cropped in the end.
    """

    stride = 4

    def __init__(self, in_channels: int, out_channels: int, kernel: int, filters: int) -> None:
        super().__init__()
        check_kernel(kernel)
        self.layers = nn.Sequential(
            _block(in_channels, filters, kernel, nn.MaxPool2d(2)),
            _block(filters, 2 * filters, kernel, nn.MaxPool2d(2)),
            _block(2 * filters, filters, kernel, nn.Upsample(scale_factor=2)),
            _block(filters, out_channels, kernel, nn.Upsample(scale_factor=2)),
            nn.Sequential(*keeping(out_channels, out_channels, kernel)),
        )

    def scores(self, x: Tensor) -> Tensor:
        scores: Tensor = self.layers(x)
        return scores


@declares(gives="pixel")
def pool_upsample_net(
    in_channels: int, out_channels: int, *, kernel: Annotated[int, Ge(2)] = 3, num_filters: Annotated[int, Ge(1)] = 32
) -> PoolUpsampleNet:
    """Convolutions with max-pooling down and repeated pixels up, no skips: the plainest net for scores of every pixel.

    kernel:       side of every convolution, at least 2; sizes stay the same for any
    num_filters:  maps after the first convolution; the middle has twice as many
    """
    return PoolUpsampleNet(in_channels, out_channels, kernel, num_filters)


def _block(in_channels: int, out_channels: int, kernel: int, resize: nn.Module) -> nn.Sequential:
    convolution = keeping(in_channels, out_channels, kernel)
    return nn.Sequential(*convolution, resize, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))
