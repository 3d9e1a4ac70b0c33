"""The kinds of planes that are moved together, and what each holds where no picture is."""

from __future__ import annotations

from typing import Any

from torchvision import tv_tensors

PICTURE_FILL = (124, 116, 104)  # ImageNet's mean colour: close to zero after normalisation


class InstanceMap(tv_tensors.Mask):
    """(H, W) index of the object at each pixel: moved as a mask is, but 0, "no object", where nothing is known."""


def fills(fill: int) -> dict[type, Any]:
    """What each kind of plane holds where the picture does not reach; `fill` is the index in masks."""
    return {tv_tensors.Image: list(PICTURE_FILL), tv_tensors.Mask: fill, InstanceMap: 0}
