"""A residual U-Net for colours: our own answer to the course's three small nets."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional

from pixelwise.models.initialise import he_normal
from pixelwise.models.lean_unet import convolution, enlarge
from pixelwise.models.padding import AnySize
from pixelwise.shelf import declares


class ResidualColourUNet(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W).

        stem        H      width/2   convolution
        stage 1     H/2    width     convolution of stride 2, residual block
        stage 2     H/4    2·width   the same
        stage 3     H/8    3·width   the same, then the picture's mean
        merges      H/4, H/2         deep map projected and enlarged, added to the skip, smoothed by a 3×3
        head        H      width/2   enlarged half-size map, stem and picture, a 3×3, a 1×1

    What the course's U-Net lacks:
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
        self.stem = convolution(in_channels, fine)
        self.stages = nn.ModuleList(
            nn.Sequential(convolution(i, o, stride=2), _Residual(o))
            for i, o in zip([fine, *sizes], sizes, strict=False)
        )
        self.context = nn.Linear(sizes[-1], sizes[-1])
        self.merges = nn.ModuleList([_Merge(sizes[2], sizes[1]), _Merge(sizes[1], sizes[0])])
        self.project = nn.Conv2d(sizes[0], fine, kernel_size=1)
        self.head = convolution(2 * fine + in_channels, width)
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


class _Residual(nn.Module):
    """x + two 3×3 convolutions of x, the second one's scale beginning at 0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.norm(self.second(self.first(x))))


class _Merge(nn.Module):
    """deep (B, C, h, w) and skip (B, C', 2h, 2w) → (B, C', 2h, 2w)"""

    def __init__(self, deep_channels: int, channels: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(deep_channels, channels, kernel_size=1)
        self.smooth = convolution(channels, channels)

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
    nn.init.normal_(model.classifier.weight, std=0.01)  # all colours begin about equal
    for module in model.modules():
        if isinstance(module, _Residual):
            nn.init.zeros_(module.norm.weight)
    return model
