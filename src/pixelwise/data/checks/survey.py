"""What the checks look at: the facts of every sample, from one pass that reads each sample once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.base import Dataset
from pixelwise.data.copies import digest_of, thumbnail_of
from pixelwise.errors import DataError, Problem
from pixelwise.imaging.files import UnknownValues, image_size
from pixelwise.types import RGB, DatasetInfo

CHUNK = 1 << 20  # pixels of a mask that are counted at a time


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of one sample after reading it.

    problem:    why it could not be read, or None
    sizes:      (H, W) of its files where it could not be read, as far as their headers tell
    size:       (H, W) of the picture
    values:     value → pixels in the mask
    unknown:    value or colour → pixels of a mask that could not be read because these are neither a class nor void
    label:      of the picture
    digest:     of the picture's pixels
    thumbnail:  the picture at 16×16, flat: what stays equal when a picture is stored again or resized
    """

    split: str
    name: str
    problem: Problem | None = None
    sizes: tuple[tuple[int, int], ...] = ()
    size: tuple[int, int] | None = None
    values: dict[int, int] | None = None
    unknown: Mapping[int | RGB, int] = field(default_factory=dict)
    label: int | None = None
    digest: bytes = b""
    thumbnail: NDArray[np.uint8] | None = None

    @property
    def where(self) -> str:
        return f"{self.split}/{self.name}"


@dataclass(frozen=True)
class Finding:
    """One kind of fault, with every file that has it.

    severity:  `fatal`: training would stop, or its scores would mean nothing; `warning`: worth a look
    what:      one sentence
    files:     names of samples as `split/name`, or of files
    cure:      what to do
    """

    check: str
    severity: Literal["fatal", "warning"]
    what: str
    files: tuple[str, ...] = ()
    cure: str = ""


@dataclass(frozen=True, eq=False)
class Survey:
    """Everything the checks look at."""

    info: DatasetInfo
    splits: tuple[str, ...]
    facts: tuple[Facts, ...]
    unpaired: tuple[Problem, ...] = ()

    def of(self, split: str) -> list[Facts]:
        return [facts for facts in self.facts if facts.split == split]

    @property
    def readable(self) -> list[Facts]:
        return [facts for facts in self.facts if facts.problem is None]


def survey(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> Survey:
    """Read every sample once. Splits that are only others put together (`trainval`) are left out."""
    splits = own_splits(dataset)
    names = {split: dataset.names(split) for split in splits}  # asked for once: it may take as long as there are names
    total = sum(map(len, names.values()))
    facts = []
    for split in splits:
        for index, name in enumerate(names[split]):
            facts.append(_look(dataset, split, index, name))
            if progress is not None:
                progress(len(facts), total)
    return Survey(dataset.info, splits, tuple(facts), tuple(getattr(dataset, "problems", ())))


def own_splits(dataset: Dataset) -> tuple[str, ...]:
    """The splits that are not the union of two or more others."""
    members = {split: set(dataset.names(split)) for split in dataset.splits()}

    def is_union(split: str) -> bool:
        parts = [names for other, names in members.items() if other != split and names and names < members[split]]
        return len(parts) > 1 and set().union(*parts) == members[split]

    return tuple(split for split in members if not is_union(split))


def _look(dataset: Dataset, split: str, index: int, name: str) -> Facts:
    try:
        sample = dataset.read(split, index)
    except DataError as error:
        sizes = []
        for file in dataset.sources(split, index):
            with suppress(DataError):  # that it cannot be read is said already
                sizes.append(image_size(file))
        unknown = error.counts if isinstance(error, UnknownValues) else {}
        return Facts(split, name, error.problems[0], tuple(sizes), unknown=unknown)
    values = None
    if sample.mask is not None:
        flat, most = sample.mask.reshape(-1), np.iinfo(sample.mask.dtype).max + 1
        counts = np.zeros(most, np.int64)
        for at in range(0, len(flat), CHUNK):  # bincount makes int64 of what it is given
            counts += np.bincount(flat[at : at + CHUNK], minlength=most)
        values = {int(value): int(counts[value]) for value in counts.nonzero()[0]}
    seen = (digest_of(sample.image), thumbnail_of(sample.image))
    return Facts(split, name, None, (), sample.size, values, {}, sample.label, *seen)
