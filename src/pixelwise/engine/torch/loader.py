"""Batches of one epoch, in an order and with augmentations that depend only on (seed, epoch, index).

A batch is made of its pictures one by one, or all at once. Both give the same bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.build import build
from pixelwise.engine.functions import function_of
from pixelwise.engine.order import Sampling, count_rounds, draw_order
from pixelwise.engine.torch.model import TensorBatch, collate, looked_up
from pixelwise.errors import DataError, PixelwiseError
from pixelwise.recipe.schema import Recipe
from pixelwise.tasks.base import Task
from pixelwise.types import DatasetInfo, Sample

UNCOVERED = 255  # what augmentations put into a mask where there is no picture, for data sets without a void index
Augment = Callable[[Sample, int, int], Sample]  # (sample, epoch, index) → sample
RESIDENT_SHARE = 0.25  # of a GPU's free memory that the training pictures may take


class Loader:
    """Training batches. Any number of workers gives the same batches; so does starting in the middle of an epoch.

    `sampling` says what an epoch is (engine/order.py); a picture that comes again is augmented in another way.

    Of a global batch, process r of n takes the samples r, r + n, r + 2n, ... Where a last batch has fewer samples than
    there are processes, one with nothing to do gets the batch's first sample as a stand-in (`Batch.idle`), so that all
    processes take part in every step; it counts nothing.

    device: what the batches are for; where pictures can be made into batches all at once and it is a GPU with room, they
    are kept there
    """

    def __init__(
        self,
        split: CachedSplit,
        task: Task,
        augment: Augment | None,
        *,
        batch: int,
        seed: int,
        workers: int = 0,
        sampling: Sampling = "shuffled",
        labels: NDArray[np.int64] | None = None,
        rank: int = 0,
        processes: int = 1,
        device: torch.device | None = None,
    ) -> None:
        self.batch, self.seed, self.pictures = batch, seed, len(split)
        self.rank, self.processes, self.sampling, self.labels = rank, processes, sampling, labels
        self._work: list[Work] = []  # of one epoch; filled again for each, so that workers live as long as the training
        self.maker = maker_of(split, task, augment, device)
        on_device = isinstance(self.maker, AllAtOnce) and self.maker.copies is not None
        workers = 0 if on_device else workers  # batches are made where the pictures are, in this process
        self._loader = DataLoader(
            self.maker,
            batch_size=None,
            sampler=self._work,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=device is not None and device.type == "cuda" and not on_device,
            generator=torch.Generator(),  # else it would draw from the global generator
        )

    @property
    def steps(self) -> int:
        """Steps of one epoch; a short last batch counts."""
        return -(-self.pictures // self.batch)

    def order(self, epoch: int) -> tuple[int, ...]:
        """The split's indices in this epoch's order."""
        return draw_order(self.pictures, self.seed, epoch, self.sampling, self.labels)

    def epoch(self, epoch: int, *, skip: int = 0, steps: int | None = None) -> Iterator[TensorBatch]:
        """The batches of this process from step `skip` of the epoch on, up to its end or to its first `steps` batches."""
        order = self.order(epoch)
        rounds = count_rounds(order)
        batches = [slice(i, i + self.batch) for i in range(0, len(order), self.batch)][skip:steps]
        self._work[:] = [Work(epoch, self._share(order[b]), self._share(rounds[b])) for b in batches]
        for batch, made in zip(batches, self._loader, strict=True):
            if isinstance(made, PixelwiseError):
                raise made
            yield made if self.rank < len(order[batch]) else replace(made, idle=True)

    def _share(self, places: tuple[int, ...]) -> tuple[int, ...]:
        return places[self.rank :: self.processes] or places[:1]


def build_augmentation(recipe: Recipe, info: DatasetInfo) -> Augment | None:
    """The recipe's augmentations in their order, or None if the recipe has no augmentation."""
    if not recipe.augment:
        return None
    # imported late: it brings torchvision, whose import takes as long as torch's
    augmentation = function_of("pixelwise.augment.pipeline:Augmentation")
    fill = _uncovered(info) if info.void is None else info.void
    made: Augment = augmentation([build("augmentation", item, fill) for item in recipe.augment], recipe.train.seed)
    return made


def _uncovered(info: DatasetInfo) -> int:
    """A mask value that no class has."""
    classes = len(info.classes)
    if classes == UNCOVERED + 1:
        raise DataError(
            f"has {classes} classes in masks of 8 bits, so no value is left for pixels that an augmentation uncovers.",
            where=info.name,
            hint="Declare a void index above 255: masks then have 16 bits.",
        )
    return max(UNCOVERED, classes)


# -- making a batch --


@runtime_checkable
class AugmentsBatches(Protocol):
    """An augmentation that may be able to do a whole batch of pictures at once: augment/pipeline.py."""

    @property
    def batchwise(self) -> bool: ...

    def batch(self, pictures: Tensor, epochs: Sequence[int], indices: Sequence[int]) -> Tensor: ...


