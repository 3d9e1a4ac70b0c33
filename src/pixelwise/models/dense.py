"""What networks for dense prediction share: scores at any height and width, parts in a row, maps that are enlarged.

Pictures are padded to the stride of a network that halves them, and its scores are cropped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.nn import functional


def pad_to_multiple(x: Tensor, stride: int) -> Tensor:
    """The pictures (B, C, H, W), padded to a multiple of `stride` with zeros to the right and below."""
    height, width = x.shape[-2:]
    below, right = -height % stride, -width % stride
    return functional.pad(x, (0, right, 0, below)) if below or right else x


class AnySize(nn.Module, ABC):
    """A network (B, in_channels, H, W) → (B, out_channels, H, W) that can compute multiples of its stride only.

    stride:  of the smallest map. The picture is padded to a multiple of it, with zeros to the right and below: the mean
             colour of a normalised picture. The scores are cropped back to its size.
    """

    stride: int

    @abstractmethod
    def scores(self, x: Tensor) -> Tensor:
        """The scores (B, out_channels, H, W) of pictures whose height and width are multiples of the stride."""

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        return self.scores(pad_to_multiple(x, self.stride))[..., :height, :width]


class Chain(AnySize):
    """Named parts one after the other, e.g. `Chain(32, encoder=…, decoder=…, classifier=…)`."""

    def __init__(self, stride: int, **parts: nn.Module) -> None:
        super().__init__()
        self.stride = stride
        for name, part in parts.items():
            self.add_module(name, part)

    def scores(self, x: Tensor) -> Tensor:
        for part in self.children():
            x = part(x)
        return x


def enlarge(x: Tensor, factor: int = 2) -> Tensor:
    """(B, C, h, w) → (B, C, factor·h, factor·w), bilinear. The factor is exact: padded sizes are multiples of the stride."""
    if factor == 1:
        return x
    return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
