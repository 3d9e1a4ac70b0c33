"""Objects without detection: one map says which pixels are inside an object, another separates objects that touch.

    separate           inside and distance: a watershed of the distance to the object's boundary
    separate_levels    inside, direction and energy levels (Bai & Urtasun 2017): a watershed of the levels
    separate_centres   inside, centre and offset (Cheng et al. 2020): each pixel goes to the centre that its offset leads to

Targets are computed from the objects as an augmentation left them (imaging/instances/targets.py), not from a cached map.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

from pixelwise.data.cache import CachedSplit
from pixelwise.errors import DataError
from pixelwise.imaging.draw import number_objects
from pixelwise.imaging.instances import centres, targets
from pixelwise.imaging.instances.objects import ScoreRule, scored_objects
from pixelwise.imaging.instances.watershed import separate as watershed
from pixelwise.run.normalisation import IMAGENET_MEAN, IMAGENET_STD
from pixelwise.shelf import declares
from pixelwise.tasks.base import Head, Input, Reduced, Reduction, Task, input_for
from pixelwise.types import BACKGROUND, IGNORE, DatasetInfo, Instances, Object, Sample

LEVELS = len(targets.EDGES)
SPREAD = 8.0  # pixels, σ of the bells at centres (Cheng et al. 2020)
REACH = 32.0  # pixels in an offset of 1
Share = Annotated[float, Gt(0), Lt(1)]
Pixels = Annotated[float, Ge(0), Le(50)]
Area = Annotated[int, Ge(0)]
Mean = tuple[float, float, float]


@dataclass(frozen=True)
class Cutting:
    """How maps are cut into objects: options of every task here.

    threshold:  probability from which a pixel is inside
    smoothing:  σ in pixels of the Gaussian before markers are looked for, or before centres are
    depth:      how far a peak must rise above the path to a higher peak; for centres, the height of the lowest one
    smallest:   pixels of the smallest object
    score:      the rule of the score (imaging/instances/objects.py)
    """

    threshold: float
    smoothing: float
    depth: float
    smallest: int
    score: ScoreRule


class Separate(Task):
    """The common part of the tasks here: the head `inside`, and objects from an instance map."""

    kind = "instances"
    tunes = (
        {"smoothing": (0.0, 1.0, 2.0, 4.0), "depth": (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)},
        {"threshold": (0.3, 0.4, 0.5, 0.6, 0.7), "smallest": (0, 50, 100, 200, 400)},
        {"score": ("inside", "inside_energy", "inside_peak")},
    )

    def __init__(self, info: DatasetInfo, reads: Input, cutting: Cutting, maps: Mapping[str, Head]) -> None:
        if "objects" not in info.knows:
            hint = "Take a data set with objects, or task 'segment', which needs masks of classes only."
            raise DataError("has no objects, so they cannot be separated.", where=info.name, hint=hint)
        self.info, self.input, self.cutting = info, reads, cutting
        self.kinds = [index for index, name in enumerate(info.classes) if name != BACKGROUND]
        self.heads = {"inside": Head("categories", 1 + len(self.kinds), (Reduction("vector"),)), **maps}

    def counts(self, split: CachedSplit) -> Mapping[str, NDArray[np.int64]]:
        """Pixels of no object and of each kind. Where objects overlap, a pixel counts for each."""
        found, pixels = np.zeros(1 + len(self.kinds), np.int64), 0
        for index in range(len(split)):
            sample = split[index]
            pixels += sample.size[0] * sample.size[1]
            for one in sample.objects or ():
                if one.mask is not None and not one.crowd:
                    found[1 + self.kinds.index(one.label)] += one.mask.area
        found[0] = max(0, pixels - found.sum())
        return {"inside": found}

    def encode(self, sample: Sample) -> Mapping[str, NDArray[Any]]:
        if sample.objects is None:
            return {}
        numbers, kinds, counted = self._read(sample)
        inside = kinds[numbers]
        inside[~counted] = IGNORE
        return {"inside": inside, **self.maps(numbers, counted)}

    def decode(self, reduced: Reduced) -> Instances:
        probabilities = reduced["inside"]["vector"]
        inside = 1 - probabilities[0] >= self.cutting.threshold
        energy, labels = self.cut(inside, reduced)
        objects = scored_objects(labels, probabilities, energy, self.kinds, self.cutting.score)
        return Instances((inside.shape[0], inside.shape[1]), objects)

    def ideal(self, sample: Sample) -> Instances | None:
        if sample.objects is None:
            return None
        numbers, kinds, _ = self._read(sample)
        vector = (np.arange(1 + len(self.kinds))[:, None, None] == kinds[numbers]).astype(np.float32)
        return self.decode({"inside": {"vector": vector}, **self.reduced_targets(numbers)})

    def tuned(self, options: Mapping[str, Any]) -> Task:
        allowed = {name: values for grid in self.tunes for name, values in grid.items()}
        for name, value in options.items():
            if name not in allowed:
                raise ValueError(f"unknown option {name!r} to tune")
            if value not in (*allowed[name], getattr(self.cutting, name)):
                raise ValueError(f"{name} is {value!r}; allowed: {', '.join(map(str, allowed[name]))}")
        task = copy.copy(self)
        task.cutting = replace(self.cutting, **options)
        return task

    @abstractmethod
    def maps(self, numbers: NDArray[Any], counted: NDArray[np.bool_]) -> Mapping[str, NDArray[Any]]:
        """The targets of the other heads, of an instance map and of which pixels count."""

    @abstractmethod
    def reduced_targets(self, numbers: NDArray[Any]) -> Reduced:
        """The reductions of the other heads if their outputs were the targets."""

    @abstractmethod
    def cut(self, inside: NDArray[np.bool_], reduced: Reduced) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """((H, W) the energy that scores are made of, (H, W) the number of the object at each pixel)."""

    def _read(self, sample: Sample) -> tuple[NDArray[np.uint16], NDArray[np.int16], NDArray[np.bool_]]:
        """(instance map, kind of each number, which pixels count): crowds, void and what no picture covers do not."""
        objects: list[Object] = []
        crowds: list[Object] = []
        for one in sample.objects or ():
            if one.mask is None:
                what = "has an object with a box and no mask, which cannot be separated by its pixels."
                raise DataError(what, where=sample.name, hint="Leave such objects out of the data set.")
            (crowds if one.crowd else objects).append(one)
        numbers = number_objects(objects, sample.size)
        kinds = np.array([0, *(1 + self.kinds.index(one.label) for one in objects)], np.int16)
        counted = np.ones(sample.size, bool) if sample.mask is None else sample.mask < len(self.info.classes)
        if crowds:
            counted = counted & ~((number_objects(crowds, sample.size) > 0) & (numbers == 0))
        return numbers, kinds, counted


# -- by the distance to the boundary --


@declares(
    predicts="instances",
    heads={"inside": "categories", "distance": "values"},
    per="pixel",
    loss={"inside": "cross_entropy", "distance": "smooth_l1"},
    metrics=("instances",),
    best="mask_ap",
    knows="objects",
)
def separate(
    info: DatasetInfo,
    *,
    threshold: Share = 0.5,
    smoothing: Pixels = 2.0,
    depth: Share = 0.3,
    smallest: Area = 50,
    score: ScoreRule = "inside_energy",
    mean: Mean = IMAGENET_MEAN,
    std: Mean = IMAGENET_STD,
) -> Task:
    """Objects by a watershed: whether a pixel is in an object, and how deep, relative to the deepest place of the object.

    threshold:  probability from which a pixel is inside; `pixelwise tune` chooses this option and the next four
    smoothing:  σ in pixels of a Gaussian over the distance, before markers are looked for
    depth:      how far a peak of the distance must rise above the path to a higher peak; else both are one object
    smallest:   pixels of the smallest object
    score:      `inside`: the mean probability; times the mean distance (`inside_energy`), or its largest (`inside_peak`)
    mean, std:  of the pictures the model is to read, in 0..1; by default those of pretrained weights, else ImageNet's

    The head `inside` has a score for no object and one for each class. The target of `distance` is the Euclidean distance to
    the nearest pixel that is not of the same object, divided by the largest one in the object, and 0 outside.
    """
    return Distances(info, input_for(info, mean, std), Cutting(threshold, smoothing, depth, smallest, score))


class Distances(Separate):
    """Objects by a watershed of their normalised distances."""

    def __init__(self, info: DatasetInfo, reads: Input, cutting: Cutting) -> None:
        super().__init__(info, reads, cutting, {"distance": Head("values", 1, (Reduction("values"),))})

    def maps(self, numbers: NDArray[Any], counted: NDArray[np.bool_]) -> Mapping[str, NDArray[Any]]:
        return {"distance": np.where(counted, targets.normalised_distances(numbers), np.float32(np.nan))}

    def reduced_targets(self, numbers: NDArray[Any]) -> Reduced:
        return {"distance": {"values": targets.normalised_distances(numbers)[None]}}

    def cut(self, inside: NDArray[np.bool_], reduced: Reduced) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        energy = reduced["distance"]["values"][0]
        return energy, _flooded(inside, energy, self.cutting)


# -- by energy levels --


@declares(
    predicts="instances",
    heads={"inside": "categories", "direction": "values", "levels": "levels"},
    per="pixel",
    loss={"inside": "cross_entropy", "direction": "angle", "levels": "energy_levels"},
    metrics=("instances",),
    best="mask_ap",
    knows="objects",
)
def separate_levels(
    info: DatasetInfo,
    *,
    threshold: Share = 0.5,
    smoothing: Pixels = 2.0,
    depth: Share = 0.3,
    smallest: Area = 50,
    score: ScoreRule = "inside_energy",
    mean: Mean = IMAGENET_MEAN,
    std: Mean = IMAGENET_STD,
) -> Task:
    """Objects by the energy levels of the Deep Watershed Transform (Bai & Urtasun 2017): 16 intervals of the distance.

    threshold:  probability from which a pixel is inside; `pixelwise tune` chooses this option and the next four
    smoothing:  σ in pixels of a Gaussian over the energy, before markers are looked for
    depth:      how far a peak of the energy must rise above the path to a higher peak; 1 is all 15 levels
    smallest:   pixels of the smallest object
    score:      `inside`: the mean probability; times the mean energy (`inside_energy`), or its largest (`inside_peak`)
    mean, std:  of the pictures the model is to read, in 0..1; by default those of pretrained weights, else ImageNet's

    The energy is the mean level by the probabilities, divided by 15. The head `direction` learns the unit vector away from the
    boundary. In the paper a first network gives it to a second one; here both are heads of one network, trained together.
    """
    return Levels(info, input_for(info, mean, std), Cutting(threshold, smoothing, depth, smallest, score))


class Levels(Separate):
    """Objects by a watershed of their energy levels."""

    def __init__(self, info: DatasetInfo, reads: Input, cutting: Cutting) -> None:
        maps = {
            "direction": Head("values", 2, ways="direction"),
            "levels": Head("levels", LEVELS, (Reduction("expectation"),)),
        }
        super().__init__(info, reads, cutting, maps)

    def maps(self, numbers: NDArray[Any], counted: NDArray[np.bool_]) -> Mapping[str, NDArray[Any]]:
        areas = np.where(counted, targets.areas(numbers), 0)
        direction = np.concatenate([targets.directions(numbers), areas[None].astype(np.float32)])
        return {"direction": direction, "levels": np.stack([targets.levels(numbers), areas])}

    def reduced_targets(self, numbers: NDArray[Any]) -> Reduced:
        return {"levels": {"expectation": targets.levels(numbers).astype(np.float32)}}

    def cut(self, inside: NDArray[np.bool_], reduced: Reduced) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        energy = np.divide(reduced["levels"]["expectation"], LEVELS - 1, dtype=np.float32)
        return energy, _flooded(inside, energy, self.cutting)


def _flooded(inside: NDArray[np.bool_], energy: NDArray[np.float32], how: Cutting) -> NDArray[np.int32]:
    return watershed(inside, energy, smoothing=how.smoothing, depth=how.depth, smallest=how.smallest)


# -- by centres --


@declares(
    predicts="instances",
    heads={"inside": "categories", "centre": "values", "offset": "values"},
    per="pixel",
    loss={"inside": "cross_entropy", "centre": "smooth_l1", "offset": "smooth_l1"},
    metrics=("instances",),
    best="mask_ap",
    knows="objects",
)
def separate_centres(
    info: DatasetInfo,
    *,
    threshold: Share = 0.5,
    smoothing: Pixels = 0.0,
    depth: Share = 0.1,
    smallest: Area = 50,
    score: ScoreRule = "inside_peak",
    mean: Mean = IMAGENET_MEAN,
    std: Mean = IMAGENET_STD,
) -> Task:
    """Objects by their centres, as in Panoptic-DeepLab (Cheng et al. 2020): each pixel has an offset to its object's centre.

    threshold:  probability from which a pixel is inside; `pixelwise tune` chooses this option and the next four
    smoothing:  σ in pixels of a Gaussian over the bells, before centres are looked for
    depth:      height of the lowest bell that is a centre
    smallest:   pixels of the smallest object
    score:      `inside`: the mean probability; times the mean bell (`inside_energy`), or its highest place (`inside_peak`)
    mean, std:  of the pictures the model is to read, in 0..1; by default those of pretrained weights, else ImageNet's

    The target of `centre` is a bell with σ = 8 pixels at each centre of mass. The target of `offset` is the vector to the
    centre in units of 32 pixels. Parts of one object need not touch.
    """
    return Centres(info, input_for(info, mean, std), Cutting(threshold, smoothing, depth, smallest, score))


class Centres(Separate):
    """Objects by the centres that their pixels lead to."""

    def __init__(self, info: DatasetInfo, reads: Input, cutting: Cutting) -> None:
        maps = {
            "centre": Head("values", 1, (Reduction("values"),)),
            "offset": Head("values", 2, (Reduction("values"),), ways="pixels"),
        }
        super().__init__(info, reads, cutting, maps)

    def maps(self, numbers: NDArray[Any], counted: NDArray[np.bool_]) -> Mapping[str, NDArray[Any]]:
        bells, way = targets.centres(numbers, SPREAD)
        nothing = np.float32(np.nan)
        return {"centre": np.where(counted, bells, nothing), "offset": np.where(counted, way / REACH, nothing)}

    def reduced_targets(self, numbers: NDArray[Any]) -> Reduced:
        bells, way = targets.centres(numbers, SPREAD)
        return {"centre": {"values": bells[None]}, "offset": {"values": np.nan_to_num(way / REACH)}}

    def cut(self, inside: NDArray[np.bool_], reduced: Reduced) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        bells, way = reduced["centre"]["values"][0], reduced["offset"]["values"] * np.float32(REACH)
        how = self.cutting
        labels = centres.group(inside, bells, way, smoothing=how.smoothing, least=how.depth, smallest=how.smallest)
        return bells, labels
