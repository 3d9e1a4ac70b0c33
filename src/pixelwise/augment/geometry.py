"""Augmentations that move pixels: picture, mask and objects always together.

Each builder takes `fill`, the mask index for places that no picture covers, and returns a torchvision v2 transform.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, sqrt
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Le
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from pixelwise.errors import RecipeError
from pixelwise.shelf import declares

PICTURE_FILL = (124, 116, 104)  # ImageNet's mean colour: close to zero after normalisation

Size = tuple[int, int]
Range = tuple[float, float]
Direction = Literal["horizontal", "vertical"]


class ObjectMasks(tv_tensors.Mask):
    """(N, H, W) the pixels of each object: moved like a mask, but with 0, "no object", in uncovered places."""


def fills(fill: int) -> dict[type, Any]:
    """The value of each kind of plane in places that the picture does not cover; `fill` is the index in masks."""
    return {tv_tensors.Image: list(PICTURE_FILL), tv_tensors.Mask: fill, ObjectMasks: 0}


def fill_of(known: dict[type, Any], plane: Tensor) -> Any:
    """The fill of a plane: a colour for a picture of three channels, and for others with the mean of its three numbers."""
    value = known.get(type(plane), 0)
    return colour_for(value, plane.shape[-3]) if isinstance(value, list) else value


def colour_for(colour: list[int], channels: int) -> list[int]:
    """A colour for pictures with `channels` channels. Channels after the third get the mean of the first three."""
    return [*colour, *[round(sum(colour) / len(colour))] * (channels - len(colour))][:channels]


def flip(fill: int, *, p: Annotated[float, Ge(0), Le(1)] = 0.5, direction: Direction = "horizontal") -> v2.Transform:
    """Mirror the picture with probability p; direction: left and right (`horizontal`), or top and bottom (`vertical`)."""
    return Flip(p, direction)


@declares(only_with={"padding": "size=None", "edge": "size=None"})
def crop(
    fill: int, *, padding: Annotated[int, Ge(1)] = 4, edge: Literal["mean", "black"] = "mean", size: Size | None = None
) -> v2.Transform:
    """A window at a random place: of the picture's own size in the padded picture, or a smaller one inside the picture.

    padding:  pixels on each side, so that the picture moves by up to this many each way
    edge:     what is seen beyond the picture: ImageNet's `mean` colour, which is about 0 after normalisation, or `black`
    size:     (H, W) of a smaller window, neither padded nor resized
    """
    if size is not None:
        return SmallCrop(_size(size))
    return Crop(padding, {**fills(fill), **({tv_tensors.Image: 0} if edge == "black" else {})})


@declares(resizes="size", window=("scale", "ratio"))
def scale_crop(
    fill: int, *, size: tuple[int, int], scale: Range = (0.25, 1.0), ratio: Range = (0.75, 1.3333)
) -> v2.Transform:
    """A window of random area, shape and place, resized to `size`: objects at other scales and places.

    size:   (H, W) of the result
    scale:  area of the window as a share of the picture, drawn evenly; above 1 the window is larger than the picture,
            and what it shows beyond the edges is void
    ratio:  width / height of the window over that of the picture, drawn evenly in its logarithm
    """
    return ScaleCrop(_size(size), _range("scale", scale), _range("ratio", ratio), fill)


def rotation(fill: int, *, degrees: Annotated[float, Ge(0), Le(180)]) -> v2.Transform:
    """Turn about the centre by an angle drawn evenly from −degrees to degrees; uncovered corners are void."""
    return Rotation(degrees, fills(fill))


@declares(resizes="size")
def resize(fill: int, *, size: tuple[int, int]) -> v2.Transform:
    """Every picture at one size (H, W), without keeping its shape: bilinear with antialias, masks by the nearest pixel."""
    return Resize(_size(size))


class Rotation(v2.RandomRotation):
    """torchvision's RandomRotation, for pictures of any number of channels."""

    def __init__(self, degrees: float, fills: dict[type, Any]) -> None:
        super().__init__(degrees, interpolation=v2.InterpolationMode.BILINEAR, fill=fills)
        self.fills = fills

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not isinstance(inpt, tv_tensors.Image) or inpt.shape[-3] == 3:
            return super().transform(inpt, params)
        fill = fill_of(self.fills, inpt)
        return functional.rotate(inpt, params["angle"], interpolation=v2.InterpolationMode.BILINEAR, fill=fill)


