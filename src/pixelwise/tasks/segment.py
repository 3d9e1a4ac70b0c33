"""Semantic segmentation: one class for every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pixelwise.data.cache import CachedSplit
from pixelwise.data.counts import class_counts
from pixelwise.errors import DataError
from pixelwise.losses.base import Loss, Term
from pixelwise.shelf import declares
from pixelwise.tasks.base import Arrays, Batch, Task
from pixelwise.tasks.pixels import normalise
from pixelwise.tasks.targets import target_table
from pixelwise.types import ClassMap, DatasetInfo, Prediction, Sample

Void = Literal["ignore", "background"]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


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
    loss: Loss | None,
    *,
    void: Void = "ignore",
    mean: tuple[float, float, float] = IMAGENET_MEAN,
    std: tuple[float, float, float] = IMAGENET_STD,
) -> Task:
    """One class for every pixel: RGB in, a score for each class out, argmax back.

    void:       pixels that nobody labelled are left out of the loss (`ignore`), or count as the class named background
    mean, std:  of the pictures the model is to read, in 0..1; ImageNet's by default
    """
    return Segment(info, loss, void=void, mean=mean, std=std)


class Segment(Task):
    """Semantic segmentation over the classes of one data set. `loss` may be None where nothing is trained."""

    def __init__(
        self, info: DatasetInfo, loss: Loss | None, *, void: Void, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        if "mask" not in info.knows:
            raise DataError("has no masks, so it cannot be segmented.", where=info.name)
        self.info = info
        self.heads = {"class": len(info.classes)}
        self.loss = loss
        self.mean, self.std = tuple(mean), tuple(std)
        self.target_of = target_table(info, void)

    def counts(self, split: CachedSplit) -> NDArray[np.int64]:
        return class_counts(split)

    def encode(self, sample: Sample) -> Arrays:
        if sample.mask is None:
            return {"image": sample.image}
        return {"image": sample.image, "target": self.target_of[sample.mask]}

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        scores: Tensor = model(normalise(batch.fields["image"], self.mean, self.std))
        return scores  # (B, C, H, W)

    def losses(self, outputs: Tensor, batch: Batch) -> dict[str, Term]:
        if self.loss is None or "target" not in batch.fields:
            return {}
        return {"class": self.loss(outputs, batch.fields["target"].long())}

    def decode(self, outputs: Tensor) -> list[Prediction]:
        classes = outputs.argmax(dim=1)  # (B, H, W); over channels_last scores 4 times faster than over contiguous ones
        indices = classes.to(torch.uint8 if outputs.shape[1] <= 256 else torch.int32).cpu().numpy()
        return [ClassMap(one if one.dtype == np.uint8 else one.astype(np.uint16)) for one in indices]
