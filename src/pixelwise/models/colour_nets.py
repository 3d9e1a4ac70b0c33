"""The course's three small nets for colours (Toronto's CSC413, assignment 2, 2021, figure 1).

With F filters and C = out_channels:

             size  maps  pool_upsample_net (1a)    conv_transpose_net (1b)           colour_unet (1c)
    down 1   H/2   F     convolution, max-pool 2   convolution, stride 2             as 1b
    down 2   H/4   2F    the same                  the same                          as 1b
    up 1     H/2   F     convolution, pixels × 2   transposed convolution, stride 2  as 1b
    up 2     H     C     the same                  the same                          as 1b, of up 1 beside down 1
    last     H     C     convolution               convolution                       as 1b, of up 2 beside the input

BatchNorm and ReLU follow each but the last. The first two have equally many parameters; in the second every change of size
is learnt. The third is the second whose last steps also see what was there before the picture shrank (after Ronneberger
et al. 2015). Paddings follow from the kernel (3: padding 1 and output padding 1; 4: 1 and 0; 5: 2 and 1); they come from
the solver of `arithmetic`. Other sizes than multiples of 4 are padded by zeros, and cropped in the end.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

from pixelwise.arithmetic.padding import solve_padding, solve_transposed
from pixelwise.errors import ShapeError
from pixelwise.models.padding import AnySize
from pixelwise.shelf import declares

Kernel = Annotated[int, Ge(2)]
Filters = Annotated[int, Ge(1)]
EVEN = 64  # a size to solve for: what fits one even size fits them all, because it appears on both sides of the sum


class Stack(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W) by layers in a row, the smallest map a quarter of the picture."""

    stride = 4

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def scores(self, x: Tensor) -> Tensor:
        return self.layers(x)


@declares(gives="pixel")
def pool_upsample_net(in_channels: int, out_channels: int, *, kernel: Kernel = 3, num_filters: Filters = 32) -> Stack:
    """Convolutions with max-pooling down and repeated pixels up, no skips: the plainest net for scores of every pixel.

    kernel:       side of every convolution, at least 2; sizes stay the same for any
    num_filters:  maps after the first convolution; the middle has twice as many
    """
    check_kernel(kernel)
    return Stack(
        _resized(in_channels, num_filters, kernel, nn.MaxPool2d(2)),
        _resized(num_filters, 2 * num_filters, kernel, nn.MaxPool2d(2)),
        _resized(2 * num_filters, num_filters, kernel, nn.Upsample(scale_factor=2)),
        _resized(num_filters, out_channels, kernel, nn.Upsample(scale_factor=2)),
        nn.Sequential(*keeping(out_channels, out_channels, kernel)),
    )


@declares(gives="pixel")
def conv_transpose_net(in_channels: int, out_channels: int, *, kernel: Kernel = 3, num_filters: Filters = 32) -> Stack:
    """Strided convolutions down and transposed ones up, no skips: where to look and how to enlarge is learnt.

    kernel:       side of every convolution, at least 2; paddings follow from it, and sizes stay the same
    num_filters:  maps after the first convolution; the middle has twice as many
    """
    check_kernel(kernel)
    return Stack(
        _normalised(halving(in_channels, num_filters, kernel)),
        _normalised(halving(num_filters, 2 * num_filters, kernel)),
        _normalised(doubling(2 * num_filters, num_filters, kernel)),
        _normalised(doubling(num_filters, out_channels, kernel)),
        nn.Sequential(*keeping(out_channels, out_channels, kernel)),
    )


class ColourUNet(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W), with two skips."""

    stride = 4

    def __init__(self, in_channels: int, out_channels: int, kernel: int, filters: int) -> None:
        super().__init__()
        check_kernel(kernel)
        self.down_1 = _normalised(halving(in_channels, filters, kernel))
        self.down_2 = _normalised(halving(filters, 2 * filters, kernel))
        self.up_1 = _normalised(doubling(2 * filters, filters, kernel))
        self.up_2 = _normalised(doubling(2 * filters, out_channels, kernel))
        self.last = nn.Sequential(*keeping(out_channels + in_channels, out_channels, kernel))

    def scores(self, x: Tensor) -> Tensor:
        half = self.down_1(x)
        up = self.up_1(self.down_2(half))
        up = self.up_2(torch.cat([up, half], dim=1))
        return self.last(torch.cat([up, x], dim=1))


@declares(gives="pixel")
def colour_unet(in_channels: int, out_channels: int, *, kernel: Kernel = 3, num_filters: Filters = 32) -> ColourUNet:
    """The course's U-Net for colours: skips carry the outlines that two halvings lose.

    kernel:       side of every convolution, at least 2; paddings follow from it, and sizes stay the same
    num_filters:  maps after the first convolution; the middle has twice as many
    """
    return ColourUNet(in_channels, out_channels, kernel, num_filters)


def check_kernel(kernel: int) -> None:
    """Raise ShapeError for a kernel that has no neighbours to look at."""
    if kernel < 2:
        raise ShapeError(
            f"kernel {kernel} sees one pixel and none of its neighbours, so strides would skip pixels unseen.",
            where="kernel",
            hint="It must be at least 2; 3 is usual.",
        )


def keeping(in_channels: int, out_channels: int, kernel: int) -> list[nn.Module]:
    """A convolution that keeps the size. An even kernel has no middle: it is padded by one more after than before."""
    solution = solve_padding(kernel, EVEN, EVEN)
    if solution.fitting:
        return [nn.Conv2d(in_channels, out_channels, kernel, padding=solution.fitting[0].padding)]
    before, after = solution.one_sided or (0, 0)
    return [nn.ZeroPad2d((before, after, before, after)), nn.Conv2d(in_channels, out_channels, kernel)]


def halving(in_channels: int, out_channels: int, kernel: int) -> nn.Conv2d:
    """A convolution of stride 2 that halves every even size."""
    padding = solve_padding(kernel, EVEN, EVEN // 2, stride=2).fitting[0].padding
    return nn.Conv2d(in_channels, out_channels, kernel, stride=2, padding=padding)


def doubling(in_channels: int, out_channels: int, kernel: int) -> nn.ConvTranspose2d:
    """A transposed convolution of stride 2 that doubles every size."""
    found = solve_transposed(kernel, EVEN // 2, EVEN, stride=2).fitting[0]
    return nn.ConvTranspose2d(
        in_channels, out_channels, kernel, stride=2, padding=found.padding, output_padding=found.output_padding
    )


def _normalised(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    """The convolution, then BatchNorm and ReLU."""
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(inplace=True))


def _resized(in_channels: int, out_channels: int, kernel: int, resize: nn.Module) -> nn.Sequential:
    convolution = keeping(in_channels, out_channels, kernel)
    return nn.Sequential(*convolution, resize, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))
