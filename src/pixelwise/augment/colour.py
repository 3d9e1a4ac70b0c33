"""Augmentations that change colours but move no pixels."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge, Le
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from pixelwise.augment.geometry import even

GREY = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)  # what R, G and B add to grey (ITU-R BT.601)


def colour(
    fill: int,
    *,
    brightness: Annotated[float, Ge(0)] = 0.2,
    contrast: Annotated[float, Ge(0)] = 0.2,
    saturation: Annotated[float, Ge(0)] = 0.2,
    hue: Annotated[float, Ge(0), Le(0.5)] = 0.0,
) -> v2.Transform:
    """Random changes of brightness, contrast, saturation and hue; masks stay unchanged.

    brightness, contrast, saturation:  factor drawn evenly from max(0, 1 − x) to 1 + x, applied in random order
    hue:  turn of the colour circle, drawn evenly from −x to x, at most 0.5 (half a circle), applied last; it takes
          longer than the other three together. It does nothing to pictures of other channels than red, green and blue
    """
    return Colour({"brightness": brightness, "contrast": contrast, "saturation": saturation}, hue)


class Colour(v2.Transform):
    """torchvision's ColorJitter with the same factors, its first three steps made one.

    Brightness, contrast and saturation each blend the picture with a colour that is linear in it: black, its mean grey,
    its own grey. Whatever their order, the result is  α·x_c + v·x + β  for channel c of a pixel x, so one pass does it,
    without rounding and clipping in between.
    """

    def __init__(self, spread: dict[str, float], hue: float) -> None:
        super().__init__()
        self.spread, self.hue = spread, hue

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        names = list(self.spread)
        order = [names[i] for i in torch.randperm(len(names)).tolist()]
        blends = [(name, even(max(0.0, 1 - self.spread[name]), 1 + self.spread[name])) for name in order]
        return {"blends": blends, "turn": self.hue * (2 * even(0, 1) - 1)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not isinstance(inpt, tv_tensors.Image):
            return inpt
        picture = blended(inpt.as_subclass(torch.Tensor), params["blends"])
        if params["turn"] and len(picture) == 3:
            picture = functional.adjust_hue(picture, params["turn"])
        return tv_tensors.wrap(picture, like=inpt)


def blended(picture: Tensor, blends: list[tuple[str, float]]) -> Tensor:
    """(C, H, W) uint8 after `blends`, (property, factor) in their order: x ← f·x + (1 − f)·(what it is blended with).

    Elementwise arithmetic and sums of whole numbers only: the same bits for any number of threads.
    """
    planes = picture.contiguous().float()
    weights = GREY if len(planes) == 3 else torch.full((len(planes),), 1 / len(planes), dtype=torch.float64)
    mean = planes.sum(dim=2).double().sum(dim=1) / planes[0].numel()  # sums of a row are exact in float32
    alpha, mix, offset = (
        1.0,
        torch.zeros(len(planes), dtype=torch.float64),
        0.0,
    )  # by now, channel c holds α·x_c + mix·x + offset
    for name, factor in blends:
        if name == "saturation":  # with the pixel's own grey, α·(g·x) + mix·x + offset
            mix = mix + (1 - factor) * alpha * weights
            alpha *= factor
        else:  # with black, or with the grey of the mean colour
            grey = (alpha * weights + mix).dot(mean).item() + offset if name == "contrast" else 0.0
            alpha, mix, offset = factor * alpha, factor * mix, factor * offset + (1 - factor) * grey
    common = planes[0] * mix[0].item()
    for channel in range(1, len(planes)):
        common += planes[channel] * mix[channel].item()
    common += offset + 0.5  # the conversion to whole numbers cuts: with a half more, it rounds
    planes *= alpha
    planes += common
    return planes.clamp_(0, 255).to(torch.uint8)
