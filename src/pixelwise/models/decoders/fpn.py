"""A light feature pyramid on an encoder (Lin et al. 2017): our first choice for dense prediction with few pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from annotated_types import Ge, Le
from torch import Tensor, nn

from pixelwise.models.blocks import Norm, conv_norm_relu
from pixelwise.models.decoders.linear_probe import Standardise, linear_classifiers, linear_scores, standardisation
from pixelwise.models.decoders.maps import choose_maps
from pixelwise.models.dense import AnySize, enlarge
from pixelwise.models.encoders import build_encoder
from pixelwise.models.encoders.base import Encoder, OutputStride
from pixelwise.models.initialise import he_normal, near_equal_scores
from pixelwise.shelf import declares


class FPN(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W).

    encoder     maps of several strides, finest first
    decoder     coarse to fine: each map is projected by a 1×1 convolution to `channels`, the coarser result is enlarged
                and added, and a 3×3 convolution smooths the sum
    classifier  dropout, 1×1, at the finest stride; the scores are enlarged to the size of the picture
    linear      the scores of a linear probe of the same maps, added to those of the classifier
    """

    def __init__(
        self,
        encoder: Encoder,
        out_channels: int,
        strides: Sequence[int],
        channels: int,
        norm: Norm,
        dropout: float,
        standardise: Standardise = "batch",
        linear: bool = True,
    ) -> None:
        super().__init__()
        self.chosen = choose_maps(encoder, strides)
        self.stride = max(encoder.strides)
        self.strides = [encoder.strides[place] for place in self.chosen]  # less than `strides` where it is dilated
        given = [encoder.channels[place] for place in self.chosen]
        self.encoder = encoder
        self.standardise = standardisation(given, standardise)
        self.decoder = Pyramid(given, self.strides, channels, norm)
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = nn.Conv2d(channels, out_channels, kernel_size=1)
        self.linear = linear_classifiers(given, out_channels) if linear else None

    def scores(self, x: Tensor) -> Tensor:
        maps = self.encoder(x)
        chosen = [layer(maps[place]) for layer, place in zip(self.standardise, self.chosen, strict=True)]
        scores = self.classifier(self.dropout(self.decoder(chosen)))  # (B, classes, H/finest, W/finest)
        if self.linear is not None:
            scores = scores + linear_scores(self.linear, chosen, self.strides)
        return enlarge(scores, self.strides[0])


class Pyramid(nn.Module):
    """Maps (B, C_i, H/S_i, W/S_i), finest first → (B, channels, H/S_0, W/S_0)"""

    def __init__(self, in_channels: Sequence[int], strides: Sequence[int], channels: int, norm: Norm) -> None:
        super().__init__()
        self.factors = [coarse // fine for fine, coarse in pairwise(strides)]
        self.laterals = nn.ModuleList(nn.Conv2d(each, channels, kernel_size=1) for each in in_channels)
        self.smooths = nn.ModuleList(conv_norm_relu(channels, channels, norm) for _ in in_channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        merged = self.smooths[-1](self.laterals[-1](maps[-1]))
        for level in reversed(range(len(maps) - 1)):
            merged = self.smooths[level](self.laterals[level](maps[level]) + enlarge(merged, self.factors[level]))
        return merged


@declares(gives="pixel", named={"encoder": "encoder"}, weights={"imagenet": "{encoder}"})
def fpn(
    in_channels: int,
    out_channels: int,
    *,
    encoder: str = "tf_efficientnet_lite0",
    strides: tuple[int, ...] = (4, 8, 16, 32),
    output_stride: OutputStride = 32,
    channels: Annotated[int, Ge(1)] = 128,
    norm: Norm = "group",
    dropout: Annotated[float, Ge(0), Le(0.9)] = 0.2,
    standardise: Standardise = "batch",
    linear: bool = True,
) -> FPN:
    """A light pyramid on an encoder: 1×1 projections, sums from coarse to fine, 3×3 smoothing.

    encoder:   of `models/encoders`, any model of timm with feature maps, or package.module:function
    strides:   of the encoder's maps that are read, fine to coarse. Scores are made at the finest one; each halving of it
               costs about three times as much in the decoder, and 8 gives outlines that are coarser by some pixels
    output_stride:  of the encoder's coarsest map. With 16 or 8, its last stages are dilated instead of halving (Chen et
               al. 2017): same weights, finer maps, more computation. `strides` names the maps by their strides without
               dilation
    channels:  of the pyramid; the cost of smoothing grows with its square
    norm:      after each 3×3 convolution. `group`, the default: statistics of one picture (Wu & He 2018), because the
               batches of a small training set are too small for those of a batch. `batch`, `none`
    dropout:   share of the maps dropped before the classifier while training (Tompson et al. 2015)
    standardise:  `batch` scales each channel of the encoder's maps to mean 0 and variance 1 before anything reads it,
               without parameters: channels of pretrained encoders differ much in size. `none`
    linear:    add the scores of a linear probe of the same maps, whose weights begin at 0. The probe learns within some
               dozens of steps; the pyramid learns the rest

    With `tf_efficientnet_lite0` at 224×224: 1.0 GMACs, of which the encoder takes .37.
    """
    shared = build_encoder(encoder, in_channels, output_stride)
    model = FPN(shared, out_channels, strides, channels, norm, dropout, standardise, linear)
    he_normal(model.decoder)
    near_equal_scores(model.classifier)
    return model
