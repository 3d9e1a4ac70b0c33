"""Batches of one epoch, in an order and with augmentations that depend only on (seed, epoch, index)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.build import build
from pixelwise.engine.order import Sampling, count_rounds, draw_order
from pixelwise.engine.torch.inputs import TensorBatch
from pixelwise.engine.torch.making import AllAtOnce, Augment, Work, maker_of
from pixelwise.errors import DataError, PixelwiseError
from pixelwise.recipe.schema import Recipe
from pixelwise.tasks.base import Task
from pixelwise.types import DatasetInfo

UNCOVERED = 255  # what augmentations put into a mask where there is no picture, for data sets without a void index


class Loader:
    """Training batches. Any number of workers gives the same batches; so does starting in the middle of an epoch.

    `sampling` says what an epoch is (engine/order.py); a picture that comes again is augmented in another way.

    Of a global batch, process r of n takes the samples r, r + n, r + 2n, ... Where a last batch has fewer samples than
    there are processes, one with nothing to do gets the batch's first sample as a stand-in (`Batch.idle`), so that all
    processes take part in every step; it counts nothing.

    device: what the batches are for; where pictures can be made into batches all at once (engine/torch/making.py) and it
    is a GPU with room, they are kept there
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
        self._work: list[Work] = []  # of an epoch; filled anew for each, so that workers live as long as the training
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
    """The recipe's augmentations in their order, or None where there are none."""
    if not recipe.augment:
        return None
    from pixelwise.augment.pipeline import Augmentation  # brings torchvision, which takes as long as torch to import

    fill = _uncovered(info) if info.void is None else info.void
    return Augmentation([build("augmentation", item, fill) for item in recipe.augment], recipe.train.seed)


def _uncovered(info: DatasetInfo) -> int:
    """A mask value that no class has."""
    classes = len(info.classes)
    if classes == UNCOVERED + 1:
        raise DataError(
            f"has {classes} classes in masks of 8 bits, which leaves no value for what an augmentation uncovers.",
            where=info.name,
            hint="Declare a void index above 255, and masks are kept in 16 bits.",
        )
    return max(UNCOVERED, classes)
