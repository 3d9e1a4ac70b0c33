"""The two smallest classifiers. Both end in fully connected layers, so they fit pictures of one size only.

`two_layer` uses no neighbourhoods of pixels. `vanilla_cnn` has one convolution, one pooling and one linear layer: it is the
smallest convolutional network.
"""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torch import Tensor, nn

from pixelwise.errors import ShapeError
from pixelwise.models.initialise import he_normal, small_scores, xavier_uniform
from pixelwise.shelf import declares

KERNEL, POOL = 7, 2


class TwoLayer(nn.Module):
    """(B, in_channels, H, W) of one size → (B, out_channels): linear, sigmoid, linear."""

    def __init__(self, in_channels: int, out_channels: int, size: tuple[int, int], hidden: int) -> None:
        super().__init__()
        self.size = tuple(size)
        self.hidden = nn.Linear(in_channels * size[0] * size[1], hidden)
        self.activation = nn.Sigmoid()
        self.classifier = nn.Linear(hidden, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        check_size(x, self.size)
        return self.classifier(self.activation(self.hidden(x.flatten(1))))


@declares(gives="picture")
def two_layer(
    in_channels: int, out_channels: int, *, size: tuple[int, int] = (32, 32), hidden: Annotated[int, Ge(1)] = 256
) -> TwoLayer:
    """Linear, sigmoid, linear; 789,258 parameters for RGB pictures of 32×32 and ten classes.

    size:    (H, W) of the pictures: a fully connected layer fits one size only
    hidden:  units between the two layers

    Xavier-uniform weights, zero biases.
    """
    model = TwoLayer(in_channels, out_channels, size, hidden)
    xavier_uniform(model)
    return model


class VanillaCNN(nn.Module):
    """(B, in_channels, H, W) of one size → (B, out_channels): convolution 7×7, ReLU, max-pooling 2×2, linear."""

    def __init__(self, in_channels: int, out_channels: int, size: tuple[int, int], width: int) -> None:
        super().__init__()
        height, breadth = ((side - KERNEL + 1) // POOL for side in size)
        if min(height, breadth) < 1:
            raise ShapeError(f"pictures of {size[1]}×{size[0]} are too small: at least {KERNEL + 1}×{KERNEL + 1}")
        self.size = tuple(size)
        self.convolution = nn.Conv2d(in_channels, width, kernel_size=KERNEL)  # no padding: 32 → 26
        self.activation = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(POOL)
        self.classifier = nn.Linear(width * height * breadth, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        check_size(x, self.size)
        return self.classifier(self.pool(self.activation(self.convolution(x))).flatten(1))


@declares(gives="picture")
def vanilla_cnn(
    in_channels: int, out_channels: int, *, size: tuple[int, int] = (32, 32), width: Annotated[int, Ge(1)] = 32
) -> VanillaCNN:
    """Convolution k7 s1 p0, ReLU, max-pooling k2 s2, linear; 58,826 parameters for RGB pictures of 32×32 and ten classes.

    size:   (H, W) of the pictures: a fully connected layer fits one size only
    width:  channels of the convolution

    He-normal convolution, a classifier that begins with small scores, zero biases.
    """
    model = VanillaCNN(in_channels, out_channels, size, width)
    he_normal(model)
    small_scores(model.classifier)
    return model


def check_size(x: Tensor, size: tuple[int, ...]) -> None:
    """Raise ShapeError for pictures of another size than fully connected layers were made for."""
    if tuple(x.shape[-2:]) != tuple(size):
        read, made = x.shape[-2:], size
        raise ShapeError(
            f"the pictures are {read[1]}×{read[0]}, but the model was made for {made[1]}×{made[0]} (width × height)",
            hint=f"Set data.size, or model.size: [{read[0]}, {read[1]}].",
        )