class Resize(v2.Transform):
    """Planes of any size at one size."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = list(size)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return _resized(inpt, self.size)


class Flip(v2.Transform):
    """The mirror image, with probability p."""

    def __init__(self, p: float, direction: Direction) -> None:
        super().__init__()
        self.p, self.direction = p, direction

    def draw(self) -> bool:
        return bool(torch.rand(1) < self.p)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"mirrored": self.draw()}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not params["mirrored"]:
            return inpt
        return functional.horizontal_flip(inpt) if self.direction == "horizontal" else functional.vertical_flip(inpt)

    def transform_batch(self, pictures: Tensor, drawn: Sequence[bool]) -> Tensor:
        chosen = torch.tensor(drawn, device=pictures.device)
        moved = pictures.clone()
        moved[chosen] = pictures[chosen].flip(2 if self.direction == "horizontal" else 1)
        return moved


class Crop(v2.Transform):
    """A window of the picture's own size, anywhere in the padded picture."""

    def __init__(self, padding: int, fills: dict[type, Any]) -> None:
        super().__init__()
        self.padding, self.fills = padding, fills

    def draw(self) -> tuple[int, int]:
        top, left = torch.randint(0, 2 * self.padding + 1, (2,)).tolist()
        return top, left

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        top, left = self.draw()
        return {"top": top, "left": left}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        height, width = inpt.shape[-2:]
        padded = functional.pad(inpt, [self.padding], fill=fill_of(self.fills, inpt))
        return functional.crop(padded, params["top"], params["left"], height, width)

    def transform_batch(self, pictures: Tensor, drawn: Sequence[tuple[int, int]]) -> Tensor:
        count, height, width, channels = pictures.shape
        edge = self.padding
        padded = pictures.new_zeros((count, height + 2 * edge, width + 2 * edge, channels))
        if fill := self.fills[tv_tensors.Image]:
            padded[:] = pictures.new_tensor(colour_for(fill, channels))
        padded[:, edge:-edge, edge:-edge] = pictures
        picture, row, pixel, _ = padded.stride()
        places = (2 * edge + 1, 2 * edge + 1)  # every window there is, as views: rows of a window lie in one piece
        windows = padded.as_strided((count, *places, height, width * channels), (picture, row, pixel, row, 1))
        top, left = torch.tensor(drawn, device=pictures.device).unbind(1)
        chosen = windows[torch.arange(count, device=pictures.device), top, left]
        return chosen.view(count, height, width, channels)


class SmallCrop(v2.Transform):
    """A window of one size, anywhere inside the picture."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = v2.query_size(flat_inputs)
        if height < self.size[0] or width < self.size[1]:
            what = f"a window of {self.size[0]}×{self.size[1]} does not fit into a picture of {height}×{width}."
            raise RecipeError(what, where="augment", hint="Give a smaller size, or a larger data.size.")
        return {"top": _place(height, self.size[0]), "left": _place(width, self.size[1])}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        return functional.crop(inpt, params["top"], params["left"], *self.size)


class ScaleCrop(v2.Transform):
    """A window of the picture, that may be larger than it, at one size."""

    def __init__(self, size: Size, scale: Range, ratio: Range, fill: int) -> None:
        super().__init__()
        self.size, self.scale, self.ratio = list(size), scale, ratio
        self.fills = fills(fill)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = v2.query_size(flat_inputs)
        area, shape = even(*self.scale), exp(even(log(self.ratio[0]), log(self.ratio[1])))
        rows = max(1, round(height * sqrt(area / shape)))
        columns = max(1, round(width * sqrt(area * shape)))
        return {"top": _place(height, rows), "left": _place(width, columns), "rows": rows, "columns": columns}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        height, width = inpt.shape[-2:]
        top, left, rows, columns = params["top"], params["left"], params["rows"], params["columns"]
        edges = [max(0, -left), max(0, -top), max(0, left + columns - width), max(0, top + rows - height)]
        if any(edges):
            inpt = functional.pad(inpt, edges, fill=fill_of(self.fills, inpt))
        window = functional.crop(inpt, top + edges[1], left + edges[0], rows, columns)
        return _resized(window, self.size)


def _resized(plane: Any, size: list[int]) -> Any:
    """A picture by antialiased bilinear interpolation; a mask by the pixel whose square holds the new pixel's centre.

    torchvision resizes masks with `nearest`, which rounds corners instead of centres: masks would be shifted by up to half
    an output pixel against their pictures.
    """
    if not isinstance(plane, tv_tensors.Mask):
        return functional.resize(plane, size, antialias=True)
    bare = plane.as_subclass(torch.Tensor)[None]
    moved = functional.resize_image(bare, size, interpolation=v2.InterpolationMode.NEAREST_EXACT)
    return tv_tensors.wrap(moved[0], like=plane)


def even(low: float, high: float) -> float:
    """A number drawn evenly from low to high."""
    return low + (high - low) * torch.rand(()).item()


def _place(side: int, window: int) -> int:
    """Where the window starts: anywhere inside the picture, or with the picture anywhere inside it."""
    low, high = min(0, side - window), max(0, side - window)
    return int(torch.randint(low, high + 1, ()).item())


def _size(size: Size) -> Size:
    if min(size) < 1:
        raise RecipeError(f"read {tuple(size)}; height and width must be at least 1.", where="size")
    return size


def _range(name: str, bounds: Range) -> Range:
    low, high = bounds
    if not 0 < low <= high:
        raise RecipeError(f"read [{low}, {high}], but it must be [low, high] with 0 < low ≤ high.", where=name)
    return bounds
