"""The decoder of `basic_fcn` on an encoder: it shows the effect of pretrained weights alone."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from pixelwise.errors import RecipeError
from pixelwise.models.basic_fcn import UP, upward
from pixelwise.models.dense import AnySize
from pixelwise.models.encoders import build_encoder
from pixelwise.models.encoders.base import Encoder
from pixelwise.models.initialise import xavier_uniform
from pixelwise.shelf import declares


class EncoderFCN(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W).

        encoder     its coarsest map only, (B, C, H/32, W/32)
        decoder     transposed convolutions to 512, 256, 128, 64, 32 channels, each doubles the size
        classifier  1×1 at full size

    An encoder whose coarsest stride is 16 gets the last four of the five steps, 256 to 32, and so on.
    """

    def __init__(self, encoder: Encoder, out_channels: int) -> None:
        super().__init__()
        self.stride = max(encoder.strides)
        self.encoder = encoder
        steps = self.stride.bit_length() - 1
        if 2**steps != self.stride or not 1 <= steps <= len(UP):
            what = f"the encoder's coarsest stride is {self.stride}; the decoder doubles the size 1 to {len(UP)} times."
            raise RecipeError(what, where="model.encoder", hint="Take an encoder of stride 32, e.g. resnet34.")
        self.decoder = nn.Sequential(*(upward(i, o) for i, o in pairwise((encoder.channels[-1], *UP[-steps:]))))
        self.classifier = nn.Conv2d(UP[-1], out_channels, kernel_size=1)

    def scores(self, x: Tensor) -> Tensor:
        return self.classifier(self.decoder(self.encoder(x)[-1]))


@declares(gives="pixel", named={"encoder": "encoder"}, weights={"imagenet": "{encoder}"})
def encoder_fcn(in_channels: int, out_channels: int, *, encoder: str = "resnet34") -> EncoderFCN:
    """`basic_fcn` with an encoder in place of its five convolutions: its decoder without skips on the coarsest map.

    encoder:  of `models/encoders`, any model of timm with feature maps, or package.module:function. A ResNet-34 without
              its pooling and last layer has the 512 channels at stride 32 that the decoder of `basic_fcn` reads

    Decoder and classifier are those of `basic_fcn`: transposed convolution, ReLU, BatchNorm; Xavier-uniform weights.
    """
    model = EncoderFCN(build_encoder(encoder, in_channels), out_channels)
    xavier_uniform(model.decoder)
    xavier_uniform(model.classifier)
    return model
