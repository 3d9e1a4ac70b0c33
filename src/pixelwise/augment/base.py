"""The kinds of planes that are moved together, what each holds where no picture is, and transforms of whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor
from torchvision import tv_tensors

PICTURE_FILL = (124, 116, 104)  # ImageNet's mean colour: close to zero after normalisation


class ObjectMasks(tv_tensors.Mask):
    """(N, H, W) the pixels of each object: moved as a mask is, but 0, "no object", where nothing is known."""


def fills(fill: int) -> dict[type, Any]:
    """What each kind of plane holds where the picture does not reach; `fill` is the index in masks."""
    return {tv_tensors.Image: list(PICTURE_FILL), tv_tensors.Mask: fill, ObjectMasks: 0}


@runtime_checkable
class Batchwise(Protocol):
    """A transform that can also do a whole batch of pictures at once, to the bytes it would give picture by picture."""

    def draw(self) -> Any:
        """What it draws for one picture, from torch's global generator, exactly as it does for a picture alone."""

    def transform_batch(self, pictures: Tensor, drawn: Sequence[Any]) -> Tensor:
        """(B, H, W, 3) uint8 on any device, each picture by its own draw. The pictures given stay as they are."""
