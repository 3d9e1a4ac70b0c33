"""Batches: every sample once an epoch, in an order that only (seed, epoch) decide, however the work is shared out."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from pixelwise.augment.geometry import flip
from pixelwise.augment.pipeline import Augmentation
from pixelwise.engine.base import Batch
from pixelwise.engine.torch.loader import Loader
from pixelwise.errors import DataError
from pixelwise.tasks.segment import segment
from pixelwise.types import DatasetInfo, Sample

INFO = DatasetInfo("dots", ("ground", "dot"), ((0, 0, 0), (255, 0, 0)), frozenset({"mask"}))
TASK = segment(INFO)


class Split:
    """Pictures of random pixels, each with its index as its name."""

    def __init__(self, count: int) -> None:
        draw = np.random.default_rng(0)
        self.images = draw.integers(0, 256, (count, 4, 6, 3), np.uint8)
        self.masks = draw.integers(0, 2, (count, 4, 6), np.uint8)
        self.names, self.labels = tuple(map(str, range(count))), None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        return Sample(str(index), self.images[index], self.masks[index])


def loader(count: int = 13, batch: int = 4, seed: int = 5, **options: object) -> Loader:
    augment = options.pop("augment", None)
    return Loader(Split(count), TASK, augment, batch=batch, seed=seed, **options)


def names(batches: Sequence[Batch]) -> list[tuple[str, ...]]:
    return [batch.names for batch in batches]


def same(one: Sequence[Batch], other: Sequence[Batch]) -> bool:
    return names(one) == names(other) and all(
        torch.equal(a.images, b.images) and torch.equal(a.targets["class"], b.targets["class"])
        for a, b in zip(one, other, strict=True)
    )


def test_every_sample_comes_once_an_epoch_and_the_last_batch_is_short() -> None:
    made = loader()
    batches = list(made.epoch(0))
    assert [len(batch) for batch in batches] == [4, 4, 4, 1]
    assert made.steps == 4
    assert sorted(int(name) for batch in batches for name in batch.names) == list(range(13))


def test_the_order_depends_on_seed_and_epoch_only() -> None:
    made = loader()
    third = names(list(made.epoch(3)))
    assert third == names(list(loader().epoch(3)))  # whatever was loaded before
    assert third == names(list(made.epoch(3)))
    assert third != names(list(made.epoch(4)))
    assert third != names(list(loader(seed=6).epoch(3)))
    assert [int(n) for batch in third for n in batch] == list(loader(batch=5).order(3))


@pytest.mark.parametrize("skip", [0, 1, 3, 4])
def test_starting_in_the_middle_gives_the_tail_of_the_same_epoch(skip: int) -> None:
    augment = Augmentation([flip(255, p=0.5)], 5)
    whole = list(loader(augment=augment).epoch(2))
    assert same(list(loader(augment=augment).epoch(2, skip=skip)), whole[skip:])


@pytest.mark.parametrize("processes", [2, 3, 5])
def test_processes_share_every_batch_out_without_loss(processes: int) -> None:
    alone = names(list(loader().epoch(1)))
    shares = [list(loader(rank=rank, processes=processes).epoch(1)) for rank in range(processes)]
    assert {len(share) for share in shares} == {len(alone)}  # all take part in every step
    for number, whole in enumerate(alone):
        parts = [share[number] for share in shares]
        counted = Counter(name for part in parts if not part.idle for name in part.names)
        assert counted == Counter(whole)
        assert all(part.names == whole[:1] for part in parts if part.idle)
        assert [part.idle for part in parts] == [rank >= len(whole) for rank in range(processes)]


def test_workers_give_the_same_batches_and_live_through_epochs() -> None:
    augment = Augmentation([flip(255, p=0.5)], 5)
    helped, alone = loader(augment=augment, workers=2), loader(augment=augment)
    for epoch, skip in ((0, 0), (1, 2)):
        assert same(list(helped.epoch(epoch, skip=skip)), list(alone.epoch(epoch, skip=skip)))


def test_an_epoch_that_was_left_early_changes_nothing_in_the_next() -> None:
    made = loader()
    next(iter(made.epoch(0)))
    assert names(list(made.epoch(1))) == names(list(loader().epoch(1)))


def test_loading_and_augmenting_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    list(loader(augment=Augmentation([flip(255, p=0.5)], 5)).epoch(0))
    assert torch.equal(torch.get_rng_state(), before)


def _refuse(sample: Sample, epoch: int, index: int) -> Sample:
    raise DataError("is too small to crop.", where=sample.name)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_in_a_worker_arrives_as_it_was_raised(workers: int) -> None:
    made = loader(augment=_refuse, workers=workers)
    with pytest.raises(DataError) as refused:
        list(made.epoch(0))
    assert str(refused.value) == f"{made.order(0)[0]}: is too small to crop."
