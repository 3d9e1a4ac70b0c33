"""Objects by detection: boxes are proposed and classified, and each has its own mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from pixelwise.data.cache import CachedSplit
from pixelwise.errors import DataError
from pixelwise.rle import RLE
from pixelwise.run.normalisation import IMAGENET_MEAN, IMAGENET_STD
from pixelwise.shelf import declares
from pixelwise.tasks.base import Head, Input, Reduced, Reduction, Task, input_for
from pixelwise.types import BACKGROUND, DatasetInfo, Instances, Object, Sample

Mean = tuple[float, float, float]
PARTS = ("boxes", "labels", "scores", "masks")


@declares(
    predicts="instances",
    heads={"objects": "objects"},
    per="objects",
    metrics=("instances",),
    best="mask_ap",
    knows="objects",
)
def detect(
    info: DatasetInfo,
    *,
    least_score: Annotated[float, Ge(0), Le(1)] = 0.5,
    mean: Mean = IMAGENET_MEAN,
    std: Mean = IMAGENET_STD,
) -> Task:
    """Objects one by one: a model gives boxes with a class and a score, and a mask in each box.

    least_score:  objects with at least this score count as found: they are drawn, written and counted. Average precision
                  uses all objects of the model
    mean, std:    of the pictures the model is to read, in 0..1; by default those of pretrained weights, else ImageNet's

    Pictures may have different sizes, and may have no objects. Crowds are not learnt, and detections within them do not count.
    """
    return Detect(info, input_for(info, mean, std), least_score)


class Detect(Task):
    """Boxes, labels and masks of objects; label 0 is the model's "no object", and k the k-th class that is not background."""

    kind = "instances"

    def __init__(self, info: DatasetInfo, reads: Input, least_score: float) -> None:
        if "objects" not in info.knows:
            hint = "Take a data set with objects, or task 'segment', which needs masks of classes only."
            raise DataError("has no objects, so they cannot be detected.", where=info.name, hint=hint)
        self.info, self.input, self.least_score = info, reads, least_score
        self.kinds = [index for index, name in enumerate(info.classes) if name != BACKGROUND]
        self.heads = {"objects": Head("objects", 1 + len(self.kinds), tuple(map(Reduction, PARTS)))}

    def counts(self, split: CachedSplit) -> Mapping[str, NDArray[np.int64]]:
        """The number of objects of each kind. Raises DataError if there is not a single one."""
        found = np.zeros(1 + len(self.kinds), np.int64)
        for index in range(len(split)):
            for one in split[index].objects or ():
                found[1 + self.kinds.index(one.label)] += not one.crowd
        if not found.any():
            raise DataError(f"the split '{split.split}' has no object, so nothing can be learnt.", where=self.info.name)
        return {"objects": found}

    def encode(self, sample: Sample) -> Mapping[str, NDArray[Any]]:
        """boxes (N, 4) float32, labels (N,) int64, and masks (N, H, W) uint8 where every object has one.

        Raises DataError for a box without area.
        """
        if sample.objects is None:
            return {}
        objects = [one for one in sample.objects if not one.crowd]
        for one in objects:
            x0, y0, x1, y1 = one.box
            if not (x0 < x1 and y0 < y1):
                what = f"has an object of class '{self.info.classes[one.label]}' whose box {one.box} has no area."
                raise DataError(what, where=sample.name, hint="Leave such objects out of the data set.")
        targets: dict[str, NDArray[Any]] = {
            "boxes": np.array([one.box for one in objects], np.float32).reshape(-1, 4),
            "labels": np.array([1 + self.kinds.index(one.label) for one in objects], np.int64),
        }
        masks = [one.mask.mask() for one in objects if one.mask is not None]
        if len(masks) == len(objects):
            targets["masks"] = np.array(masks, np.uint8).reshape(-1, *sample.size)
        return targets

    def decode(self, reduced: Reduced) -> Instances:
        found = reduced["objects"]
        masks, scores = found["masks"], found["scores"]
        objects = [
            Object(
                self.kinds[int(found["labels"][place]) - 1],
                RLE.of(masks[place]) if len(masks) else None,
                tuple(found["boxes"][place].tolist()),
                float(scores[place]),
            )
            for place in np.argsort(-scores, kind="stable")
        ]
        return Instances((masks.shape[1], masks.shape[2]), tuple(objects), self.least_score)
