"""Two fully connected layers: what can be said of a picture without looking at neighbourhoods."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge
from torch import Tensor, nn

from pixelwise.errors import ShapeError
from pixelwise.models.initialise import xavier_uniform
from pixelwise.shelf import declares


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


def check_size(x: Tensor, size: tuple[int, ...]) -> None:
    """Raise ShapeError for pictures of another size than fully connected layers were made for."""
    if tuple(x.shape[-2:]) != tuple(size):
        read, made = x.shape[-2:], size
        raise ShapeError(
            f"the pictures are {read[1]}×{read[0]}, the model was made for {made[1]}×{made[0]} (width × height)",
            hint=f"Set data.size, or model.size: [{read[0]}, {read[1]}].",
        )
