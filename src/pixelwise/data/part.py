"""A part of another data set: some of its training pictures, and its other splits as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pixelwise.data.base import Dataset
from pixelwise.errors import DataError
from pixelwise.types import Sample

TRAIN = "train"
Value = TypeVar("Value")


class Part(Dataset):
    """Another data set, of whose training split the pictures at `kept` are left.

    frequencies:  training pictures of each class that are left, if known
    settings:     the options that chose them
    also:         more splits: name → the split of the whole data set that it is
    """

    def __init__(
        self,
        whole: Dataset,
        kept: Sequence[int],
        *,
        name: str,
        frequencies: tuple[int, ...] | None,
        settings: Mapping[str, object],
        also: Mapping[str, str] | None = None,
    ) -> None:
        self.whole, self.kept, self.also = whole, tuple(kept), dict(also or {})
        self._settings = settings
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

    def _split(self, split: str) -> str:
        return self.also.get(split, split)

    def _index(self, split: str, index: int) -> int:
        return self.kept[index] if split == TRAIN else index

    def _left(self, split: str, values: tuple[Value, ...]) -> tuple[Value, ...]:
        return tuple(values[index] for index in self.kept) if split == TRAIN else values


def build_whole(of: str | dict[str, Any], root: Path, where: str) -> Dataset:
    """The data set that an option `of` names, alone or as a map with its name and options."""
    from pixelwise.data import DATASETS  # the shelf on which the builders are that call this

    options = {"name": of} if isinstance(of, str) else dict(of)
    name = options.pop("name", None)
    if not isinstance(name, str):
        raise DataError(f"read {of!r}; it is a name, or a map with a name and options.", where=f"{where}: of")
    whole: Dataset = DATASETS.build(name, root, **options)
    return whole
