"""The models of the shelf made small, for tests of what all of them owe."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from pixelwise.models import MODELS
from pixelwise.models.encoders.base import Encoder

ENCODER = "small_models:strided"
REGIONS = {"standardise": "batch", "features": 16, "proposals": 50, "regions": 16, "least_score": 0.01}
CHOSEN: dict[str, dict[str, Any]] = {
    "deeplabv3": {"backbone": "mobilenet_v3_large"},
    "two_layer": {"hidden": 8},
    "vanilla_cnn": {"width": 4},
    "resnet": {"depth": 20},
    "mask_rcnn": {"encoder": ENCODER, "channels": 8, "hidden": 8, **REGIONS},
    "faster_rcnn": {"encoder": ENCODER, "channels": 8, **REGIONS},
}


def options_of(name: str) -> dict[str, Any]:
    """Options of a model that make it narrow, with an encoder that needs no timm."""
    known = MODELS.signature(name).options
    small: dict[str, Any] = {"width": 8, "channels": 8, "encoder": ENCODER}
    return CHOSEN.get(name) or {key: value for key, value in small.items() if key in known}


class Strided(Encoder):
    """Five strided convolutions with BatchNorm; each gives a map."""

    def maps(self, x: Tensor) -> list[Tensor]:
        found = []
        for layer in self.model:
            x = layer(x)
            found.append(x)
        return found


def strided(in_channels: int) -> Encoder:
    """An encoder with maps of 4, 6, 8, 10 and 12 channels at strides 2 to 32."""
    channels = (4, 6, 8, 10, 12)
    pairs = zip((in_channels, *channels), channels, strict=False)
    layers = [
        nn.Sequential(nn.Conv2d(i, o, 3, stride=2, padding=1), nn.BatchNorm2d(o), nn.LeakyReLU()) for i, o in pairs
    ]
    return Strided("strided", nn.Sequential(*layers), channels, (2, 4, 8, 16, 32))
