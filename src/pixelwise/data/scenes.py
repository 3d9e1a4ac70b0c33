"""Scenes: the built-in data set, drawn from a seed: no download.

The same scenes everywhere; where another processor rounds a sine differently, a rare pixel may differ by a grey level.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from pixelwise.data import drawing
from pixelwise.data.base import Dataset
from pixelwise.data.drawing import CLASSES, Scene, draw_scene, void_rim
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.shelf import declares
from pixelwise.types import RLE, DatasetInfo, Deferred, Object, Sample

VOID = 255


class Scenes(Dataset):
    """Splits train, val and test, each drawn from its own stream: more of one changes nothing in another."""

    def __init__(self, size: int, counts: dict[str, int], seed: int, rim: int) -> None:
        self.size, self.counts, self.seed, self.rim = size, counts, seed, rim
        self.info = DatasetInfo(
            name="scenes",
            classes=CLASSES,
            colours=distinct_colours(len(CLASSES)),
            knows=frozenset({"mask", "objects", "label"}),
            void=VOID if rim else None,
            source="drawn by pixelwise",
        )

    def splits(self) -> tuple[str, ...]:
        return tuple(split for split, count in self.counts.items() if count)

    def names(self, split: str) -> tuple[str, ...]:
        return tuple(f"{split}-{index:05d}" for index in range(self.counts[split]))

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        return ()

    def read(self, split: str, index: int) -> Sample:
        stream = tuple(self.counts).index(split)
        scene = draw_scene(self.size, np.random.default_rng((self.seed, stream, index)))
        mask = void_rim(scene.mask, scene.instances, self.rim, VOID) if self.rim else scene.mask
        objects = Deferred(lambda: _objects(scene))
        return Sample(f"{split}-{index:05d}", scene.image, mask, objects, scene.label)

    def settings(self) -> dict[str, object]:
        return {"size": self.size, "seed": self.seed, "void_rim": self.rim, "drawing": _drawing_digest()}


def _objects(scene: Scene) -> list[Object]:
    """The objects of a scene, each with the class and the pixels that are seen of it."""
    planes = [scene.instances == number for number in range(1, int(scene.instances.max()) + 1)]
    return [Object.of(int(scene.mask[plane][0]), RLE.of(plane)) for plane in planes]


@declares(knows=("mask", "objects", "label"))
def scenes(
    root: Path,
    *,
    size: Annotated[int, Ge(32), Le(1024)] = 96,
    train: Annotated[int, Ge(1)] = 320,
    val: Annotated[int, Ge(0)] = 80,
    test: Annotated[int, Ge(0)] = 80,
    seed: Annotated[int, Ge(0)] = 0,
    void_rim: Annotated[int, Ge(0), Le(8)] = 0,
) -> Dataset:
    """Textured discs, boxes, triangles, stars, rings and wires that touch and overlap on textured ground.

    `size` is height and width in pixels; `train`, `val`, `test` are numbers of pictures; `void_rim` marks that many
    pixels on both sides of every border between objects as void (255). Colour and texture are
    hints, each wrong for one object in six; shape decides. `root` is not used: nothing is read.
    """
    return Scenes(size, {"train": train, "val": val, "test": test}, seed, void_rim)


@cache
def _drawing_digest() -> str:
    """A digest of the drawing code, so that a cache of pictures that an older version drew is not used."""
    return hashlib.sha256(Path(drawing.__file__).read_bytes()).hexdigest()[:16]
