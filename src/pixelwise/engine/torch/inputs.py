"""From samples to what a model reads and its loss compares with: tensors, normalised on the model's device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pixelwise.engine.base import Batch
from pixelwise.imaging.colour import grey_sum
from pixelwise.tasks.base import Input, Lookup, Task
from pixelwise.types import Sample

LEVELS = 765  # the largest sum of red, green and blue


@dataclass(frozen=True, eq=False)
class TensorBatch(Batch):
    """A batch of tensors. Where the pictures (or the targets of a head) differ in size they are a list of tensors."""

    def to(self, device: torch.device) -> TensorBatch:
        """The same batch on a device."""
        return self._each(lambda t: t.to(device, non_blocking=True))

    def pin_memory(self) -> TensorBatch:
        """Called by the DataLoader where copies to a GPU are to overlap with its work."""
        return self._each(lambda t: t.pin_memory())

    def _each(self, change: Any) -> TensorBatch:
        targets = {head: _each(value, change) for head, value in self.targets.items()}
        return replace(self, images=_each(self.images, change), targets=targets)


def collate(task: Task, samples: Sequence[Sample]) -> TensorBatch:
    """Samples as a batch in the memory of the CPU."""
    grey = task.input.channels == 1
    images = [grey_sum(sample.image) if grey else sample.image for sample in samples]
    encoded = [task.encode(sample) for sample in samples]
    heads = [head for head in task.heads if all(head in targets for targets in encoded)]
    targets = {head: _stacked([one[head] for one in encoded]) for head in heads}
    return TensorBatch(_stacked(images), targets, tuple(sample.name for sample in samples))


def looked_up(lookup: Lookup, values: Tensor) -> Tensor:
    """The targets of a whole batch: masks (B, H, W) uint8, labels (B,) int64, or pictures (B, H, W, 3) uint8."""
    if lookup.table is None:
        return values
    if lookup.of == "image":
        place = values[..., 0].int()
        for channel in (1, 2):
            place = place << 8 | values[..., channel]
    else:
        place = values.int()
    table = _on(_Same(lookup.table), values.device)
    return table.index_select(0, place.flatten()).view(place.shape)


def normalised(images: Tensor, reads: Input) -> Tensor:
    """What the model reads, (B, C, H, W) float32, channels_last in memory at no cost.

    Of (B, H, W, 3) uint8 (x/255 − mean)/std, of grey sums (B, H, W) x/765. Done on the model's device for a whole batch
    at once: a quarter of the bytes travel, and one multiply-add does it.
    """
    if reads.channels == 1:
        # As a view of (B, H, W, 1), its strides say channels_last: else what it is concatenated with would be copied.
        return (images.unsqueeze(3) * (1 / LEVELS)).permute(0, 3, 1, 2)
    if reads.mean_image is None and reads.mean is not None and reads.std is not None:
        scale = torch.tensor([1 / (255 * s) for s in reads.std], device=images.device)
        shift = torch.tensor([-m / s for m, s in zip(reads.mean, reads.std, strict=True)], device=images.device)
        return torch.addcmul(shift, images.to(torch.float32), scale).permute(0, 3, 1, 2)
    made = images.to(torch.float32)
    if reads.mean_image is not None:
        made = made - torch.tensor(reads.mean_image, device=images.device)
    elif reads.mean is not None:
        made = made - 255 * torch.tensor(reads.mean, device=images.device)
    if reads.std is not None:
        made = made * torch.tensor([1 / (255 * s) for s in reads.std], device=images.device)
    return made.permute(0, 3, 1, 2)


def inputs_of(images: Any, reads: Input) -> Any:
    """What the model reads of a batch's pictures: a tensor, or a list of (C, H, W) where their sizes differ."""
    if isinstance(images, list):
        return [normalised(image[None], reads)[0] for image in images]
    return normalised(images, reads)


class _Same:
    """A table as a key of a cache: equal only to itself."""

    def __init__(self, table: NDArray[Any]) -> None:
        self.table = table

    def __hash__(self) -> int:
        return id(self.table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.table is other.table


@lru_cache(maxsize=4)
def _on(same: _Same, device: torch.device) -> Tensor:
    """A table on a device; that of all colours takes 16 MiB."""
    return torch.tensor(same.table, device=device)


def _stacked(arrays: Sequence[NDArray[Any]]) -> Any:
    if len({array.shape for array in arrays}) > 1:
        return [torch.from_numpy(np.array(array)) for array in arrays]
    return torch.from_numpy(np.stack(arrays))


def _each(value: Any, change: Any) -> Any:
    """A tensor, or every tensor of a list, changed."""
    if isinstance(value, list):
        return [_each(element, change) for element in value]
    return change(value) if isinstance(value, Tensor) else value
