"""A part of another data set: some of its pictures.

`first` keeps the first training pictures: what a network should be able to learn by heart. `longtail` keeps fewer and fewer
from class to class. `cut` keeps a few of every split: enough to see that everything runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from annotated_types import Ge

from pixelwise.data.base import Dataset
from pixelwise.errors import DataError, Problem
from pixelwise.imaging.channels import Reading
from pixelwise.types import Sample

TRAIN, WHOLE = "train", "whole"  # WHOLE: the split of all training pictures beside the first ones
Profile = Literal["exponential", "step"]
Value = TypeVar("Value")


class Part(Dataset):
    """Another data set, of whose splits the pictures at `kept` are left; the splits that it does not name stay whole.

    frequencies:  training pictures of each class that are left, if known
    settings:     the options that chose them
    also:         more splits: name → the split of the whole data set that it is
    """

    def __init__(
        self, whole: Dataset, kept: Mapping[str, Sequence[int]], name: str, *, settings: Mapping[str, object],
        frequencies: tuple[int, ...] | None = None, also: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.whole, self.also, self._settings = whole, dict(also or {}), settings
        self.kept = {split: tuple(places) for split, places in kept.items()}
        self.info = replace(whole.info, name=f"{whole.info.name}-{name}", frequencies=frequencies)

    def splits(self) -> tuple[str, ...]:
        return (*self.whole.splits(), *self.also)

    def names(self, split: str) -> tuple[str, ...]:
        return self._left(split, self.whole.names(self._split(split)))

    def labels(self, split: str) -> tuple[int, ...]:
        return self._left(split, self.whole.labels(self._split(split)))

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        return self.whole.sources(self._split(split), self._index(split, index))

    def read(self, split: str, index: int) -> Sample:
        return self.whole.read(self._split(split), self._index(split, index))

    def settings(self) -> dict[str, object]:
        return {"of": self.whole.settings(), **self._settings}

    def remarks(self) -> tuple[str, ...]:
        return self.whole.remarks()

    def reading(self) -> Reading:
        return self.whole.reading()

    def notices(self) -> tuple[Problem, ...]:
        return self.whole.notices()

    def absent(self) -> tuple[str, ...]:
        return self.whole.absent()

    def oddities(self, split: str, index: int) -> tuple[str, ...]:
        return self.whole.oddities(self._split(split), self._index(split, index))

    def _split(self, split: str) -> str:
        return self.also.get(split, split)

    def _index(self, split: str, index: int) -> int:
        return self.kept[split][index] if split in self.kept else index

    def _left(self, split: str, values: tuple[Value, ...]) -> tuple[Value, ...]:
        return tuple(values[index] for index in self.kept[split]) if split in self.kept else values


def build_whole(of: str | dict[str, Any], root: Path, where: str) -> Dataset:
    """The data set that an option `of` names, alone or as a map with its name and options."""
    from pixelwise.data import DATASETS  # the shelf on which the builders are that call this

    options = {"name": of} if isinstance(of, str) else dict(of)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise DataError(f"read {of!r}; it must be a name, or a map with a name and options.", where=f"{where}: of")
    whole: Dataset = DATASETS.build(name, root, **options)
    return whole


def first(root: Path, *, of: str | dict[str, Any], count: Annotated[int, Ge(1)]) -> Dataset:
    """The first `count` training pictures of any data set; its other splits stay, all training pictures are `whole`.

    of:     the data set, by name or as a map with its name and options
    count:  how many. A network that cannot learn a few pictures by heart has a fault
    """
    whole = build_whole(of, root, "first")
    there = len(whole.names(TRAIN))
    if count > there:
        what = f"{count} pictures are wanted, {there} are there."
        raise DataError(what, where=f"first of {whole.info.name}", hint="Lower `count`.")
    # how frequent a class is among a few pictures is chance: scores are not told apart by it
    return Part(whole, {TRAIN: range(count)}, "first", settings={"count": count}, also={WHOLE: TRAIN})


def cut(root: Path, *, of: str | dict[str, Any], count: Annotated[int, Ge(1)] = 32) -> Dataset:
    """At most `count` pictures of every split of any data set, spread evenly over its order: to see that everything runs.

    of:     the data set, by name or as a map with its name and options
    count:  how many of each split. No score on so few pictures says how good a network is
    """
    whole = build_whole(of, root, "cut")
    kept = {}
    for split in whole.splits():
        there = len(whole.names(split))
        left = min(count, there)
        kept[split] = [index * there // left for index in range(left)]
    # how frequent a class is among a few pictures is chance; which classes are frequent in the whole is known
    return Part(whole, kept, "cut", settings={"count": count}, frequencies=whole.info.frequencies)


def exponential_sizes(largest: int, ratio: float, classes: int) -> tuple[int, ...]:
    """n_i = ⌊n_max · μ^(i/(C−1))⌋ with μ = 1/ratio: class 0 keeps `largest`, the last one a `ratio`-th of it.

    Cui, Jia, Lin, Song & Belongie 2019, section 4.1 (whose μ is our μ^(1/(C−1))).
    """
    share = 1 / ratio
    return tuple(int(largest * share ** (i / max(1, classes - 1))) for i in range(classes))


def step_sizes(largest: int, ratio: float, classes: int) -> tuple[int, ...]:
    """The first half of the classes keeps `largest` pictures, the second half a `ratio`-th of them (Buda et al. 2018)."""
    return tuple(largest if i < classes // 2 else int(largest / ratio) for i in range(classes))


SIZES = {"exponential": exponential_sizes, "step": step_sizes}


def longtail(
    root: Path,
    *,
    of: str | dict[str, Any],
    ratio: Annotated[float, Ge(1)] = 100.0,
    profile: Profile = "exponential",
    largest: Annotated[int, Ge(1)] | None = None,
    seed: Annotated[int, Ge(0)] = 0,
) -> Dataset:
    """Any labelled data set with a long tail: its training pictures thinned out from class to class.

    of:       the data set, by name or as a map with its name and options
    ratio:    pictures of the most frequent class over those of the rarest
    profile:  sizes fall `exponential`ly, or in one `step` half way
    largest:  pictures of the first class; none: as many as the smallest class has
    seed:     of the draw. A class's pictures are in one random order, of which the first are kept: a larger ratio
              keeps a part of what a smaller one keeps
    """
    whole = build_whole(of, root, "longtail")
    labels = np.array(whole.labels(TRAIN), np.int64)
    classes = whole.info.classes
    there = np.bincount(labels, minlength=len(classes))
    sizes = SIZES[profile](int(there.min()) if largest is None else largest, ratio, len(classes))
    for label, size in enumerate(sizes):
        if not 0 < size <= there[label]:
            raise _impossible(f"longtail of {whole.info.name}", classes[label], size, int(there[label]))
    drawn = [np.random.default_rng((seed, c)).permutation(np.flatnonzero(labels == c)) for c in range(len(sizes))]
    kept = [places[:size] for places, size in zip(drawn, sizes, strict=True)]
    settings: dict[str, object] = {"ratio": ratio, "profile": profile, "largest": largest, "seed": seed}
    places = np.sort(np.concatenate(kept)).tolist()
    return Part(whole, {TRAIN: places}, "longtail", settings=settings, frequencies=tuple(sizes))


def _impossible(where: str, name: str, size: int, there: int) -> DataError:
    """The refusal of a class that would have no picture, or more than there are."""
    if not there:
        return DataError(f"the class '{name}' has no picture.", where=where, hint="Choose classes that all occur.")
    if not size:
        return DataError(f"the class '{name}' would keep no picture of {there}.", where=where, hint="Lower the ratio.")
    return DataError(f"the class '{name}' needs {size} pictures and has {there}.", where=where, hint="Lower `largest`.")
