"""What a task is: how samples become inputs and targets of a model, and what its outputs mean. No task imports torch.

    Sample ──┬─ input ───► what the model reads
             └─ targets ─► what its loss compares with        head's scores ── reductions ──► arrays ── decode ──► Prediction

The engine computes everything in between: it normalises, mixes, augments, and reduces scores on its own device.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.cache import CachedSplit, ReadSplit
from pixelwise.types import DatasetInfo, Prediction, Sample

Reduced = Mapping[str, Mapping[str, NDArray[Any]]]  # head → reduction → array, of one picture or of a band of its rows
Counts = NDArray[np.int64] | Mapping[str, NDArray[np.int64]]  # of the classes, or of each head's


@dataclass(frozen=True, eq=False)
class Input:
    """The input of a model. The engine makes it from pictures (H, W, 3) uint8, with its own arithmetic.

    channels:    3: red, green and blue, normalised; 1: grey, (R + G + B) / 3 in 0..1, normalised where there is a mean;
                 others: those of the data set
    mean, std:   of the pictures in 0..1, a number for each channel; std None: the numbers stay on the scale 0..255
    mean_image:  (H, W, 3) float32 on the scale 0..255, subtracted instead of `mean`
    """

    channels: int = 3
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    mean_image: NDArray[np.float32] | None = None


def for_channels(numbers: Sequence[float], channels: int) -> tuple[float, ...]:
    """A mean or std of red, green and blue for `channels` channels. Channels after the third get the mean of the three."""
    rest = sum(numbers) / len(numbers)
    return tuple(numbers)[:channels] + (rest,) * (channels - len(numbers))


def input_for(info: DatasetInfo, mean: Sequence[float], std: Sequence[float]) -> Input:
    """The input that a model reads from a data set's pictures, normalised."""
    return Input(info.channels, for_channels(mean, info.channels), for_channels(std, info.channels))


