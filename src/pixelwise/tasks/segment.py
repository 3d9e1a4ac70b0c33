"""Semantic segmentation: one class for every pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.cache import CachedSplit
from pixelwise.data.counts import class_counts
from pixelwise.errors import DataError
from pixelwise.run.normalisation import IMAGENET_MEAN, IMAGENET_STD
from pixelwise.shelf import declares
from pixelwise.tasks.base import Head, Input, Lookup, Reduced, Reduction, Task, input_for
from pixelwise.types import IGNORE, ClassMap, DatasetInfo, Void


@declares(
    predicts="class_map",
    heads={"class": "categories"},
    per="pixel",
    loss="cross_entropy",
    metrics=("confusion",),
    best="mean_iou",
    knows="mask",
)
def segment(
    info: DatasetInfo,
    *,
    void: Void = "ignore",
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
) -> Task:
    """One class for every pixel: RGB in, a score for each class out, argmax back.

    void:       pixels without a label are left out of the loss (`ignore`), or count as the class named background
    mean, std:  of the pictures the model is to read, in 0..1; by default those of pretrained weights, else ImageNet's
    """
    return Segment(info, void, input_for(info, mean, std))


class Segment(Task):
    """Semantic segmentation over the classes of one data set."""

    kind = "class_map"

    def __init__(self, info: DatasetInfo, void: Void, reads: Input) -> None:
        if "mask" not in info.knows:
            raise DataError("has no masks, so it cannot be segmented.", where=info.name)
        self.info, self.input = info, reads
        self.heads = {"class": Head("categories", len(info.classes), (Reduction("winner"),))}
        self._lookup = Lookup("mask", target_table(info, void))

    @property
    def targets(self) -> Mapping[str, Lookup]:
        return {"class": self._lookup}

    def counts(self, split: CachedSplit) -> NDArray[np.int64]:
        return class_counts(split)

    def decode(self, reduced: Reduced) -> ClassMap:
        head = reduced["class"]
        return ClassMap(head["winner"], head.get("probability"), head.get("levels"))


def target_table(info: DatasetInfo, void: Void) -> NDArray[Any]:
    """Mask index → target of the loss: classes stay, void becomes what the recipe says, other values are not counted.

    Pixels that an augmentation uncovered have the void index, or 255 if the data set has no void index. In the second case
    they never count.
    """
    table = np.full(65536, IGNORE, np.int16)
    table[: len(info.classes)] = np.arange(len(info.classes))
    if info.void is not None and void == "background":
        table[info.void] = info.background
    return table
