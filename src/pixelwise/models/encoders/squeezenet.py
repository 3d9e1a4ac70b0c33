"""SqueezeNet of torchvision as an encoder: an architecture that does not come from timm."""

from __future__ import annotations

from torch import Tensor, nn

from pixelwise.models.encoders.base import Encoder

LAST = (1, 5, 10, 12)  # the layer of `features` whose output is a map, in the order of strides


class SqueezeNet(Encoder):
    """SqueezeNet 1.0. Its first convolution is padded by 3, so that every map has the size of its stride."""

    def maps(self, x: Tensor) -> list[Tensor]:
        found = []
        for number, layer in enumerate(self.model.features):
            x = layer(x)
            if number in LAST:
                found.append(x)
        return found


def squeezenet1_0(in_channels: int) -> Encoder:
    """SqueezeNet 1.0 of torchvision (Iandola 2016): 96, 256, 512, 512 channels, strides 2 to 16; 0.7 million parameters."""
    from torchvision.models import squeezenet1_0 as build

    model = build(weights=None)
    del model.classifier
    first = model.features[0]
    model.features[0] = nn.Conv2d(
        in_channels, first.out_channels, kernel_size=first.kernel_size, stride=first.stride, padding=3
    )
    nn.init.kaiming_uniform_(model.features[0].weight)
    nn.init.zeros_(model.features[0].bias)
    return SqueezeNet("squeezenet1_0", model, (96, 256, 512, 512), (2, 4, 8, 16))
