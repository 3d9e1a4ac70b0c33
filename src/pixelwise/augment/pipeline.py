"""Applies transforms to a sample, with random draws that depend only on (seed, epoch, index)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from pixelwise.augment.geometry import ObjectMasks
from pixelwise.augment.keys import seed_of, seeds_of
from pixelwise.deferred import Deferred
from pixelwise.rle import RLE
from pixelwise.types import Object, Sample


@runtime_checkable
class Batchwise(Protocol):
    """A transform that can also do a whole batch of pictures at once, to the bytes it would give picture by picture."""

    def draw(self) -> Any:
        """The random draw for one picture, from torch's global generator, the same as for a picture alone."""

    def transform_batch(self, pictures: Tensor, drawn: Sequence[Any]) -> Tensor:
        """(B, H, W, 3) uint8 on any device, each picture by its own draw. The pictures given stay unchanged."""


class Augmentation:
    """Transforms applied in their order to picture, mask and objects at once.

    The transforms of torchvision draw from torch's global generator. It is seeded with a key mixed from
    (seed, epoch, index) and restored afterwards. So any number of workers, any order of reading and a resumed training
    give the same pictures, and other random numbers do not change.
    """

    def __init__(self, transforms: Sequence[v2.Transform], seed: int) -> None:
        self.transforms = tuple(transforms)
        self.seed = seed

    def __call__(self, sample: Sample, epoch: int, index: int) -> Sample:
        """The sample as the epoch shows it. index: its place in the split, epoch: counted from 0."""
        if not self.transforms:
            return sample
        planes: list[Any] = [tv_tensors.Image(_tensor(sample.image).permute(2, 0, 1))]
        if sample.mask is not None:
            planes.append(tv_tensors.Mask(_tensor(sample.mask)))
        moved = iter(self._moved(planes, epoch, index))
        return Sample(
            name=sample.name,
            image=_picture(next(moved)),
            mask=None if sample.mask is None else _array(next(moved), sample.mask.dtype),
            objects=Deferred(lambda: self._objects(sample, epoch, index)) if sample.objects is not None else None,
            label=sample.label,
        )

    def _moved(self, planes: list[Any], epoch: int, index: int) -> list[Any]:
        """Planes of one picture through all transforms, by the draw of (seed, epoch, index)."""
        with _restored() as generator:
            generator.manual_seed(seed_of(self.seed, epoch, index))
            for transform in self.transforms:
                planes = list(transform(*planes)) if len(planes) > 1 else [transform(*planes)]
        return planes

    def _objects(self, sample: Sample, epoch: int, index: int) -> list[Object]:
        """The sample's objects, moved like its picture: the same draw again, over a plane for each object.

        An object without a mask is moved as its box, rounded to pixels. Objects that leave the picture are left out.
        """
        objects = [one for one in sample.objects or () if one.mask is not None or one.box[0] < one.box[2]]
        if not objects:
            return []
        masks = np.stack([_filled(one, sample.size) for one in objects])
        picture = tv_tensors.Image(_tensor(sample.image).permute(2, 0, 1))
        _, planes = self._moved([picture, _tensor(masks.view(np.uint8)).as_subclass(ObjectMasks)], epoch, index)
        runs = [RLE.of(plane) for plane in _array(planes, np.uint8)]
        return [
            replace(one, mask=None if one.mask is None else own, box=own.box)
            for one, own in zip(objects, runs, strict=True)
            if own.area
        ]

    @property
    def batchwise(self) -> bool:
        """Whether every transform can do a whole batch at once."""
        return all(isinstance(transform, Batchwise) for transform in self.transforms)

    def batch(self, pictures: Tensor, epochs: Sequence[int], indices: Sequence[int]) -> Tensor:
        """Many pictures at once, (B, H, W, 3) uint8 on any device: the bytes that each by itself would become.

        epochs, indices: one for each picture, as when it is called for that one. Only where `batchwise` is true.
        """
        with _restored() as generator:
            drawn = []
            for seed in seeds_of(self.seed, epochs, indices):
                generator.manual_seed(seed)
                drawn.append([transform.draw() for transform in self.transforms])
        for place, transform in enumerate(self.transforms):
            pictures = transform.transform_batch(pictures, [row[place] for row in drawn])
        return pictures


def _filled(one: Object, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels (H, W) of an object, or those of its box."""
    if one.mask is not None:
        return one.mask.mask()
    x0, y0, x1, y1 = (round(side) for side in one.box)
    plane = np.zeros(size, bool)
    plane[max(0, y0) : y1, max(0, x0) : x1] = True
    return plane


@contextmanager
def _restored() -> Iterator[torch.Generator]:
    """torch's generator of the CPU, to be seeded, and restored afterwards."""
    generator = torch.default_generator
    before = generator.get_state()
    try:
        yield generator
    finally:
        generator.set_state(before)


def _tensor(plane: NDArray[Any]) -> Tensor:
    """16-bit planes as int32: few of torch's operations know uint16. A plane of a read-only cache is copied."""
    if plane.dtype == np.uint16:
        return torch.from_numpy(plane.astype(np.int32))
    return torch.from_numpy(plane if plane.flags.writeable else plane.copy())


def _picture(planes: Tensor) -> NDArray[np.uint8]:
    """(3, H, W) → (H, W, 3). Stacking planes is faster than copying a transposed view."""
    array: NDArray[np.uint8] = planes.as_subclass(torch.Tensor).numpy()
    picture = array.transpose(1, 2, 0)
    return picture if picture.flags.c_contiguous else np.stack(tuple(array), axis=-1)


def _array(plane: Tensor, dtype: Any) -> NDArray[Any]:
    array: NDArray[Any] = plane.as_subclass(torch.Tensor).numpy()
    return np.ascontiguousarray(array, dtype=dtype)
