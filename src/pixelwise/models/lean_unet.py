"""A small residual U-Net with a view of the whole picture: our own network for few pictures and no pretraining."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from annotated_types import Ge, Le
from torch import Tensor, nn

from pixelwise.models.blocks import PictureMean, Residual, conv_norm_relu
from pixelwise.models.dense import AnySize, enlarge
from pixelwise.models.initialise import he_normal, near_equal_scores
from pixelwise.shelf import declares


class LeanUNet(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W).

        stem       H/2    width      convolution, stride 2 (more of them where `halvings` says; all below shrinks with it)
        stage 1    H/4    2·width    residual block
        stage 2    H/8    4·width    residual block
        stage 3    H/16   8·width    residual blocks dilated by 1, 2, 4, then the picture's mean
        merges     H/8, H/4, H/2     deep map and skip projected, the deep one enlarged, their sum smoothed by a 3×3
        classifier H/2 → H           dropout, 1×1, bilinear

    What helps most at little cost when a network trains from scratch on a few hundred pictures:
    * Half of a U-Net's multiply-adds are spent at full size, where a pixel has seen almost nothing. Here the first
      convolution halves, and scores are made at half size and enlarged: outlines are coarser by at most a pixel.
    * Which classes are in a picture is known from the whole picture: dilation widens the view to more than 224 pixels
      (Yu & Koltun 2016), and the mean over the picture is added to every place (Liu et al. 2015, ParseNet).
    * Residual blocks (He et al. 2016) that begin as the identity (their last scale is 0; Goyal et al. 2017) train from the
      first step.
    * Skips are added, not concatenated (Lin et al. 2017, FPN), which halves the decoder's channels; and whole maps are
      dropped before the classifier (Tompson et al. 2015), because neighbouring pixels know each other's value.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, halvings: int, dropout: float) -> None:
        super().__init__()
        self.stride = 8 * 2**halvings
        self.enlargement = 2**halvings
        sizes = [width, 2 * width, 4 * width, 8 * width]
        steps = [conv_norm_relu(width if step else in_channels, width, stride=2) for step in range(halvings)]
        self.stem = nn.Sequential(*steps)
        self.stages = nn.ModuleList(
            nn.Sequential(conv_norm_relu(i, o, stride=2), *(Residual(o, dilation) for dilation in dilations))
            for (i, o), dilations in zip(pairwise(sizes), ((1,), (1,), (1, 2, 4)), strict=True)
        )
        self.stages[-1].append(PictureMean(sizes[3]))
        merged = [sizes[3], 2 * width, 2 * width, width]
        self.merges = nn.ModuleList(
            _Merge(deep, skip, out) for (deep, out), skip in zip(pairwise(merged), reversed(sizes[:-1]), strict=True)
        )
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = nn.Conv2d(width, out_channels, kernel_size=1)

    def scores(self, x: Tensor) -> Tensor:
        maps = [self.stem(x)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        deep = maps.pop()
        for merge in self.merges:
            deep = merge(deep, maps.pop())
        scores = self.classifier(self.dropout(deep))  # (B, out_channels, H/2, W/2)
        return enlarge(scores, self.enlargement)


class _Merge(nn.Module):
    """deep (B, C, h, w) and skip (B, C', 2h, 2w) → (B, out, 2h, 2w)"""

    def __init__(self, deep_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.deep = nn.Conv2d(deep_channels, out_channels, kernel_size=1)
        self.skip = nn.Conv2d(skip_channels, out_channels, kernel_size=1)
        self.smooth = conv_norm_relu(out_channels, out_channels)

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        # Projecting before enlarging costs a quarter and gives the same: both are linear, and the weights sum to 1.
        return self.smooth(enlarge(self.deep(deep)) + self.skip(skip))


@declares(gives="pixel")
def lean_unet(
    in_channels: int,
    out_channels: int,
    *,
    width: Annotated[int, Ge(1)] = 24,
    halvings: Annotated[int, Ge(1), Le(3)] = 1,
    dropout: Annotated[float, Ge(0), Le(0.9)] = 0.1,
) -> LeanUNet:
    """A residual U-Net at half size with dilated and whole-picture context, for training from scratch on few pictures.

    width:     channels after the first halvings; cost and parameters grow with its square
    halvings:  of the picture before the first stage. Each costs detail and divides the cost by four: scores are made at a
               half, a quarter or an eighth of the size
    dropout:   share of the maps dropped before the classifier while training
    """
    model = LeanUNet(in_channels, out_channels, width, halvings, dropout)
    he_normal(model)
    near_equal_scores(model.classifier)
    return model
