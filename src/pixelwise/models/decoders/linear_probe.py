"""What an encoder already knows: a linear classifier of each place of its maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from pixelwise.models.decoders.maps import choose_maps
from pixelwise.models.encoders import build_encoder
from pixelwise.models.encoders.base import Encoder, OutputStride
from pixelwise.models.padding import AnySize, enlarge
from pixelwise.shelf import declares


class LinearProbe(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W).

    One 1×1 convolution on the maps side by side, all enlarged to the finest. It is computed in parts, one for each map at
    its own size, whose scores are enlarged and added: both are linear, so the result is the same and costs much less.
    """

    def __init__(self, encoder: Encoder, out_channels: int, strides: Sequence[int], norm: str) -> None:
        super().__init__()
        self.chosen = choose_maps(encoder, strides)
        self.stride = max(encoder.strides)
        self.strides = [encoder.strides[place] for place in self.chosen]  # less than `strides` where it is dilated
        channels = [encoder.channels[place] for place in self.chosen]
        self.encoder = encoder
        standardised = (nn.BatchNorm2d(each, affine=False) if norm == "batch" else nn.Identity() for each in channels)
        self.decoder = nn.ModuleList(standardised)
        self.classifier = nn.ModuleList(
            nn.Conv2d(each, out_channels, kernel_size=1, bias=part == 0) for part, each in enumerate(channels)
        )

    def scores(self, x: Tensor) -> Tensor:
        maps = self.encoder(x)
        parts = zip(self.classifier, self.decoder, self.chosen, strict=True)
        scored = [classify(standardise(maps[place])) for classify, standardise, place in parts]
        merged = scored[-1]
        for level in reversed(range(len(scored) - 1)):
            merged = scored[level] + enlarge(merged, self.strides[level + 1] // self.strides[level])
        return enlarge(merged, self.strides[0])


@declares(gives="pixel", named={"encoder": "encoder"}, weights={"imagenet": "{encoder}"})
def linear_probe(
    in_channels: int,
    out_channels: int,
    *,
    encoder: str = "tf_efficientnet_lite0",
    strides: tuple[int, ...] = (8, 16, 32),
    output_stride: OutputStride = 32,
    norm: Literal["none", "batch"] = "none",
) -> LinearProbe:
    """One 1×1 convolution on the maps of an encoder: the first thing to try with pretrained weights.

    encoder:  of `models/encoders`, any model of timm with feature maps, or package.module:function. Freeze it by
              `freeze: [encoder]` in the phase: then what is learned is only which mixture of its channels says which class
    strides:  of the encoder's maps that are read, fine to coarse
    output_stride:  of the encoder's coarsest map. With 16 or 8, its last stages are dilated instead of halving (Chen et
              al. 2017): same weights, finer maps, more computation. `strides` names the maps by their strides without
              dilation
    norm:     `batch` scales each channel to mean 0 and variance 1 before, without parameters (He et al. 2022, MAE, on
              linear probing). In evaluation it is a fixed linear map, so that the probe stays linear. Where channels have
              large values, as those of `tf_efficientnet_lite0`, it makes them smaller and so needs a higher learning rate
              or more epochs

    The weights begin at 0: all classes are equal, and the first step goes straight to the mean of each class.
    """
    model = LinearProbe(build_encoder(encoder, in_channels, output_stride), out_channels, strides, norm)
    for part in model.classifier:
        nn.init.zeros_(part.weight)
    nn.init.zeros_(model.classifier[0].bias)
    return model
