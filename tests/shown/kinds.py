"""A task and a metric for the kind of prediction of docs/extending.md, which is not part of the package."""

import re
import sys
import tempfile
from pathlib import Path

import numpy as np

from pixelwise.data.counts import class_counts
from pixelwise.metrics.base import Metric
from pixelwise.shelf import declares
from pixelwise.tasks.base import Head, Input, Lookup, Reduction, Task
from pixelwise.types import DatasetInfo, Sample, Score

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
FOLDER = Path(tempfile.mkdtemp())
TEXT = re.search(r":caption: my_kinds.py\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)[1]
(FOLDER / "page_kinds.py").write_text(TEXT.replace("my_kinds", "page_kinds"), encoding="utf-8")
sys.path.insert(0, str(FOLDER))
from page_kinds import Depth  # noqa: E402


class DepthTask(Task):
    kind = "page_kinds:depth"

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
    predicts="page_kinds:depth",
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


@declares(counts=("page_kinds:depth",))
def farthest(info: DatasetInfo) -> Metric:
    return Farthest()
