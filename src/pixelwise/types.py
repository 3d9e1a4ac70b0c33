"""The types that pixelwise works with: samples, information about a data set, predictions. Plain NumPy, validated when made.

Legend of shapes, used everywhere: **B** batch, **C** channels or classes, **H W** size, **N** objects.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from importlib import import_module
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pixelwise.deferred import Deferred
from pixelwise.errors import DataError, listing
from pixelwise.rle import RLE, Box

Image = NDArray[np.uint8]  # (H, W, 3), RGB; of data sets with other channels (H, W, C)
IndexMap = NDArray[np.uint8] | NDArray[np.uint16]  # (H, W), one index a pixel
RGB = tuple[int, int, int]
Knowledge = Literal["mask", "objects", "label"]
Void = Literal["ignore", "background"]  # what a void pixel counts as: nothing, or the class of that name
BACKGROUND = "background"
IGNORE = -1  # the target index of pixels or pictures that do not count: they add nothing to a loss


@dataclass(frozen=True)
class Object:
    """One object in a picture, as a data set or a prediction has it.

    label:  its class
    mask:   its pixels, where they are known
    box:    x0 y0 x1 y1 in pixels, x1 and y1 exclusive; `Object.of` takes it from the mask
    score:  confidence of a prediction, 1 for ground truth
    crowd:  whether it is a group of objects without one mask for each (COCO's iscrowd)
    """

    label: int
    mask: RLE | None
    box: Box
    score: float = 1.0
    crowd: bool = False

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.box
        if self.label < 0 or not (x0 <= x1 and y0 <= y1) or not np.isfinite([*self.box, self.score]).all():
            raise DataError(
                f"an object has a label of at least 0, a box x0 ≤ x1, y0 ≤ y1 and a finite score; this one has "
                f"the label {self.label}, the box {self.box} and the score {self.score}"
            )

    @classmethod
    def of(cls, label: int, mask: RLE, *, score: float = 1.0, crowd: bool = False) -> Object:
        """The object with the box of its mask."""
        return cls(label, mask, mask.box, score, crowd)


def check_sizes(objects: Sequence[Object], size: tuple[int, int], where: str = "") -> None:
    """Raise DataError where an object's mask is not of the size (H, W) of its picture."""
    for number, one in enumerate(objects):
        if one.mask is not None and one.mask.size != size:
            (height, width), (own_height, own_width) = size, one.mask.size
            what = f"the mask of object {number} is {own_width}×{own_height}, its picture {width}×{height}"
            raise DataError(f"{what} (width × height)", where=where)


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture and what is known about it.

    name:     unique within its split; for people and for messages
    image:    (H, W, C) uint8: red, green and blue, or the channels that the data set has (DatasetInfo.channels)
    mask:     (H, W) uint8 or uint16, the class of each pixel (or the data set's void index), if known
    objects:  the objects in it, if known
    label:    class of the whole picture, if known
    """

    name: str
    image: Image
    mask: IndexMap | None = None
    objects: Sequence[Object] | None = None
    label: int | None = None

    def __post_init__(self) -> None:
        image = self.image
        if image.dtype != np.uint8 or image.ndim != 3 or 0 in image.shape or image.shape[2] == 1:
            raise DataError(
                f"a picture is (H, W, 3) uint8, or of other channels; this one is {image.shape} {image.dtype}",
                where=self.name,
            )
        if (mask := self.mask) is not None:
            if mask.dtype not in (np.uint8, np.uint16) or mask.ndim != 2:
                raise DataError(f"a mask is (H, W) uint8 or uint16, this is {mask.shape} {mask.dtype}", where=self.name)
            if mask.shape != image.shape[:2]:
                sizes = f"{mask.shape[1]}×{mask.shape[0]}, its picture {image.shape[1]}×{image.shape[0]}"
                hint = "Picture and mask must have the same size."
                raise DataError(f"the mask is {sizes} (width × height)", where=self.name, hint=hint)
        if self.objects is not None and not isinstance(self.objects, Deferred):
            check_sizes(self.objects, self.size, where=self.name)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)"""
        return self.image.shape[0], self.image.shape[1]

    @property
    def seen(self) -> Image:
        """(H, W, 3): the picture as it is drawn."""
        return seen(self.image)


def seen(image: Image) -> Image:
    """(H, W, 3): the first three channels of a picture, which are drawn as red, green and blue; of two the first, in grey."""
    channels = image.shape[2]
    return image if channels == 3 else image[..., :3] if channels > 3 else image[..., [0, 0, 0]]


@dataclass(frozen=True)
class DatasetInfo:
    """What is known about a data set as a whole.

    classes:  names, in the order of their indices
    colours:  one RGB per class, for drawings
    void:     index in masks that means "not labelled", or None
    knows:    what its samples carry besides the picture
    source:   citation and address, for the report
    frequencies:  training pictures of each class, where the data set knows them without reading pictures
    channels: of the pictures
    padded:   whether void is also what a letterbox has around pictures, so that it cannot count as background
    """

    name: str
    classes: tuple[str, ...]
    colours: tuple[RGB, ...]
    knows: frozenset[Knowledge]
    void: int | None = None
    source: str = ""
    frequencies: tuple[int, ...] | None = None
    channels: int = 3
    padded: bool = False

    def __post_init__(self) -> None:
        if not self.classes:
            raise DataError("a data set needs at least one class", where=self.name)
        if len(self.colours) != len(self.classes):
            raise DataError(f"{len(self.classes)} classes but {len(self.colours)} colours", where=self.name)
        if len(set(self.classes)) != len(self.classes):
            twice = next(name for name, count in Counter(self.classes).items() if count > 1)
            what = f"'{twice}' is the name of more than one class; each class needs its own name."
            raise DataError(what, where=self.name)
        if self.void is not None and not len(self.classes) <= self.void <= 65535:
            what = f"the void index {self.void} must lie above the classes 0..{len(self.classes) - 1}"
            raise DataError(what, where=self.name)

    def as_record(self) -> dict[str, Any]:
        """The fields as JSON values; three channels and no padding, which is the usual case, are not mentioned."""
        record = {**asdict(self), "classes": list(self.classes), "colours": [list(colour) for colour in self.colours]}
        record |= {"knows": sorted(self.knows), "frequencies": self.frequencies and list(self.frequencies)}
        usual = {"channels": 3, "padded": False}
        return {name: value for name, value in record.items() if name not in usual or value != usual[name]}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> DatasetInfo:
        """What a record says. Raises KeyError, TypeError or ValueError if it is incomplete, DataError if it does not agree."""
        told = {part.name: record[part.name] for part in fields(cls) if part.name in record}
        told |= {name: tuple(told[name]) for name in ("classes", "frequencies") if told.get(name) is not None}
        told["colours"] = tuple((red, green, blue) for red, green, blue in record["colours"])
        return cls(**{**told, "knows": frozenset(record["knows"])})

    @property
    def background(self) -> int:
        """The index of the class `background`, as which void pixels may count. Raises DataError if they may not."""
        if self.padded:
            what = "void cannot count as background: what a letterbox has around pictures is void too."
            raise DataError(what, where=self.name, hint="Use `void: ignore`, or data.fit: squash or crop.")
        if BACKGROUND not in self.classes:
            what = f"void cannot count as background: no class has that name; the classes are {listing(self.classes)}."
            raise DataError(what, where=self.name, hint="Use `void: ignore`.")
        return self.classes.index(BACKGROUND)


# The classes that a mean is over. Version 0.1 called both rules `absent=skipped`; its records are read by this table.
IN_EITHER, IN_TRUTH = {"classes": "truth_or_prediction"}, {"classes": "truth"}
ABSENT_SKIPPED = {
    "mean_iou": IN_EITHER,
    "mean_dice": IN_EITHER,
    "mean_class_accuracy": IN_TRUTH,
    "balanced_accuracy": IN_TRUTH,
}


@dataclass(frozen=True)
class OverPictures:
    """The confidence interval of a score over pictures: the scores to expect of the same weights on similar pictures.

    low, high:  None if `lack` says in words why there is no interval
    n:          the number of pictures in the score
    level:      how often intervals made by this method contain the true value
    """

    low: float | None
    high: float | None
    n: int
    method: str = ""
    level: float = 0.95
    lack: str = ""


@dataclass(frozen=True)
class Score:
    """One number with the convention by which it was counted.

    name:        e.g. `mean_iou`
    value:       None if nothing was counted that could give one; shown as "–", never as a number
    convention:  ordered fields, e.g. `{"void": "ignore", "classes": "truth"}` or `{"n": ">100"}`; empty if there is
                 nothing to choose
    support:     how many things (pixels, pictures) were scored
    interval:    over pictures, where it is known; two scores may be equal without it
    """

    name: str
    value: float | None = None
    convention: Mapping[str, str] = field(default_factory=dict)
    support: int = 0
    higher_is_better: bool = True
    interval: OverPictures | None = field(default=None, compare=False)

    def __hash__(self) -> int:
        return hash((self.key, self.value))

    @property
    def key(self) -> str:
        """The full name under which the score is stored, e.g. `mean_iou[void=ignore,classes=truth]`."""
        parts = [
            f"{name}{value}" if value[:1] in "<>" else f"{name}={value}" for name, value in self.convention.items()
        ]
        return f"{self.name}[{','.join(parts)}]" if parts else self.name

    def as_record(self) -> dict[str, Any]:
        """The score as JSON values."""
        record = {**asdict(self), "key": self.key}
        return record if self.interval else {name: value for name, value in record.items() if name != "interval"}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Score:
        """The score of a record. Records of version 0.1 wrote the convention as one string, which is read here alone."""
        convention = record.get("convention")
        if not isinstance(convention, Mapping):
            convention = cls.from_key(record.get("key") or f"[{convention or ''}]").convention
        name = str(record["name"])
        return cls(
            name,
            record.get("value"),
            _renamed(name, convention),
            int(record.get("support") or 0),
            bool(record.get("higher_is_better", True)),
            _over_pictures(record.get("interval")),
        )

    @classmethod
    def from_key(cls, key: str, value: float | None = None) -> Score:
        """The score of that key, as `events.jsonl` keeps it.

        >>> Score.from_key("accuracy_many[n>100]", 0.5).convention
        {'n': '>100'}
        """
        name, _, text = key.rstrip("]").partition("[")
        parts = [re.fullmatch(r"([^=<>]*)=?(.*)", part.strip()) for part in text.split(",") if part.strip()]
        return cls(name, value, _renamed(name, {part[1]: part[2] for part in parts if part}))


def _over_pictures(record: Mapping[str, Any] | None) -> OverPictures | None:
    if record is None:
        return None
    told = {part.name: record[part.name] for part in fields(OverPictures) if part.name in record}
    return OverPictures(**{"low": None, "high": None, "n": 0, **told})


def current_key(key: str) -> str:
    """The key of a score in the words of this version: records and recipes of version 0.1 have others.

    >>> current_key("mean_iou[void=ignore,absent=skipped]"), current_key("mean_iou")
    ('mean_iou[void=ignore,classes=truth_or_prediction]', 'mean_iou')
    """
    return Score.from_key(key).key


def _renamed(name: str, convention: Mapping[str, str]) -> dict[str, str]:
    if convention.get("absent") != "skipped" or name not in ABSENT_SKIPPED:
        return dict(convention)
    return {key: value for key, value in convention.items() if key != "absent"} | ABSENT_SKIPPED[name]


@dataclass(frozen=True, eq=False, kw_only=True)
class Prediction:
    """The prediction for one picture. `kind` names how it is shown and saved (pixelwise/shown).

    info:  names and colours of the classes, where they are known
    """

    kind: ClassVar[str]
    info: DatasetInfo | None = field(default=None, repr=False)

    def _repr_html_(self) -> str | None:
        """What a notebook shows. The import is late because drawing code is on a higher floor than this file."""
        html: str | None = import_module("pixelwise.shown").as_html(self)
        return html


@dataclass(frozen=True, eq=False)
class ClassMap(Prediction):
    """One class per pixel.

    indices:     (H, W) uint8 or uint16
    confidence:  (H, W) float32, probability of the chosen class, if known
    levels:      (H, W, C) uint16, the log-odds of every class in levels (metrics/ranking.py), where a metric needs them
    """

    kind = "class_map"
    indices: IndexMap
    confidence: NDArray[np.float32] | None = None
    levels: NDArray[np.uint16] | None = None

    def __post_init__(self) -> None:
        if self.indices.ndim != 2 or self.indices.dtype not in (np.uint8, np.uint16):
            raise DataError(f"a class map is (H, W) uint8 or uint16, not {self.indices.shape} {self.indices.dtype}")
        for name, plane in (("confidence", self.confidence), ("levels", self.levels)):
            if plane is not None and plane.shape[:2] != self.indices.shape:
                raise DataError(f"{name} {plane.shape} does not cover the class map {self.indices.shape}")


@dataclass(frozen=True, eq=False)
class Labels(Prediction):
    """The class of a whole picture: probabilities (C,) float32 that sum to 1."""

    kind = "labels"
    probabilities: NDArray[np.float32]

    def __post_init__(self) -> None:
        p = self.probabilities
        if p.ndim != 1 or not np.isfinite(p).all() or abs(float(p.sum()) - 1) > 1e-3:
            raise DataError(f"class probabilities are one finite row that sums to 1, not {p.shape} with sum {p.sum()}")


@dataclass(frozen=True, eq=False)
class Colours(Prediction):
    """A coloured picture.

    image:       (H, W, 3) uint8, RGB
    indices:     (H, W) uint8 or uint16, the likeliest palette colour of each pixel
    confidence:  (H, W) float32, its probability, if known
    """

    kind = "colours"
    image: Image
    indices: IndexMap
    confidence: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.shape != (*self.indices.shape, 3):
            raise DataError(f"picture {self.image.shape} and palette indices {self.indices.shape} do not fit")
        if self.confidence is not None and self.confidence.shape != self.indices.shape:
            raise DataError(f"confidence {self.confidence.shape} does not cover the palette map {self.indices.shape}")


@dataclass(frozen=True, eq=False)
class Instances(Prediction):
    """The objects found in a picture of `size` (H, W), best score first.

    least_score:  objects with at least this score count as found: they are drawn, written and counted. Average precision
                  uses all objects
    """

    kind = "instances"
    size: tuple[int, int]
    objects: tuple[Object, ...]
    least_score: float = 0.0

    def __post_init__(self) -> None:
        check_sizes(self.objects, self.size)
        scores = [one.score for one in self.objects]
        if scores != sorted(scores, reverse=True):
            raise DataError(f"objects must be sorted by score, best first; these have the scores {scores}")

    @property
    def found(self) -> tuple[Object, ...]:
        """The objects with at least `least_score`."""
        return tuple(one for one in self.objects if one.score >= self.least_score)
