"""A U-Net whose contracting path is an encoder, e.g. the "ResUNet" of a ResNet-18."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn

from pixelwise.errors import RecipeError
from pixelwise.models.blocks import Norm, double_convolution
from pixelwise.models.decoders.linear_probe import Standardise, linear_classifiers, linear_scores, standardisation
from pixelwise.models.dense import AnySize, enlarge
from pixelwise.models.encoders import build_encoder
from pixelwise.models.encoders.base import Encoder
from pixelwise.models.initialise import he_normal, near_equal_scores
from pixelwise.shelf import declares


class EncoderUNet(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W).

    encoder     maps of several strides, finest first; those finer than `finest` are not read
    decoder     from the coarsest map: enlarge to the next finer stride, concatenate that map, two 3×3 convolutions to
                width · stride channels; a step to full size has no map to concatenate
    classifier  1×1 at the stride `finest`; the scores are enlarged to the size of the picture
    linear      the scores of a linear probe of the same maps, added to those of the classifier
    """

    def __init__(
        self,
        encoder: Encoder,
        out_channels: int,
        width: int,
        norm: Norm,
        finest: int,
        standardise: Standardise,
        linear: bool,
    ) -> None:
        super().__init__()
        allowed = sorted({1, *encoder.strides[:-1]})
        if finest not in allowed:
            what = f"is {finest}; the decoder can end at the strides {', '.join(map(str, allowed))}."
            raise RecipeError(what, where="model.finest", hint="1 is full size.")
        self.chosen = [place for place, stride in enumerate(encoder.strides) if stride >= finest]
        self.stride, self.finest = max(encoder.strides), finest
        self.strides = [encoder.strides[place] for place in self.chosen]
        given = [encoder.channels[place] for place in self.chosen]
        self.encoder = encoder
        self.standardise = standardisation(given, standardise)
        strides, skips = [*reversed(self.strides)], [*reversed(given)]
        if strides[-1] > finest:
            strides, skips = [*strides, finest], [*skips, 0]
        widths = [skips[0], *(width * stride for stride in strides[1:])]
        self.decoder = nn.ModuleList(
            _Up(deep, skip, out, coarse // fine, norm)
            for (coarse, fine), (deep, out), skip in zip(pairwise(strides), pairwise(widths), skips[1:], strict=True)
        )
        self.classifier = nn.Conv2d(widths[-1], out_channels, kernel_size=1)
        self.linear = linear_classifiers(given, out_channels) if linear else None

    def scores(self, x: Tensor) -> Tensor:
        maps = self.encoder(x)
        chosen = [layer(maps[place]) for layer, place in zip(self.standardise, self.chosen, strict=True)]
        *skips, merged = chosen
        for step in self.decoder:
            merged = step(merged, skips.pop() if skips else None)
        scores = enlarge(self.classifier(merged), self.finest)
        if self.linear is None:
            return scores
        return scores + enlarge(linear_scores(self.linear, chosen, self.strides), self.strides[0])


class _Up(nn.Module):
    """deep (B, deep, h, w) and skip (B, skip, factor·h, factor·w), or None → (B, out, factor·h, factor·w)"""

    def __init__(self, deep_channels: int, skip_channels: int, out_channels: int, factor: int, norm: Norm) -> None:
        super().__init__()
        self.factor = factor
        self.convolutions = double_convolution(deep_channels + skip_channels, out_channels, norm)

    def forward(self, deep: Tensor, skip: Tensor | None) -> Tensor:
        enlarged = enlarge(deep, self.factor)
        return self.convolutions(enlarged if skip is None else torch.cat([skip, enlarged], dim=1))


@declares(gives="pixel", named={"encoder": "encoder"}, weights={"imagenet": "{encoder}"})
def encoder_unet(
    in_channels: int,
    out_channels: int,
    *,
    encoder: str = "resnet18",
    width: Annotated[int, Ge(1)] = 16,
    norm: Norm = "group",
    finest: Annotated[int, Ge(1)] = 1,
    standardise: Standardise = "none",
    linear: bool = False,
) -> EncoderUNet:
    """A U-Net (Ronneberger et al. 2015) on an encoder: skips are concatenated at every stride, up to full size.

    encoder:  of `models/encoders`, any model of timm with feature maps, or package.module:function
    width:    channels of the decoder at full size; they double with every halving, to 16 times as many at stride 16
    norm:     between each 3×3 convolution of the decoder and its ReLU. `group`: statistics of one picture (Wu & He 2018),
              for small batches. `batch`: over the batch. `none`
    finest:   stride of the decoder's last step. 1 is full size; with 4, the scores are computed at a quarter of it and
              enlarged, and finer maps of the encoder are not read
    standardise:  `batch` scales each channel of the encoder's maps to mean 0 and variance 1 before anything reads it,
              without parameters. `none`
    linear:   add the scores of a linear probe of the same maps, whose weights begin at 0, as in `fpn`: with a few hundred
              pictures the decoder alone has too few updates to learn from

    Maps are enlarged bilinearly, not by transposed convolutions: no weights to learn, and no chequered pattern.

    Raises RecipeError if the encoder has no map of the stride `finest` and it is not 1.
    """
    model = EncoderUNet(build_encoder(encoder, in_channels), out_channels, width, norm, finest, standardise, linear)
    he_normal(model.decoder)
    near_equal_scores(model.classifier)
    return model
