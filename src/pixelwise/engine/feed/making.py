"""Making a batch of the pictures it is to hold: one by one, or all at once. Both give the same bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from pixelwise.data.cache import CachedSplit
from pixelwise.errors import PixelwiseError
from pixelwise.tasks.base import Batch, EncodesPictures, Task
from pixelwise.types import Sample

Augment = Callable[[Sample, int, int], Sample]  # (sample, epoch, index) → sample
RESIDENT_SHARE = 0.25  # of a GPU's free memory that the training pictures may take


@runtime_checkable
class AugmentsBatches(Protocol):
    """An augmentation that may be able to do a whole batch of pictures at once: augment/pipeline.py."""

    @property
    def batchwise(self) -> bool: ...

    def batch(self, pictures: Tensor, epochs: Sequence[int], indices: Sequence[int]) -> Tensor: ...


@dataclass(frozen=True)
class Work:
    """What one batch is made of: the epoch, the indices of its samples in the split, and which draw of theirs it is.

    rounds: 0 for the first time in the epoch that a sample is drawn, 1 for the second, ...: each is augmented anew
    """

    epoch: int
    indices: tuple[int, ...]
    rounds: tuple[int, ...]

    def keys(self) -> list[int]:
        """What stands for the epoch in the key of each sample's draws."""
        return [self.epoch + (r << 32) for r in self.rounds]


class Maker(ABC, Dataset[Batch | PixelwiseError]):
    """Makes the batch that `Work` names, in whichever process it runs.

    Errors of the house are given back as values: raised in a worker, they would arrive as the text of a traceback.
    """

    def __getitem__(self, work: Work) -> Batch | PixelwiseError:
        try:
            return self.make(work)
        except PixelwiseError as error:
            return error

    @abstractmethod
    def make(self, work: Work) -> Batch:
        """The batch."""


class OneByOne(Maker):
    """Every sample is augmented and encoded by itself: any task, any augmentation."""

    def __init__(self, split: CachedSplit, task: Task, augment: Augment | None) -> None:
        self.split, self.task, self.augment = split, task, augment

    def make(self, work: Work) -> Batch:
        samples = [self.split[index] for index in work.indices]
        if self.augment is not None:
            samples = [self.augment(s, k, i) for s, k, i in zip(samples, work.keys(), work.indices, strict=True)]
        return self.task.collate([self.task.encode(s) for s in samples], [s.name for s in samples])


class AllAtOnce(Maker):
    """The batch's pictures are gathered by index, augmented and encoded together; for tasks that read nothing else.

    Of small pictures, handling each by itself costs many times what its pixels cost.

    device: where the split's pictures are copied to and batches are made; None: they stay in the mapped cache
    """

    def __init__(
        self,
        split: CachedSplit,
        task: EncodesPictures,
        augment: AugmentsBatches | None,
        device: torch.device | None = None,
    ) -> None:
        self.split, self.task, self.augment = split, task, augment
        self.copies: tuple[Tensor, Tensor | None] | None = None
        if device is not None:
            labels = None if split.labels is None else torch.tensor(split.labels, device=device)
            self.copies = torch.tensor(split.images, device=device), labels

    def make(self, work: Work) -> Batch:
        pictures, labels = self._gather(work.indices)
        if self.augment is not None:
            pictures = self.augment.batch(pictures, work.keys(), work.indices)
        return Batch(self.task.encode_pictures(pictures, labels), tuple(self.split.names[i] for i in work.indices))

    def _gather(self, indices: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        if self.copies is not None:
            images, labels = self.copies
            places = torch.tensor(indices, device=images.device)
            return images[places], None if labels is None else labels[places]
        rows = np.array(indices)
        known = self.split.labels
        return torch.from_numpy(self.split.images[rows]), None if known is None else torch.from_numpy(known[rows])


def maker_of(split: CachedSplit, task: Task, augment: Augment | None, device: torch.device | None) -> Maker:
    """All at once where task and augmentations can, with the pictures on a GPU where they fit; else one by one."""
    if not isinstance(task, EncodesPictures):
        return OneByOne(split, task, augment)
    if augment is None:
        return AllAtOnce(split, task, None, room_on(device, split))
    if isinstance(augment, AugmentsBatches) and augment.batchwise:
        return AllAtOnce(split, task, augment, room_on(device, split))
    return OneByOne(split, task, augment)


def room_on(device: torch.device | None, split: CachedSplit) -> torch.device | None:
    """The device, where it is a GPU and the split's pictures take no more than `RESIDENT_SHARE` of its free memory."""
    if device is None or device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return device if split.images.nbytes <= RESIDENT_SHARE * free else None
