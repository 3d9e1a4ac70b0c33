"""What flows through the house: samples, what is known of a data set, predictions. Plain NumPy, validated when made.

Legend of shapes, used everywhere: **B** batch, **C** channels or classes, **H W** size, **N** objects.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError

Image = NDArray[np.uint8]  # (H, W, 3), RGB
IndexMap = NDArray[np.uint8] | NDArray[np.uint16]  # (H, W), one index a pixel
RGB = tuple[int, int, int]
Knowledge = Literal["mask", "instances", "label"]


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture and whatever is known about it.

    name:       unique within its split; for people and for messages
    image:      (H, W, 3) uint8, RGB
    mask:       (H, W) uint8 or uint16, the class of each pixel (or the data set's void index), if known
    instances:  (H, W) uint16, 0 = no object, 1..N = one index an object, if known
    label:      class of the whole picture, if known
    """

    name: str
    image: Image
    mask: IndexMap | None = None
    instances: NDArray[np.uint16] | None = None
    label: int | None = None

    def __post_init__(self) -> None:
        image = self.image
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise DataError(f"a picture is (H, W, 3) uint8, this one is {image.shape} {image.dtype}", where=self.name)
        for what, plane in (("mask", self.mask), ("instance map", self.instances)):
            if plane is None:
                continue
            if plane.dtype not in (np.uint8, np.uint16) or plane.ndim != 2:
                raise DataError(
                    f"a {what} is (H, W) uint8 or uint16, this is {plane.shape} {plane.dtype}", where=self.name
                )
            if plane.shape != image.shape[:2]:
                height, width = plane.shape
                raise DataError(
                    f"the {what} is {width}×{height}, its picture {image.shape[1]}×{image.shape[0]} (width × height)",
                    where=self.name,
                    hint="Picture and mask must have the same size.",
                )

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)"""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set as a whole.

    classes:  names, in the order of their indices
    colours:  one RGB a class, for drawings
    void:     index in masks that means "not labelled", or None
    knows:    what its samples carry besides the picture
    source:   citation and address, for the report
    frequencies:  training pictures of each class, where the data set knows them without reading pictures
    """

    name: str
    classes: tuple[str, ...]
    colours: tuple[RGB, ...]
    knows: frozenset[Knowledge]
    void: int | None = None
    source: str = ""
    frequencies: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.classes:
            raise DataError("a data set needs at least one class", where=self.name)
        if len(self.colours) != len(self.classes):
            raise DataError(f"{len(self.classes)} classes but {len(self.colours)} colours", where=self.name)
        if len(set(self.classes)) != len(self.classes):
            raise DataError("class names must be different from each other", where=self.name)
        if self.void is not None and not len(self.classes) <= self.void <= 65535:
            raise DataError(
                f"the void index {self.void} must lie above the classes 0..{len(self.classes) - 1}", where=self.name
            )


@dataclass(frozen=True, eq=False)
class ClassMap:
    """One class per pixel.

    indices:     (H, W) uint8 or uint16
    confidence:  (H, W) float32, probability of the chosen class, if known
    """

    indices: IndexMap
    confidence: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.indices.ndim != 2 or self.indices.dtype not in (np.uint8, np.uint16):
            raise DataError(f"a class map is (H, W) uint8 or uint16, not {self.indices.shape} {self.indices.dtype}")
        if self.confidence is not None and self.confidence.shape != self.indices.shape:
            raise DataError(f"confidence {self.confidence.shape} does not cover the class map {self.indices.shape}")


@dataclass(frozen=True, eq=False)
class Labels:
    """The class of a whole picture: probabilities (C,) float32 that sum to 1."""

    probabilities: NDArray[np.float32]

    def __post_init__(self) -> None:
        p = self.probabilities
        if p.ndim != 1 or not np.isfinite(p).all() or abs(float(p.sum()) - 1) > 1e-3:
            raise DataError(f"class probabilities are one finite row that sums to 1, not {p.shape} with sum {p.sum()}")


@dataclass(frozen=True, eq=False)
class Colours:
    """A coloured picture.

    image:       (H, W, 3) uint8, RGB
    indices:     (H, W), the likeliest palette colour of each pixel
    confidence:  (H, W) float32, its probability, if known
    """

    image: Image
    indices: IndexMap
    confidence: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.shape != (*self.indices.shape, 3):
            raise DataError(f"picture {self.image.shape} and palette indices {self.indices.shape} do not fit")
        if self.confidence is not None and self.confidence.shape != self.indices.shape:
            raise DataError(
                f"confidence {self.confidence.shape} does not cover the palette indices {self.indices.shape}"
            )


@dataclass(frozen=True, eq=False)
class Instances:
    """N objects found in a picture, best score first.

    masks:   (N, H, W) bool
    labels:  (N,) int64, class of each
    scores:  (N,) float32
    boxes:   (N, 4) float32, x0 y0 x1 y1 in pixels, x1 and y1 exclusive
    """

    masks: NDArray[np.bool_]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))

    def __post_init__(self) -> None:
        n = len(self.masks)
        if self.masks.ndim != 3 or (len(self.labels), len(self.scores), self.boxes.shape) != (n, n, (n, 4)):
            raise DataError(
                f"{n} masks, {len(self.labels)} labels, {len(self.scores)} scores, boxes {self.boxes.shape}: no fit"
            )


Prediction = ClassMap | Labels | Colours | Instances


@dataclass(frozen=True, eq=False)
class Example:
    """A sample beside what was predicted for it, with its own score: what galleries show.

    rank: why it is shown, e.g. "best", "typical", "worst"
    """

    sample: Sample
    prediction: Prediction
    score: float | None = None
    rank: str = ""
