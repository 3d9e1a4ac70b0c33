"""Classification: one class for every picture."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from pixelwise.data.cache import CachedSplit, ReadSplit
from pixelwise.data.counts import label_counts
from pixelwise.data.part import WHOLE
from pixelwise.errors import DataError, RunError
from pixelwise.run.normalisation import IMAGENET_MEAN, IMAGENET_STD
from pixelwise.shelf import declares
from pixelwise.tasks.base import (
    Head,
    Input,
    Lookup,
    Reduced,
    Reduction,
    Task,
    for_channels,
)
from pixelwise.types import DatasetInfo, Labels

FOUND = "mean_image"  # the finding of `study`
Whose = Literal["image", "whole_image"]


@declares(
    predicts="labels",
    heads={"class": "categories"},
    per="picture",
    loss="cross_entropy",
    metrics=("accuracy",),
    best="accuracy",
    knows="label",
)
def classify(
    info: DatasetInfo,
    *,
    mean: tuple[float, float, float] | Literal["image", "whole_image"] = IMAGENET_MEAN,
    std: tuple[float, float, float] | None = IMAGENET_STD,
    mixup: Annotated[float, Ge(0)] = 0.0,
) -> Task:
    """One class for every picture: RGB in, a score for each class out, probabilities back.

    mean:   of the pictures in 0..1, one number per channel; by default that of pretrained weights, else ImageNet's; or
            `image`: the mean of the training pictures is subtracted, place by place; or `whole_image`: the mean of the
            whole training set, of which the data set `first` trains on only some
    std:    of the pictures in 0..1, by default as `mean`; null: no division, the numbers stay on the scale 0..255
    mixup:  α of Beta(α, α), from which a batch's share is drawn: each picture becomes a mixture with another one of
            its batch, and so does its loss (Zhang et al. 2018); 0: none
    """
    if isinstance(mean, str):
        return Classify(info, Input(info.channels, None, std and for_channels(std, info.channels)), mixup, mean)
    scale = std and for_channels(std, info.channels)
    return Classify(info, Input(info.channels, for_channels(mean, info.channels), scale), mixup, None)


class Classify(Task):
    """Classification over the classes of one data set. `whose`: the pictures whose mean image is subtracted."""

    kind = "labels"
    per = "picture"

    def __init__(self, info: DatasetInfo, reads: Input, mixup: float, whose: Whose | None) -> None:
        if "label" not in info.knows:
            raise DataError("its pictures have no labels, so they cannot be classified.", where=info.name)
        self.info, self.input, self.mixup, self.whose = info, reads, mixup, whose
        self.heads = {"class": Head("categories", len(info.classes), (Reduction("vector"),))}
        self.studied = WHOLE if whose == "whole_image" else None

    @property
    def targets(self) -> Mapping[str, Lookup]:
        return {"class": Lookup("label")}

    def study(self, split: CachedSplit | ReadSplit) -> dict[str, Any]:
        """The mean image of a split, where it is subtracted; summed in whole numbers, so that it is exact."""
        if self.whose is None:
            return {}
        total = np.zeros((*split.size, self.info.channels), np.int64)
        for index in range(len(split)):
            total += split[index].image
        return {FOUND: (total / len(split)).tolist()}

    def informed(self, findings: Mapping[str, Any]) -> Task:
        if self.whose is None:
            return self
        if FOUND not in findings:
            raise RunError("does not contain the mean training picture.", where="setup.json: findings")
        task = copy.copy(self)
        task.input = replace(self.input, mean_image=np.asarray(findings[FOUND], np.float32))
        return task

    def counts(self, split: CachedSplit) -> NDArray[np.int64]:
        return label_counts(split)

    def decode(self, reduced: Reduced) -> Labels:
        return Labels(reduced["class"]["vector"])