@dataclass(frozen=True)
class Work:
    """The content of one batch: the epoch, the indices of its samples in the split, and how often each was drawn before.

    rounds: 0 for the first time in the epoch that a sample is drawn, 1 for the second, ...: each is augmented differently
    """

    epoch: int
    indices: tuple[int, ...]
    rounds: tuple[int, ...]

    def keys(self) -> list[int]:
        """For each sample, the number that takes the place of the epoch in the key of its draws."""
        return [self.epoch + (r << 32) for r in self.rounds]


class Maker(ABC, Dataset[TensorBatch | PixelwiseError]):
    """Makes the batch that `Work` names, in whichever process it runs.

    A PixelwiseError is returned as a value: raised in a worker, it would arrive as the text of a traceback.
    """

    def __getitem__(self, work: Work) -> TensorBatch | PixelwiseError:
        try:
            return self.make(work)
        except PixelwiseError as error:
            return error

    @abstractmethod
    def make(self, work: Work) -> TensorBatch:
        """The batch."""


class OneByOne(Maker):
    """Every sample is augmented and encoded by itself: any task, any augmentation."""

    def __init__(self, split: CachedSplit, task: Task, augment: Augment | None) -> None:
        self.split, self.task, self.augment = split, task, augment

    def make(self, work: Work) -> TensorBatch:
        samples = [self.split[index] for index in work.indices]
        if self.augment is not None:
            samples = [self.augment(s, k, i) for s, k, i in zip(samples, work.keys(), work.indices, strict=True)]
        return collate(self.task, samples)


class AllAtOnce(Maker):
    """The batch's pictures are gathered by index, augmented and looked up together; for tasks whose targets are lookups.

    For small pictures, handling each by itself takes many times longer than computing its pixels.

    device: where the split's arrays are copied to and batches are made; None: they stay in the mapped cache
    """

    def __init__(
        self, split: CachedSplit, task: Task, augment: AugmentsBatches | None, device: torch.device | None = None
    ) -> None:
        self.split, self.task, self.augment = split, task, augment
        self.copies: dict[str, Tensor] | None = None
        if device is not None:
            self.copies = {what: torch.tensor(array, device=device) for what, array in needed(split, task).items()}

    def make(self, work: Work) -> TensorBatch:
        known = self._gather(work.indices)
        if self.augment is not None:
            known["image"] = self.augment.batch(known["image"], work.keys(), work.indices)
        targets = {
            head: looked_up(lookup, known[lookup.of])
            for head, lookup in self.task.targets.items()
            if lookup.of in known
        }
        image = known["image"]
        images = image.sum(dim=3, dtype=torch.int16) if self.task.input.channels == 1 else image
        return TensorBatch(images, targets, tuple(self.split.names[i] for i in work.indices))

    def _gather(self, indices: Sequence[int]) -> dict[str, Tensor]:
        if self.copies is not None:
            places = torch.tensor(indices, device=self.copies["image"].device)
            return {what: array[places] for what, array in self.copies.items()}
        rows = np.array(indices)
        return {what: torch.from_numpy(array[rows]) for what, array in needed(self.split, self.task).items()}


def needed(split: CachedSplit, task: Task) -> dict[str, NDArray[Any]]:
    """The arrays of a split that a task's inputs and targets are made of, by what they are of a sample."""
    wanted = {"image", *(lookup.of for lookup in task.targets.values())}
    arrays = {"image": split.images}
    for what, array in (("mask", getattr(split, "masks", None)), ("label", split.labels)):
        if what in wanted and array is not None:
            arrays[what] = array
    return arrays


def maker_of(split: CachedSplit, task: Task, augment: Augment | None, device: torch.device | None) -> Maker:
    """All at once where task and augmentations can, with the pictures on a GPU where they fit; else one by one."""
    if type(task).encode is not Task.encode or getattr(split, "ragged", False):
        return OneByOne(split, task, augment)
    reads_masks = any(lookup.of == "mask" for lookup in task.targets.values())
    if augment is None and not (reads_masks and split.masks is not None and split.masks.dtype != np.uint8):
        return AllAtOnce(split, task, None, room_on(device, split, task))
    if isinstance(augment, AugmentsBatches) and augment.batchwise and not reads_masks:
        return AllAtOnce(split, task, augment, room_on(device, split, task))
    return OneByOne(split, task, augment)


def room_on(device: torch.device | None, split: CachedSplit, task: Task) -> torch.device | None:
    """The device, where it is a GPU and the split's arrays take no more than `RESIDENT_SHARE` of its free memory."""
    if device is None or device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return device if sum(array.nbytes for array in needed(split, task).values()) <= RESIDENT_SHARE * free else None
