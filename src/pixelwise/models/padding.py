"""Any height and width through a network that halves: padded to its stride, cropped back."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def pad_to_stride(x: Tensor, stride: int) -> Tensor:
    """x (B, C, H, W) with zeros to the right and below, up to the next multiple of `stride`.

    Zero is the mean colour of a normalised picture. The top left corner stays where it is, so
    `out[..., :H, :W]` is the crop that undoes it.
    """
    height, width = x.shape[-2:]
    below, right = -height % stride, -width % stride
    return functional.pad(x, (0, right, 0, below)) if below or right else x
