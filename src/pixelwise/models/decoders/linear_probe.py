"""A linear classifier of each place of an encoder's maps: it shows what the encoder already knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from pixelwise.models.decoders.maps import choose_maps
from pixelwise.models.dense import AnySize, enlarge
from pixelwise.models.encoders import build_encoder
from pixelwise.models.encoders.base import Encoder, OutputStride
from pixelwise.shelf import declares

Standardise = Literal["none", "batch"]


class LinearProbe(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W).

    One 1×1 convolution on the maps side by side, all enlarged to the finest. It is computed in parts, one for each map at
    its own size, whose scores are enlarged and added: both are linear, so the result is the same and costs much less.
    """

    def __init__(self, encoder: Encoder, out_channels: int, strides: Sequence[int], standardise: Standardise) -> None:
        super().__init__()
        self.chosen = choose_maps(encoder, strides)
        self.stride = max(encoder.strides)
        self.strides = [encoder.strides[place] for place in self.chosen]  # less than `strides` where it is dilated
        channels = [encoder.channels[place] for place in self.chosen]
        self.encoder = encoder
        self.decoder = standardisation(channels, standardise)
        self.classifier = linear_classifiers(channels, out_channels)

    def scores(self, x: Tensor) -> Tensor:
        maps = self.encoder(x)
        standardised = [layer(maps[place]) for layer, place in zip(self.decoder, self.chosen, strict=True)]
        return enlarge(linear_scores(self.classifier, standardised, self.strides), self.strides[0])


def standardisation(channels: Sequence[int], standardise: Standardise) -> nn.ModuleList:
    """For each map a layer that scales its channels to mean 0 and variance 1 (`batch`), or leaves them (`none`)."""
    by_batch = standardise == "batch"
    return nn.ModuleList(nn.BatchNorm2d(each, affine=False) if by_batch else nn.Identity() for each in channels)


def linear_classifiers(channels: Sequence[int], out_channels: int) -> nn.ModuleList:
    """For each map a 1×1 convolution to the classes, all weights 0; the first has the bias of all."""
    layers = [nn.Conv2d(each, out_channels, kernel_size=1, bias=part == 0) for part, each in enumerate(channels)]
    for layer in layers:
        nn.init.zeros_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return nn.ModuleList(layers)


def linear_scores(classifiers: nn.ModuleList, maps: Sequence[Tensor], strides: Sequence[int]) -> Tensor:
    """Maps (B, C_i, H/S_i, W/S_i), finest first → the sum of their scores (B, classes, H/S_0, W/S_0)"""
    scored = [classify(each) for classify, each in zip(classifiers, maps, strict=True)]
    merged = scored[-1]
    for level in reversed(range(len(scored) - 1)):
        merged = scored[level] + enlarge(merged, strides[level + 1] // strides[level])
    return merged


@declares(gives="pixel", named={"encoder": "encoder"}, weights={"imagenet": "{encoder}"})
def linear_probe(
    in_channels: int,
    out_channels: int,
    *,
    encoder: str = "tf_efficientnet_lite0",
    strides: tuple[int, ...] = (8, 16, 32),
    output_stride: OutputStride = 32,
    standardise: Standardise = "none",
) -> LinearProbe:
    """One 1×1 convolution on the maps of an encoder: the first thing to try with pretrained weights.

    encoder:  of `models/encoders`, any model of timm with feature maps, or package.module:function. Freeze it by
              `freeze: [encoder]` in the phase: then what is learned is only which mixture of its channels says which class
    strides:  of the encoder's maps that are read, fine to coarse
    output_stride:  of the encoder's coarsest map. With 16 or 8, its last stages are dilated instead of halving (Chen et
              al. 2017): same weights, finer maps, more computation. `strides` names the maps by their strides without
              dilation
    standardise:  `batch` scales each channel to mean 0 and variance 1 before, without parameters (He et al. 2022, MAE, on
              linear probing). In evaluation it is a fixed linear map, so that the probe stays linear. Where channels have
              large values, as those of `tf_efficientnet_lite0`, it makes them smaller and so needs a higher learning rate
              or more epochs

    The weights begin at 0: all classes are equal, and the first step goes straight to the mean of each class.
    """
    return LinearProbe(build_encoder(encoder, in_channels, output_stride), out_channels, strides, standardise)
