"""Only the first training pictures of another data set: what a network should be able to learn by heart.

All of its training pictures are still there, as the split `whole`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge

from pixelwise.data.base import Dataset
from pixelwise.errors import DataError
from pixelwise.types import Sample

TRAIN, WHOLE = "train", "whole"


class First(Dataset):
    """Another data set, of whose training split the first pictures are left."""

    def __init__(self, whole: Dataset, count: int) -> None:
        self.whole, self.count = whole, count
        # how frequent a class is among a few pictures is chance: scores are not told apart by it
        self.info = replace(whole.info, name=f"{whole.info.name}-first", frequencies=None)

    def splits(self) -> tuple[str, ...]:
        return (*self.whole.splits(), WHOLE)

    def names(self, split: str) -> tuple[str, ...]:
        return self.whole.names(_of_whole(split))[: self._end(split)]

    def labels(self, split: str) -> tuple[int, ...]:
        return self.whole.labels(_of_whole(split))[: self._end(split)]

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        return self.whole.sources(_of_whole(split), index)

    def read(self, split: str, index: int) -> Sample:
        return self.whole.read(_of_whole(split), index)

    def settings(self) -> dict[str, object]:
        return {"of": self.whole.settings(), "count": self.count}

    def _end(self, split: str) -> int | None:
        return self.count if split == TRAIN else None


def _of_whole(split: str) -> str:
    """What a split is called in the data set that was cut."""
    return TRAIN if split == WHOLE else split


def first(root: Path, *, of: str | dict[str, Any], count: Annotated[int, Ge(1)]) -> Dataset:
    """The first `count` training pictures of any data set; its other splits stay, all training pictures are `whole`.

    of:     the data set, by name or as a map with its name and options
    count:  how many. A network that cannot learn a few pictures by heart has a fault
    """
    from pixelwise.data import DATASETS  # the table that this file stands in

    named = {"name": of} if isinstance(of, str) else dict(of)
    name = named.pop("name", None)
    if not isinstance(name, str):
        raise DataError(f"read {of!r}; it is a name, or a map with a name and options.", where="first: of")
    whole: Dataset = DATASETS.build(name, root, **named)
    there = len(whole.names(TRAIN))
    if count > there:
        raise DataError(
            f"{count} pictures are wanted, {there} are there.",
            where=f"first of {whole.info.name}",
            hint="Lower `count`.",
        )
    return First(whole, count)
