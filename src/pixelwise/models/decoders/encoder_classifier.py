"""A classifier of whole pictures on an encoder."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Le
from torch import Tensor, nn

from pixelwise.models.encoders import build_encoder
from pixelwise.models.encoders.base import Encoder
from pixelwise.models.initialise import small_scores
from pixelwise.shelf import declares


class EncoderClassifier(nn.Module):
    """(B, in_channels, H, W) → (B, out_channels): the mean of the coarsest map over its places, dropout, linear."""

    def __init__(self, encoder: Encoder, out_channels: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(encoder.channels[-1], out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.dropout(self.encoder(x)[-1].mean(dim=(2, 3))))


@declares(gives="picture", named={"encoder": "encoder"}, weights={"imagenet": "{encoder}"})
def encoder_classifier(
    in_channels: int,
    out_channels: int,
    *,
    encoder: str = "tf_efficientnet_lite0",
    dropout: Annotated[float, Ge(0), Le(0.9)] = 0.2,
) -> EncoderClassifier:
    """The mean of an encoder's coarsest map and a linear layer. With `freeze: [encoder]` it is a linear probe.

    encoder:  of `models/encoders`, any model of timm with feature maps, or package.module:function
    dropout:  share of the channels dropped before the linear layer while training
    """
    model = EncoderClassifier(build_encoder(encoder, in_channels), out_channels, dropout)
    small_scores(model.classifier)
    return model
