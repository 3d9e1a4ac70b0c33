"""The residual networks for CIFAR: three stages of 16, 32 and 64 channels, shortcuts without parameters (option A)."""

from __future__ import annotations

from itertools import pairwise
from math import log
from typing import Annotated, Literal

from annotated_types import Gt, Lt
from torch import Tensor, nn
from torch.nn import functional

from pixelwise.models.initialise import he_normal, small_scores
from pixelwise.shelf import declares

WIDTHS = (16, 32, 64)


class ResNet(nn.Module):
    """(B, in_channels, H, W) → (B, out_channels), for pictures of about 32×32; depth = 6n + 2 (He et al. 2016, 4.2).

    Parts have the names of the usual public weights (`conv1`, `layer1.0.bn1`, `linear`), so that those load without a change.
    """

    def __init__(self, in_channels: int, out_channels: int, depth: int) -> None:
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv1 = nn.Conv2d(in_channels, WIDTHS[0], kernel_size=3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.layer1 = _stage(WIDTHS[0], WIDTHS[0], blocks)
        self.layer2 = _stage(WIDTHS[0], WIDTHS[1], blocks)
        self.layer3 = _stage(WIDTHS[1], WIDTHS[2], blocks)
        self.linear = nn.Linear(WIDTHS[2], out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.layer3(self.layer2(self.layer1(x)))  # (B, 64, H/4, W/4)
        return self.linear(x.mean(dim=(2, 3)))


class Block(nn.Module):
    """relu(shortcut(x) + two 3×3 convolutions of x). Where the channels grow the map is halved.

    The shortcut of option A takes every second pixel and puts zero channels around, half of them before: no parameters.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.grows = out_channels - in_channels
        stride = 2 if self.grows else 1
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out))
        if self.grows:
            before = self.grows // 2
            x = functional.pad(x[..., ::2, ::2], (0, 0, 0, 0, before, self.grows - before))
        return functional.relu(out + x, inplace=True)


@declares(gives="picture", only_with={"prior": "init=own"})
def resnet(
    in_channels: int,
    out_channels: int,
    *,
    depth: Literal[20, 32, 44, 56] = 32,
    prior: Annotated[float, Gt(0), Lt(1)] | None = None,
) -> ResNet:
    """CIFAR ResNet (He, Zhang, Ren & Sun 2016, section 4.2), option-A shortcuts; depth 32: 464,154 parameters.

    depth:  layers with weights, 6n + 2
    prior:  probability that each class begins with, for sigmoid losses: the last bias is −log((1 − prior) / prior).
            1 / C, i.e. −log(C − 1), in Cui et al. 2019; none: the bias begins at 0

    He-normal convolutions, a classifier that begins with small scores.
    """
    model = ResNet(in_channels, out_channels, depth)
    he_normal(model)
    small_scores(model.linear)
    if prior is not None:
        nn.init.constant_(model.linear.bias, -log((1 - prior) / prior))
    return model


def _stage(in_channels: int, out_channels: int, blocks: int) -> nn.Sequential:
    """`blocks` blocks, the first of which may halve the map."""
    channels = (in_channels, *[out_channels] * blocks)
    return nn.Sequential(*(Block(i, o) for i, o in pairwise(channels)))
