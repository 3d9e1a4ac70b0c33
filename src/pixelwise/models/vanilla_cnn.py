"""One convolution, one pooling, one linear layer: the smallest network that deserves to be called convolutional."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torch import Tensor, nn

from pixelwise.errors import ShapeError
from pixelwise.models.initialise import he_normal, small_scores
from pixelwise.models.two_layer import check_size
from pixelwise.shelf import declares

KERNEL, POOL = 7, 2


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
