"""A split as it is read from its files, kept nowhere: for one pass over pictures that no cache would be worth."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pixelwise.data.base import Dataset
from pixelwise.imaging.resize import resize_image
from pixelwise.types import Sample


@dataclass(frozen=True)
class ReadSplit:
    """The pictures of a split at `size` (H, W), each read and resized when it is asked for; without masks."""

    dataset: Dataset
    split: str
    size: tuple[int, int]

    def __post_init__(self) -> None:
        self.dataset.check_split(self.split)

    def __len__(self) -> int:
        return len(self.dataset.names(self.split))

    def __getitem__(self, index: int) -> Sample:
        sample = self.dataset.read(self.split, index)
        return replace(sample, image=resize_image(sample.image, self.size), mask=None, objects=None)
