"""Objects found in a picture: each in a colour of its own over the picture, and a map of their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from pixelwise.imaging.draw import number_objects, overlay
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.shown.base import Drawing, Record, Shown
from pixelwise.types import DatasetInfo, Image, Instances, Object, Sample


class ShownInstances(Shown):
    unit, does = "object", "finds objects"
    folders: ClassVar = {"mask": "masks", "overlay": "overlays"}

    def panels(self, sample: Sample, prediction: Instances, info: DatasetInfo) -> dict[str, Drawing]:
        truth = {} if sample.objects is None else {"truth": _drawn(sample.image, sample.objects)}
        return {"image": sample.image, **truth, "prediction": _drawn(sample.image, prediction.objects)}

    def counts(self, prediction: Instances, info: DatasetInfo) -> dict[str, Any]:
        """The objects in the order of their numbers in the mask: class, score, box, and pixels where they are known."""
        rows = [
            {
                "class": info.classes[one.label],
                "index": one.label,
                "score": round(one.score, 6),
                "box": list(one.box),
                "pixels": None if one.mask is None else one.mask.area,
            }
            for one in prediction.objects
        ]
        return {"objects": rows}

    def summary(self, counts: Record) -> str:
        found = Counter(row["class"] for row in counts["objects"])
        return ", ".join(f"{count} × {name}" for name, count in found.most_common()) or "no objects"

    def drawings(self, image: Image, prediction: Instances, info: DatasetInfo) -> dict[str, Drawing]:
        return {
            "mask": number_objects(prediction.objects, prediction.size),
            "overlay": _drawn(image, prediction.objects),
        }

    def picture(self, prediction: Instances, info: DatasetInfo) -> Image:
        return _drawn(np.full((*prediction.size, 3), 255, np.uint8), prediction.objects)


def instances() -> Shown:
    """The objects in a picture."""
    return ShownInstances()


def _drawn(image: Image, objects: Sequence[Object]) -> Image:
    colours = distinct_colours(len(objects) + 1)
    return overlay(image, number_objects(objects, image.shape[:2]), colours, clear=[0])
