"""Nets for colours: the three small ones of the course, and our own, `residual_colour_unet`.

The course's are those of Toronto's CSC413, assignment 2, 2021, figure 1. With F filters and C = out_channels:

             size  maps  pool_upsample_net (1a)    conv_transpose_net (1b)           colour_unet (1c)
    down 1   H/2   F     convolution, max-pool 2   convolution, stride 2             as 1b
    down 2   H/4   2F    the same                  the same                          as 1b
    up 1     H/2   F     convolution, pixels × 2   transposed convolution, stride 2  as 1b
    up 2     H     C     the same                  the same                          as 1b, of up 1 beside down 1
    last     H     C     convolution               convolution                       as 1b, of up 2 beside the input

BatchNorm and ReLU follow each but the last. The first two have equally many parameters; in the second every change of size
is learnt. The third is the second with skips: its last steps also read the maps from before the reduction (after Ronneberger
et al. 2015). Paddings follow from the kernel (3: padding 1 and output padding 1; 4: 1 and 0; 5: 2 and 1); they come from
the solver of `arithmetic`. Other sizes than multiples of 4 are padded by zeros, and cropped in the end.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional

from pixelwise.arithmetic.padding import solve_padding, solve_transposed
from pixelwise.errors import ShapeError
from pixelwise.models.blocks import Residual, conv_norm_relu
from pixelwise.models.dense import AnySize, Chain, enlarge
from pixelwise.models.initialise import he_normal, near_equal_scores
from pixelwise.shelf import declares

Kernel = Annotated[int, Ge(2)]
Filters = Annotated[int, Ge(1)]
Skips = Literal["both", "half", "full", "none"]
EVEN = 64  # a size to solve for: what fits one even size fits them all, because it appears on both sides of the sum


@declares(gives="pixel")
def pool_upsample_net(in_channels: int, out_channels: int, *, kernel: Kernel = 3, num_filters: Filters = 32) -> Chain:
    """Convolutions with max-pooling down and repeated pixels up, no skips: the plainest net for scores of every pixel.

    kernel:       side of every convolution, at least 2; sizes stay the same for any
    num_filters:  maps after the first convolution; the middle has twice as many
    """
    check_kernel(kernel)
    layers = nn.Sequential(
        _resized(in_channels, num_filters, kernel, nn.MaxPool2d(2)),
        _resized(num_filters, 2 * num_filters, kernel, nn.MaxPool2d(2)),
        _resized(2 * num_filters, num_filters, kernel, nn.Upsample(scale_factor=2)),
        _resized(num_filters, out_channels, kernel, nn.Upsample(scale_factor=2)),
        nn.Sequential(*keeping(out_channels, out_channels, kernel)),
    )
    return Chain(4, layers=layers)


@declares(gives="pixel")
def conv_transpose_net(in_channels: int, out_channels: int, *, kernel: Kernel = 3, num_filters: Filters = 32) -> Chain:
    """Strided convolutions down and transposed ones up, no skips: both changes of size are learnt.

    kernel:       side of every convolution, at least 2; paddings follow from it, and sizes stay the same
    num_filters:  maps after the first convolution; the middle has twice as many
    """
    check_kernel(kernel)
    layers = nn.Sequential(
        _normalised(halving(in_channels, num_filters, kernel)),
        _normalised(halving(num_filters, 2 * num_filters, kernel)),
        _normalised(doubling(2 * num_filters, num_filters, kernel)),
        _normalised(doubling(num_filters, out_channels, kernel)),
        nn.Sequential(*keeping(out_channels, out_channels, kernel)),
    )
    return Chain(4, layers=layers)


class ColourUNet(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W), with two skips, or with one of them."""

    stride = 4

    def __init__(self, in_channels: int, out_channels: int, kernel: int, filters: int, skips: Skips) -> None:
        super().__init__()
        check_kernel(kernel)
        self.half, self.full = skips in ("both", "half"), skips in ("both", "full")
        self.down_1 = _normalised(halving(in_channels, filters, kernel))
        self.down_2 = _normalised(halving(filters, 2 * filters, kernel))
        self.up_1 = _normalised(doubling(2 * filters, filters, kernel))
        self.up_2 = _normalised(doubling(2 * filters if self.half else filters, out_channels, kernel))
        self.last = nn.Sequential(*keeping(out_channels + in_channels * self.full, out_channels, kernel))

    def scores(self, x: Tensor) -> Tensor:
        half = self.down_1(x)
        up = self.up_1(self.down_2(half))
        up = self.up_2(torch.cat([up, half], dim=1) if self.half else up)
        return self.last(torch.cat([up, x], dim=1) if self.full else up)


