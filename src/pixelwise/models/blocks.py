"""Blocks that several networks are made of. Names of their parts are those in checkpoints."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

Norm = Literal["batch", "group", "none"]


def normalisation(channels: int, norm: Norm) -> list[nn.Module]:
    """The layer that normalises `channels` channels; empty for `none`."""
    if norm == "none":
        return []
    return [nn.BatchNorm2d(channels) if norm == "batch" else nn.GroupNorm(_groups(channels), channels)]


def _groups(channels: int) -> int:
    """The largest divisor of `channels` up to 32 (Wu & He's default) that leaves a group at least four channels."""
    return next(groups for groups in range(min(32, max(1, channels // 4)), 0, -1) if channels % groups == 0)


def conv_norm_relu(
    in_channels: int, out_channels: int, norm: Norm = "batch", *, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """(B, in_channels, H, W) → (B, out_channels, ⌈H / stride⌉, ⌈W / stride⌉): a 3×3 convolution, its normalisation, ReLU."""
    # batch normalisation subtracts the mean, and any bias with it
    bias = norm != "batch"
    layer = nn.Conv2d(in_channels, out_channels, 3, stride, padding=dilation, dilation=dilation, bias=bias)
    return nn.Sequential(layer, *normalisation(out_channels, norm), nn.ReLU(inplace=True))


def double_convolution(in_channels: int, out_channels: int, norm: Norm) -> nn.Sequential:
    """Two 3×3 convolutions, each with its normalisation and ReLU."""
    return nn.Sequential(
        *conv_norm_relu(in_channels, out_channels, norm), *conv_norm_relu(out_channels, out_channels, norm)
    )


class Residual(nn.Module):
    """(B, C, H, W) → the same: x + two 3×3 convolutions of x, then ReLU (He et al. 2016).

    The second normalisation's scale begins at 0, so that the block begins as ReLU(x) (Goyal et al. 2017).
    """

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = conv_norm_relu(channels, channels, dilation=dilation)
        self.second = nn.Conv2d(channels, channels, kernel_size=3, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x + self.norm(self.second(self.first(x))))


class PictureMean(nn.Module):
    """(B, C, H, W) → the same: x + a 1×1 convolution of its mean over the picture.

    Not normalised: with one value per picture, a batch is too small a sample for statistics.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean = nn.AdaptiveAvgPool2d(1)
        self.project = nn.Conv2d(channels, channels, kernel_size=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.relu(self.project(self.mean(x)))
