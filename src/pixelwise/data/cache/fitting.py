"""A data set whose samples are brought to one size with their shapes kept: what a recipe says by `data.fit`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pixelwise.data.base import Dataset
from pixelwise.data.cache.building import check_sample
from pixelwise.errors import Problem
from pixelwise.imaging.channels import Reading
from pixelwise.imaging.fit import Fit, fit_image, fit_mask, fit_object
from pixelwise.types import Sample


class Fitting(Dataset):
    """Another data set with its pictures and masks at `size` (height, width), in a letterbox or cropped.

    A letterbox has void around masks; a data set without void gets one. Objects that a crop cuts away are left out.
    """

    def __init__(self, whole: Dataset, size: tuple[int, int], fit: Fit) -> None:
        self.whole, self.size, self.fit = whole, size, fit
        self.problems = getattr(whole, "problems", ())
        self.info = whole.info
        if fit == "letterbox" and "mask" in whole.info.knows:
            void = 255 if len(whole.info.classes) <= 255 else 65535
            self.info = replace(whole.info, void=void if whole.info.void is None else whole.info.void, padded=True)

    def read(self, split: str, index: int) -> Sample:
        sample = self.whole.read(split, index)
        check_sample(sample, self.whole.info)
        image = fit_image(sample.image, self.size, self.fit)
        mask = None if sample.mask is None else fit_mask(sample.mask, self.size, self.fit, self.info.void or 0)
        if sample.objects is None:
            return replace(sample, image=image, mask=mask)
        objects = [fit_object(one, sample.size, self.size, self.fit) for one in sample.objects]
        return replace(sample, image=image, mask=mask, objects=[one for one in objects if one is not None])

    def oddities(self, split: str, index: int) -> tuple[str, ...]:
        return self.whole.oddities(split, index)

    def settings(self) -> dict[str, object]:
        return {**self.whole.settings(), "fit": self.fit, "fit_size": list(self.size)}

    def splits(self) -> tuple[str, ...]:
        return self.whole.splits()

    def names(self, split: str) -> tuple[str, ...]:
        return self.whole.names(split)

    def labels(self, split: str) -> tuple[int, ...]:
        return self.whole.labels(split)

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        return self.whole.sources(split, index)

    def absent(self) -> tuple[str, ...]:
        return self.whole.absent()

    def remarks(self) -> tuple[str, ...]:
        return self.whole.remarks()

    def notices(self) -> tuple[Problem, ...]:
        return self.whole.notices()

    def reading(self) -> Reading:
        return self.whole.reading()
