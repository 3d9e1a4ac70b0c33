"""What an encoder is: a network that returns feature maps of several sizes, from which a decoder computes scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from torch import Tensor, nn

from pixelwise.errors import ShapeError, listing
from pixelwise.models.dense import pad_to_multiple

OutputStride = Literal[8, 16, 32]  # of the coarsest map; below 32 the last stages are dilated


class Encoder(nn.Module, ABC):
    """(B, in_channels, H, W) → maps (B, channels[i], ⌈H / strides[i]⌉, ⌈W / strides[i]⌉), the finest first.

    name:      of the architecture, by which its weights are looked up, e.g. `resnet18`
    model:     the network that computes the maps; its parts keep the names that its public weights use
    channels:  of each map
    strides:   of each map. The picture is padded to a multiple of the largest one, with zeros to the right and below.
    levels:    the strides of the maps without dilation, by which decoders name them; `strides` unless given
    size:      (H, W) of the pictures, if the network was made for one size; None for any size
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        channels: tuple[int, ...],
        strides: tuple[int, ...],
        levels: tuple[int, ...] = (),
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        if not strides or any(max(strides) % stride for stride in strides):
            what = f"encoder '{name}' gives maps at strides {listing(map(str, strides))}; each must divide the largest one."
            raise ShapeError(what, where="model.encoder")
        self.name, self.model, self.channels, self.strides = name, model, channels, strides
        self.levels, self.size = levels or strides, size

    @abstractmethod
    def maps(self, x: Tensor) -> list[Tensor]:
        """The maps of pictures whose height and width are multiples of the largest stride."""

    def forward(self, x: Tensor) -> list[Tensor]:
        height, width = x.shape[-2:]
        padded = pad_to_multiple(x, max(self.strides))
        rows, columns = padded.shape[-2:]
        try:
            maps = self.maps(padded)
        except (AssertionError, RuntimeError, ValueError) as error:
            if self.size in (None, (height, width)) or "memory" in str(error):
                raise
            needed, given = (f"{columns}×{rows}" for rows, columns in (self.size, (height, width)))
            what = f"encoder '{self.name}' takes only pictures of {needed} (width × height); it was given"
            hint = f"Set data.size={list(self.size)}. Leave out augmentations that give another size."
            raise ShapeError(f"{what} one of {given}.", where="model.encoder", hint=hint) from error
        for found, channels, stride in zip(maps, self.channels, self.strides, strict=True):
            if tuple(found.shape[1:]) != (wanted := (channels, rows // stride, columns // stride)):
                what = f"encoder '{self.name}' gives a map of {tuple(found.shape[1:])} where {wanted} was announced"
                raise ShapeError(f"{what}, for pictures of {columns}×{rows}.", where="model")
        return [m[..., : -(-height // s), : -(-width // s)] for m, s in zip(maps, self.strides, strict=True)]