@declares(gives="pixel")
def colour_unet(
    in_channels: int, out_channels: int, *, kernel: Kernel = 3, num_filters: Filters = 32, skips: Skips = "both"
) -> ColourUNet:
    """The course's U-Net for colours (after Ronneberger et al. 2015): skips carry the outlines that two halvings lose.

    kernel:       side of every convolution, at least 2; paddings follow from it, and sizes stay the same
    num_filters:  maps after the first convolution; the middle has twice as many
    skips:        `half`: the one at half size alone; `full`: the picture beside the last convolution's maps alone;
                  with `none` it is conv_transpose_net
    """
    return ColourUNet(in_channels, out_channels, kernel, num_filters, skips)


class ResidualColourUNet(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W).

        stem        H      width/2   convolution
        stage 1     H/2    width     convolution of stride 2, residual block
        stage 2     H/4    2·width   the same
        stage 3     H/8    3·width   the same, then the picture's mean
        merges      H/4, H/2         deep map projected and enlarged, added to the skip, smoothed by a 3×3
        head        H      width/2   enlarged half-size map, stem and picture, a 3×3, a 1×1

    Differences from the course's U-Net:
    * A palette is a few steps of lightness times a few tints, and lightness is given: it is the input. But there the only
      layer at full size is the last convolution, which is linear in the grey picture and cannot cut it into steps. The
      stem and the head are a small network at full size, where a few dozen ReLUs make the steps.
    * Which tint is likely (a meadow's green, a brown coat) is decided by what the picture shows: residual blocks (He et
      al. 2016) at half, quarter and an eighth of the size see all of 32 pixels, and the mean over the picture
      (Liu et al. 2015, ParseNet) tells every place what the whole is like. Most of the work is done there, where a
      multiply-add is cheap: large maps of few channels are slow out of proportion.
    * Enlarging is bilinear after a 1×1 projection, instead of transposed 3×3 convolutions of stride 2, whose windows
      overlap unevenly and leave a checkerboard (Odena et al. 2016).
    * Blocks that begin as the identity (their last scale is 0; Goyal et al. 2017) train fast from the first step, so the
      same number of epochs is enough.
    """

    stride = 8

    def __init__(self, in_channels: int, out_channels: int, width: int) -> None:
        super().__init__()
        fine = max(1, width // 2)
        sizes = [width, 2 * width, 3 * width]
        self.stem = conv_norm_relu(in_channels, fine)
        self.stages = nn.ModuleList(
            nn.Sequential(conv_norm_relu(i, o, stride=2), Residual(o))
            for i, o in zip([fine, *sizes], sizes, strict=False)
        )
        self.context = nn.Linear(sizes[-1], sizes[-1])
        self.merges = nn.ModuleList([_Merge(sizes[2], sizes[1]), _Merge(sizes[1], sizes[0])])
        self.project = nn.Conv2d(sizes[0], fine, kernel_size=1)
        self.head = conv_norm_relu(2 * fine + in_channels, width)
        self.classifier = nn.Conv2d(width, out_channels, kernel_size=1)

    def scores(self, x: Tensor) -> Tensor:
        fine = self.stem(x)
        maps = [fine]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        deep = maps.pop()
        deep = deep + functional.relu(self.context(deep.mean(dim=(2, 3))))[:, :, None, None]
        for merge in self.merges:
            deep = merge(deep, maps.pop())
        return self.classifier(self.head(torch.cat([enlarge(self.project(deep)), fine, x], dim=1)))


class _Merge(nn.Module):
    """deep (B, C, h, w) and skip (B, C', 2h, 2w) → (B, C', 2h, 2w)"""

    def __init__(self, deep_channels: int, channels: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(deep_channels, channels, kernel_size=1)
        self.smooth = conv_norm_relu(channels, channels)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        # projected before it is enlarged: a quarter of the cost, and the same, because both are linear
        return self.smooth(enlarge(self.project(deep)) + skip)


@declares(gives="pixel")
def residual_colour_unet(
    in_channels: int, out_channels: int, *, width: Annotated[int, Ge(2)] = 40
) -> ResidualColourUNet:
    """A residual U-Net with a small network at full size, for the colours of small pictures.

    width:  channels at half size; cost and parameters grow with its square
    """
    model = ResidualColourUNet(in_channels, out_channels, width)
    he_normal(model)
    near_equal_scores(model.classifier)
    return model


def check_kernel(kernel: int) -> None:
    """Raise ShapeError for a kernel that has no neighbours to look at."""
    if kernel < 2:
        raise ShapeError(
            f"kernel {kernel} sees one pixel and not its neighbours, so strides would skip pixels.",
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
