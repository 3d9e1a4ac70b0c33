"""The bridge for the NumPy network: samples become float32 batches, scores become predictions."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.cache import CachedSplit, ReadSplit
from pixelwise.data.counts import class_counts, label_counts
from pixelwise.data.first import WHOLE
from pixelwise.errors import DataError, RunError
from pixelwise.losses.ignore import IGNORE
from pixelwise.scratch.checks import Array
from pixelwise.scratch.fit import Examples
from pixelwise.scratch.loss import CrossEntropy
from pixelwise.shelf import declares
from pixelwise.tasks.targets import Void, target_table
from pixelwise.types import ClassMap, DatasetInfo, Labels, Prediction, Sample

Three = tuple[float, float, float]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
FOUND = "mean_image"
MeanPicture = Literal["image", "whole_image"]
PICTURES = get_args(MeanPicture)


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
    loss: CrossEntropy | None,
    *,
    mean: tuple[float, float, float] | Literal["image", "whole_image"] = IMAGENET_MEAN,
    std: tuple[float, float, float] | None = IMAGENET_STD,
) -> Task:
    """One class for every picture: RGB in, a score for each class out, probabilities back.

    mean:  of the pictures in 0..1, one number a channel; or `image`: from every pixel goes the mean of the training
           pictures at its place; or `whole_image`: the mean of the whole training set, of which the data set `first`
           leaves only some to be trained on
    std:   of the pictures in 0..1; null: no division, the numbers stay on the scale 0..255
    """
    return Classify(info, loss, mean, std)


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
    loss: CrossEntropy | None,
    *,
    void: Literal["ignore", "background"] = "ignore",
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
) -> Task:
    """One class for every pixel: RGB in, a score for each class out, argmax back.

    void:       pixels that nobody labelled are left out of the loss (`ignore`), or count as the class named background
    mean, std:  of the pictures, in 0..1; ImageNet's by default
    """
    return Segment(info, loss, void, mean, std)


class Task(ABC):
    """What a task of the NumPy network owes the engine; the same words as the torch tasks'."""

    unit: str
    in_channels = 3

    def __init__(
        self, info: DatasetInfo, loss: CrossEntropy | None, mean: Three | MeanPicture, std: Three | None
    ) -> None:
        self.info, self.loss, self.mean, self.std = info, loss, mean, std
        self.studied = WHOLE if mean == "whole_image" else None  # the split that `study` looks at; None: for training
        self.mean_image: NDArray[np.float32] | None = None  # (H, W, 3) on the scale 0..255

    @abstractmethod
    def counts(self, split: CachedSplit) -> NDArray[np.int64]:
        """(C,) how often each class occurs in a split."""

    @abstractmethod
    def target(self, sample: Sample) -> Any:
        """What the loss is to compare with; IGNORE where nothing is known."""

    @abstractmethod
    def decode(self, scores: Array) -> list[Prediction]:
        """One prediction for each picture of a batch."""

    def study(self, split: CachedSplit | ReadSplit) -> dict[str, Any]:
        """The mean picture of a split, where it is subtracted; summed in whole numbers, so that it is exact."""
        if self.mean not in PICTURES:
            return {}
        total = np.zeros((*split.size, 3), np.int64)
        for index in range(len(split)):
            total += split[index].image
        return {FOUND: (total / len(split)).tolist()}

    def informed(self, findings: Mapping[str, Any]) -> Task:
        """The task that knows what `study` found. Raises RunError where that is not what it needs."""
        if self.mean not in PICTURES:
            return self
        if FOUND not in findings:
            raise RunError("does not hold the mean training picture.", where="setup.json: findings")
        task = copy.copy(self)
        task.mean_image = np.asarray(findings[FOUND], np.float32)
        return task

    def batch(self, samples: Sequence[Sample]) -> Examples:
        """Samples of one size as (N, C, H, W) float32, channels last in memory, with their targets."""
        targets = np.array([self.target(sample) for sample in samples])
        images = self.normalise(np.stack([sample.image for sample in samples]))
        return Examples(images, targets, tuple(sample.name for sample in samples))

    def normalise(self, images: NDArray[np.uint8]) -> Array:
        """(N, H, W, 3) uint8 → (N, 3, H, W) float32 with (x − 255·mean)/(255·std)."""
        if self.mean_image is not None:
            centred = images - self.mean_image
        else:
            centred = images - (255 * np.asarray(self.mean)).astype(np.float32)
        if self.std is not None:
            centred *= (1 / (255 * np.asarray(self.std))).astype(np.float32)
        moved: Array = centred.transpose(0, 3, 1, 2)
        return moved


class Classify(Task):
    """Classification over the classes of one data set."""

    unit = "picture"

    def __init__(
        self, info: DatasetInfo, loss: CrossEntropy | None, mean: Three | MeanPicture, std: Three | None
    ) -> None:
        if "label" not in info.knows:
            raise DataError("its pictures have no labels, so they cannot be classified.", where=info.name)
        super().__init__(info, loss, mean, std)

    def counts(self, split: CachedSplit) -> NDArray[np.int64]:
        return label_counts(split)

    def target(self, sample: Sample) -> Any:
        return IGNORE if sample.label is None else sample.label

    def decode(self, scores: Array) -> list[Prediction]:
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        return [Labels(row) for row in exponentials / exponentials.sum(axis=1, keepdims=True)]


class Segment(Task):
    """Semantic segmentation over the classes of one data set."""

    unit = "pixel"

    def __init__(self, info: DatasetInfo, loss: CrossEntropy | None, void: Void, mean: Three, std: Three) -> None:
        if "mask" not in info.knows:
            raise DataError("has no masks, so it cannot be segmented.", where=info.name)
        super().__init__(info, loss, mean, std)
        self.target_of = target_table(info, void)

    def counts(self, split: CachedSplit) -> NDArray[np.int64]:
        return class_counts(split)

    def target(self, sample: Sample) -> Any:
        return np.full(sample.size, IGNORE, np.int16) if sample.mask is None else self.target_of[sample.mask]

    def decode(self, scores: Array) -> list[Prediction]:
        kind: Any = np.uint8 if scores.shape[1] <= 256 else np.uint16
        return [ClassMap(one) for one in scores.argmax(axis=1).astype(kind)]
