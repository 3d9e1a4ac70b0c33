"""A data set without some of its samples: what a recipe says by `data.exclude`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from pixelwise.data.base import Dataset
from pixelwise.errors import DataError, Problem, did_you_mean, listing
from pixelwise.imaging.channels import Reading
from pixelwise.types import Sample

WHERE = "data.exclude"
Value = TypeVar("Value")


class Excluding(Dataset):
    """Another data set without the samples of the given names, `split/name`.

    Raises DataError with every name that the data set does not have. A split that is left empty is refused where it is used.
    """

    def __init__(self, whole: Dataset, names: Sequence[str]) -> None:
        if problems := list(_unknown(whole, names)):
            raise DataError.all(problems)
        self.whole = whole
        self._excluded: dict[str, tuple[str, ...]] = {}
        self._kept: dict[str, tuple[int, ...]] = {}  # only of the splits that lose samples
        for split in dict.fromkeys(name.partition("/")[0] for name in names):
            gone = {name.partition("/")[2] for name in names if name.startswith(f"{split}/")}
            there = whole.names(split)
            self._kept[split] = tuple(index for index, name in enumerate(there) if name not in gone)
            self._excluded[split] = tuple(name for name in there if name in gone)
        self.info, self.problems = whole.info, getattr(whole, "problems", ())
        if whole.info.frequencies is not None and "train" in self._kept:
            left = np.bincount(self.labels("train"), minlength=len(whole.info.classes)).tolist()
            self.info = replace(whole.info, frequencies=tuple(left))

    def splits(self) -> tuple[str, ...]:
        return self.whole.splits()

    def absent(self) -> tuple[str, ...]:
        return self.whole.absent()

    def names(self, split: str) -> tuple[str, ...]:
        return self._left(split, self.whole.names(split))

    def labels(self, split: str) -> tuple[int, ...]:
        return self._left(split, self.whole.labels(split))

    def excluded(self, split: str) -> tuple[str, ...]:
        return self._excluded.get(split, ())

    def read(self, split: str, index: int) -> Sample:
        return self.whole.read(split, self._index(split, index))

    def oddities(self, split: str, index: int) -> tuple[str, ...]:
        return self.whole.oddities(split, self._index(split, index))

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        return self.whole.sources(split, self._index(split, index))

    def settings(self) -> dict[str, object]:
        return self.whole.settings()

    def remarks(self) -> tuple[str, ...]:
        return self.whole.remarks()

    def reading(self) -> Reading:
        return self.whole.reading()

    def notices(self) -> tuple[Problem, ...]:
        return self.whole.notices()

    def check_split(self, split: str) -> None:
        if split in self._kept and not self._kept[split]:
            count = len(self._excluded[split])
            what = f"leaves no picture in the split '{split}' of {self.info.name}: it names all {count:,} of them."
            raise DataError(what, where=WHERE, hint="Take some of them out of the list.")
        super().check_split(split)

    def note(self) -> str:
        """`data.exclude leaves out 5 pictures: train 5.`"""
        counts = {split: len(names) for split, names in self._excluded.items()}
        total = sum(counts.values())
        pictures = "1 picture" if total == 1 else f"{total:,} pictures"
        return f"{WHERE} leaves out {pictures}: {', '.join(f'{split} {count:,}' for split, count in counts.items())}."

    def _index(self, split: str, index: int) -> int:
        return self._kept[split][index] if split in self._kept else index

    def _left(self, split: str, values: tuple[Value, ...]) -> tuple[Value, ...]:
        return tuple(values[index] for index in self._kept[split]) if split in self._kept else values


def excluding(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """The data set without the samples of the names, or itself if there are none."""
    return Excluding(dataset, names) if names else dataset


def _unknown(whole: Dataset, names: Sequence[str]) -> Iterator[Problem]:
    """A problem for each name that is not one of `split/name` in the data set."""
    splits = whole.splits()
    for name in dict.fromkeys(names):
        split, slash, rest = name.partition("/")
        if split in splits and rest in set(whole.names(split)):
            continue
        bare = rest if slash else name
        if elsewhere := [f"{one}/{bare}" for one in splits if bare in whole.names(one)]:
            hint = f"Did you mean {' or '.join(map(repr, elsewhere))}?"
        else:
            hint = did_you_mean(name, (f"{one}/{there}" for one in splits for there in whole.names(one)))
        if not slash or split not in splits:
            what = f"read '{name}'; write split/name, where the split is one of {', '.join(splits)}."
        else:
            what = f"the split '{split}' of {whole.info.name} has no picture '{rest}'; it has {listing(whole.names(split), 3)}."
        yield Problem(WHERE, what, hint)