@dataclass(frozen=True)
class Reduction:
    """How an engine reduces a head's scores to an array that `decode` reads, on its own device.

    name:     an entry of the engine's table (engine/torch/reductions.py, engine/numpy/reductions.py), or `module:function`;
              the array arrives in `decode` under this name
    options:  keyword arguments of the function
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Head:
    """One output of a model.

    form:        `categories`: a score for each of `channels` classes; `levels`: a score for each of `channels` classes that
                 have an order; `values`: `channels` numbers; `objects`: a list of objects for each picture
    reductions:  what `decode` needs of it; metrics may ask for more
    ways:        whether its two values are a way in the picture, down and right: its direction, or a length in `pixels`
    """

    form: Literal["categories", "levels", "values", "objects"]
    channels: int
    reductions: tuple[Reduction, ...] = ()
    ways: Literal["", "direction", "pixels"] = ""

    @property
    def by_class(self) -> bool:
        """Whether it has a score for each class: their softmax is a probability, and its targets are whole numbers."""
        return self.form in ("categories", "levels")

    def wanted(self, needs: Iterable[str] = ()) -> dict[str, Mapping[str, Any]]:
        """reduction → options: its own and, for categories, those that metrics or confidences need.

        These are of the classes of the data set, which levels are not.
        """
        own = {reduction.name: reduction.options for reduction in self.reductions}
        return {**{name: {} for name in needs if self.form == "categories"}, **own}


@dataclass(frozen=True, eq=False)
class Lookup:
    """A target that is read from a sample through a table. An engine may do it for a whole batch on its device.

    of:     what is looked up: `mask` (H, W), `label` (one number), or `image` (H, W, 3), whose table has an entry for
            every colour, at r·65536 + g·256 + b
    table:  1-d, index → target; None: the values themselves are the targets
    """

    of: Literal["mask", "image", "label"]
    table: NDArray[Any] | None = None

    def target(self, sample: Sample) -> NDArray[Any] | None:
        """The target of one sample; None if the sample does not have what is looked up."""
        value = getattr(sample, self.of)
        if value is None:
            return None
        if self.of == "label":
            value = np.asarray(value, np.int64)
        if self.table is None:
            return np.asarray(value)
        if self.of == "image":
            place = value[..., 0].astype(np.int32)
            for channel in (1, 2):
                place <<= 8
                place |= value[..., channel]
            value = place
        found: NDArray[Any] = self.table[value]
        return found


class Task(ABC):
    """One kind of vision task. Builders on the shelf have the form `def segment(info, *, ...) -> Task`.

    kind:     the kind of prediction that it makes (types.py)
    per:      what its classes are counted in, `pixel` or `picture`
    info:     the classes that it distinguishes, with their colours: the data set's, or what the task found in it
    input:    what its model reads
    heads:    what its model must give; a dense model gives all of them side by side, in this order
    mixup:    α of Beta(α, α), from which the share of each mixture of two pictures is drawn; 0: none
    studied:  the split that `study` reads, where it is not the training split
    tunes:    what `pixelwise tune` tries, grid after grid: option of `decode` → its values

    What a task must find out from the training pictures, e.g. a palette, is found once, before the first step (`study`).
    It is kept in the run and given back whenever the run is opened (`informed`), so the data set need not be there.
    """

    kind: ClassVar[str]
    per: Literal["pixel", "picture"] = "pixel"
    info: DatasetInfo
    input: Input
    heads: Mapping[str, Head]
    mixup: float = 0.0
    studied: str | None = None
    tunes: tuple[Mapping[str, tuple[Any, ...]], ...] = ()

    @property
    def targets(self) -> Mapping[str, Lookup]:
        """Where the target of each head is read from. Empty for a task that overrides `encode`."""
        return {}

    def study(self, split: CachedSplit | ReadSplit) -> dict[str, Any]:
        """What the task must know about the training pictures, as JSON values; most tasks need nothing."""
        return {}

    def informed(self, findings: Mapping[str, Any]) -> Task:
        """The task that knows what `study` found. Raises RunError if that is not what it needs."""
        return self

    def normalising(self, mean: Sequence[float] | None = None, std: Sequence[float] | None = None) -> Task:
        """The task that normalises pictures by a mean or std of (R, G, B) in 0..1, or both; grey ones by their means.

        Without one of them, that of the recipe stays. Raises ValueError if they are not three finite numbers each, std above 0.
        """
        given = {name: numbers for name, numbers in (("mean", mean), ("std", std)) if numbers is not None}
        wrong = [numbers for numbers in given.values() if len(numbers) != 3 or not all(map(math.isfinite, numbers))]
        if wrong or not given or (std is not None and min(std) <= 0):
            raise ValueError(f"mean {mean} and std {std} are not three numbers each, std above 0")
        channels, task = self.input.channels, copy.copy(self)
        made = {
            name: (sum(numbers) / 3,) if channels == 1 else for_channels(numbers, channels)
            for name, numbers in given.items()
        }
        task.input = replace(self.input, mean=made.get("mean", self.input.mean), std=made.get("std", self.input.std))
        return task

    @abstractmethod
    def counts(self, split: CachedSplit) -> Counts:
        """How often each class occurs in a split: losses are weighted by it.

        Raises DataError if the split does not know it.
        """

    def encode(self, sample: Sample) -> Mapping[str, NDArray[Any]]:
        """head → target of one (augmented) sample, for the heads whose target it has. Small: it may go to another process.

        A head of objects has several targets, under the names that its model reads them by.
        """
        found = {head: lookup.target(sample) for head, lookup in self.targets.items()}
        return {head: target for head, target in found.items() if target is not None}

    @abstractmethod
    def decode(self, reduced: Reduced) -> Prediction:
        """The prediction for one picture, or for a band of its rows. A `probability` becomes its confidence."""

    def tuned(self, options: Mapping[str, Any]) -> Task:
        """The task that decodes with other options, of those in `tunes`. Raises ValueError for what it cannot decode with."""
        raise ValueError(f"a task of the kind '{self.kind}' has no options to tune")

    def ideal(self, sample: Sample) -> Prediction | None:
        """What `decode` makes of outputs that equal the targets; None if that is of no interest.

        No network can exceed its score: the rest is lost in decoding.
        """
        return None

    @property
    def out_channels(self) -> int:
        """Channels of a dense model: the sum of the heads'."""
        return sum(head.channels for head in self.heads.values())
