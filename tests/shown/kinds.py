"""A kind of prediction from outside the package (how bright every pixel is), with a task and a metric for it."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.counts import class_counts
from pixelwise.metrics.base import Metric
from pixelwise.shelf import declares
from pixelwise.shown.base import Drawing, Shown
from pixelwise.tasks.base import Head, Input, Lookup, Reduction, Task
from pixelwise.types import DatasetInfo, Image, Prediction, Sample, Score


@dataclass(frozen=True, eq=False)
class Depth(Prediction):
    """(H, W) uint8, 0 is near."""

    kind = "kinds:depth"
    metres: NDArray[np.uint8]


class ShownDepth(Shown):
    unit, does, by_bands = "pixel", "measures distances", True
    folders: ClassVar = {"depth": "depths"}

    def panels(self, sample: Sample, prediction: Depth, info: DatasetInfo) -> dict[str, Drawing]:
        return {"image": sample.image, "prediction": self.picture(prediction, info)}

    def counts(self, prediction: Depth, info: DatasetInfo) -> dict[str, Any]:
        return {"farthest": int(prediction.metres.max())}

    def summary(self, counts: Any) -> str:
        return f"up to {counts['farthest']} m"

    def drawings(self, image: Image, prediction: Depth, info: DatasetInfo) -> dict[str, Drawing]:
        return {"depth": self.picture(prediction, info)}

    def picture(self, prediction: Depth, info: DatasetInfo) -> Image:
        return np.repeat(prediction.metres[:, :, None], 3, axis=2)


def depth() -> Shown:
    """Distances."""
    return ShownDepth()


class DepthTask(Task):
    kind = "kinds:depth"

    def __init__(self, info: DatasetInfo) -> None:
        self.info, self.input = info, Input(3, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        self.heads = {"metres": Head("categories", len(info.classes), (Reduction("winner"),))}

    @property
    def targets(self) -> dict[str, Lookup]:
        return {"metres": Lookup("mask", np.r_[0 : len(self.info.classes), [-100] * 65536].astype(np.int16)[:65536])}

    def counts(self, split):
        return class_counts(split)

    def decode(self, reduced) -> Depth:
        return Depth(reduced["metres"]["winner"])


@declares(
    predicts="kinds:depth",
    heads={"metres": "categories"},
    per="pixel",
    loss="cross_entropy",
    metrics=("kinds:farthest",),
    best="farthest",
    knows="mask",
)
def task(info: DatasetInfo) -> Task:
    return DepthTask(info)


class Farthest(Metric):
    """The largest distance."""

    def __init__(self) -> None:
        self.state = np.zeros(1, np.int64)

    def update(self, sample: Sample, prediction: Depth) -> None:
        self.state += int(prediction.metres.max())

    def scores(self) -> list[Score]:
        return [Score("farthest", float(self.state[0]))]

    def sample_score(self, sample: Sample, prediction: Depth) -> float:
        return float(prediction.metres.max())

    per_class = lambda self: []  # noqa: E731
    figures = lambda self: {}  # noqa: E731


@declares(counts=("kinds:depth",))
def farthest(info: DatasetInfo) -> Metric:
    return Farthest()
