"""Batches of one epoch, in an order and with augmentations that depend only on (seed, epoch, index)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.feed.order import Sampling, count_rounds, draw_order
from pixelwise.errors import PixelwiseError
from pixelwise.tasks.base import Batch, Task
from pixelwise.types import Sample

Augment = Callable[[Sample, int, int], Sample]  # (sample, epoch, index) → sample


@dataclass(frozen=True)
class Work:
    """What one batch is made of: the epoch, the indices of its samples in the split, and which draw of theirs it is.

    rounds: 0 for the first time in the epoch that a sample is drawn, 1 for the second, ...: each is augmented anew
    """

    epoch: int
    indices: tuple[int, ...]
    rounds: tuple[int, ...]


class Loader:
    """Training batches. Any number of workers gives the same batches; so does starting in the middle of an epoch.

    `sampling` says what an epoch is (engine/feed/order.py); a picture that comes again is augmented in another way.

    Of a global batch, process r of n takes the samples r, r + n, r + 2n, ... Where a last batch has fewer samples than
    there are processes, one with nothing to do gets the batch's first sample as a stand-in (`Batch.idle`), so that all
    processes take part in every step; it counts nothing.
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
        pin: bool = False,
    ) -> None:
        self.batch, self.seed, self.pictures = batch, seed, len(split)
        self.rank, self.processes, self.sampling, self.labels = rank, processes, sampling, labels
        self._turn = _Turn()
        self._loader = DataLoader(
            _Maker(split, task, augment),
            batch_size=None,
            sampler=self._turn,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=pin,
            generator=torch.Generator(),  # else it would draw from the global generator
        )

    @property
    def steps(self) -> int:
        """Steps of one epoch; a short last batch counts."""
        return -(-self.pictures // self.batch)

    def order(self, epoch: int) -> tuple[int, ...]:
        """The split's indices in this epoch's order."""
        return draw_order(self.pictures, self.seed, epoch, self.sampling, self.labels)

    def epoch(self, epoch: int, *, skip: int = 0, steps: int | None = None) -> Iterator[Batch]:
        """The batches of this process from step `skip` of the epoch on, up to its end or to its first `steps` batches."""
        order = self.order(epoch)
        rounds = count_rounds(order)
        batches = [slice(i, i + self.batch) for i in range(0, len(order), self.batch)][skip:steps]
        self._turn.work = [Work(epoch, self._share(order[b]), self._share(rounds[b])) for b in batches]
        for batch, made in zip(batches, self._loader, strict=True):
            if isinstance(made, PixelwiseError):
                raise made
            yield made if self.rank < len(order[batch]) else replace(made, idle=True)

    def _share(self, places: tuple[int, ...]) -> tuple[int, ...]:
        return places[self.rank :: self.processes] or places[:1]


class _Turn(Sampler[Work]):
    """The work that comes next; set anew for every epoch, so that workers live as long as the training."""

    def __init__(self) -> None:
        self.work: Sequence[Work] = ()

    def __iter__(self) -> Iterator[Work]:
        return iter(self.work)

    def __len__(self) -> int:
        return len(self.work)


class _Maker(Dataset[Batch | PixelwiseError]):
    """Makes a batch of what `Work` names, in whichever process it runs.

    Errors of the house are given back as values: raised in a worker, they would arrive as the text of a traceback.
    """

    def __init__(self, split: CachedSplit, task: Task, augment: Augment | None) -> None:
        self.split, self.task, self.augment = split, task, augment

    def __getitem__(self, work: Work) -> Batch | PixelwiseError:
        try:
            return self._make(work)
        except PixelwiseError as error:
            return error

    def _make(self, work: Work) -> Batch:
        samples = [self.split[index] for index in work.indices]
        if self.augment is not None:
            keys = [work.epoch + (r << 32) for r in work.rounds]
            samples = [self.augment(s, k, i) for s, k, i in zip(samples, keys, work.indices, strict=True)]
        return self.task.collate([self.task.encode(s) for s in samples], [s.name for s in samples])
