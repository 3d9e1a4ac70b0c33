"""Batches made all at once are those made one by one, to the byte; where that cannot be, they are made one by one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from pixelwise.augment.colour import colour
from pixelwise.augment.geometry import crop, flip
from pixelwise.augment.pipeline import Augmentation
from pixelwise.data.cache import CachedSplit, open_split
from pixelwise.data.scenes import scenes
from pixelwise.engine.base import Batch
from pixelwise.engine.torch import loader
from pixelwise.engine.torch.loader import AllAtOnce, Loader, OneByOne, Work, maker_of, room_on
from pixelwise.tasks.base import Lookup, Task
from pixelwise.tasks.classify import classify
from pixelwise.tasks.colourize import colourize
from pixelwise.tasks.segment import segment
from pixelwise.types import DatasetInfo, Sample

INFO = DatasetInfo("dots", ("ground", "dot"), ((0, 0, 0), (255, 0, 0)), frozenset({"label", "mask"}))
PALETTE = ["#000000", "#646464", "#c80000", "#00c800", "#ffffff"]
AUGMENT = Augmentation([crop(255, padding=2), flip(255)], 5)
WORK = Work(3, (7, 2, 2, 9), (0, 0, 1, 0))
CPU = torch.device("cpu")


class Split:
    """Small pictures of few levels, so that distances to palette colours tie; names, and labels or none."""

    def __init__(self, *, labels: bool = True) -> None:
        draw = np.random.default_rng(0)
        self.images = draw.integers(0, 6, (13, 5, 6, 3)).astype(np.uint8) * 50
        self.images.flags.writeable = False
        self.labels = draw.integers(0, 2, 13) if labels else None
        self.masks = draw.choice([0, 1, 255], (13, 5, 6)).astype(np.uint8)
        self.names = tuple(f"picture {i}" for i in range(13))

    def __len__(self) -> int:
        return 13

    def __getitem__(self, index: int) -> Sample:
        return Sample(
            self.names[index],
            self.images[index],
            self.masks[index],
            label=None if self.labels is None else int(self.labels[index]),
        )


TASKS = {"classify": classify(INFO), "colourize": colourize(INFO, colours=5).informed({"palette": PALETTE})}


def same(one: Batch, other: Batch) -> bool:
    mine, theirs = ({"image": batch.images, **batch.targets} for batch in (one, other))
    return (
        one.names == other.names
        and mine.keys() == theirs.keys()
        and all(a.dtype == theirs[n].dtype and torch.equal(a, theirs[n]) for n, a in mine.items())
    )


def all_same(some: Sequence[Batch], others: Sequence[Batch]) -> bool:
    return len(some) == len(others) and all(same(a, b) for a, b in zip(some, others, strict=True))


@pytest.mark.parametrize("device", [None, CPU], ids=["cache", "device"])
@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("augment", [None, AUGMENT], ids=["plain", "augmented"])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_all_at_once_is_one_by_one(
    task: Task, augment: Augmentation | None, labels: bool, device: torch.device | None
) -> None:
    split = Split(labels=labels)
    made = AllAtOnce(split, task, augment, device).make(WORK)
    assert same(made, OneByOne(split, task, augment).make(WORK))
    assert len(made) == 4


@pytest.mark.parametrize("sampling", ["shuffled", "replacement"])
@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_loader_gives_what_its_pictures_give_one_by_one(
    task: Task, workers: int, sampling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"batch": 4, "seed": 1, "sampling": sampling}
    swift = Loader(Split(), task, AUGMENT, workers=workers, **options)
    monkeypatch.setattr("pixelwise.engine.torch.loader.maker_of", lambda s, t, a, d: OneByOne(s, t, a))
    slow = Loader(Split(), task, AUGMENT, **options)
    assert all_same(list(swift.epoch(1)), list(slow.epoch(1)))
    assert all_same(list(swift.epoch(2, skip=1, steps=3)), list(slow.epoch(2))[1:3])


def test_the_mapped_cache_is_read_as_it_is(tmp_path: Path) -> None:
    split: CachedSplit = open_split(scenes(tmp_path, size=24, train=6, val=2, test=2), "train", None, folder=tmp_path)
    task = TASKS["colourize"]
    work = Work(0, (5, 0, 1), (0, 0, 0))
    swift = maker_of(split, task, AUGMENT, CPU)
    assert isinstance(swift, AllAtOnce)
    assert same(swift.make(work), OneByOne(split, task, AUGMENT).make(work))


def test_what_cannot_be_done_at_once_is_done_one_by_one() -> None:
    split, task = Split(), TASKS["classify"]
    assert isinstance(maker_of(split, task, None, None), AllAtOnce)
    assert isinstance(maker_of(split, task, AUGMENT, None), AllAtOnce)
    assert isinstance(maker_of(split, task, Augmentation([colour(255), flip(255)], 0), None), OneByOne)
    assert isinstance(maker_of(split, task, lambda sample, epoch, index: sample, None), OneByOne)
    assert isinstance(maker_of(split, segment(INFO), AUGMENT, None), OneByOne)
    assert isinstance(maker_of(split, segment(INFO), None, None), AllAtOnce)
    assert isinstance(maker_of(split, Halves(INFO), None, None), OneByOne)


class Halves(type(segment(INFO))):
    """A task whose targets are not lookups."""

    def __init__(self, info: DatasetInfo) -> None:
        self.info, self.heads = info, {}

    def encode(self, sample: Sample) -> dict[str, np.ndarray]:
        return {"class": sample.mask // 2}


@pytest.mark.parametrize("device", [None, CPU], ids=["cache", "device"])
def test_masks_are_looked_up_all_at_once_where_nothing_is_augmented(device: torch.device | None) -> None:
    split, task = Split(), segment(INFO)
    made = AllAtOnce(split, task, None, device).make(WORK)
    assert same(made, OneByOne(split, task, None).make(WORK))
    assert made.targets["class"].dtype == torch.int16
    assert isinstance(task.targets["class"], Lookup)


def test_pictures_are_kept_on_a_gpu_that_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    split, gpu, task = Split(), torch.device("cuda:0"), TASKS["colourize"]
    for free, kept in ((4 * split.images.nbytes, gpu), (4 * split.images.nbytes - 4, None)):
        monkeypatch.setattr(loader.torch.cuda, "mem_get_info", lambda device, free=free: (free, 10 * free))
        assert room_on(gpu, split, task) == kept
    assert room_on(CPU, split, task) is None
    assert room_on(None, split, task) is None
