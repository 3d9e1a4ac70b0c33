"""Objects found in a picture: each in its own colour over the picture, a map of their numbers, and COCO's json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pixelwise.imaging.annotations import annotation_of
from pixelwise.imaging.draw import number_objects, overlay
from pixelwise.imaging.files import write_image, write_numbers
from pixelwise.imaging.fit import restore_object
from pixelwise.imaging.instances.overlaps import INVENTED, MISSED, overlaps
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.run.atomic import write_json
from pixelwise.shown.base import Drawing, Record, Shown
from pixelwise.types import RGB, DatasetInfo, Image, IndexMap, Instances, Object, Sample

MARK: tuple[RGB, RGB] = (
    (255, 255, 255),
    (220, 0, 0),
)  # the line around what is missed or invented, and the one inside it


class ShownInstances(Shown):
    """The objects that count as found (`Instances.found`), in the order of their scores."""

    unit, does, own_size = "object", "finds objects", True
    folders: ClassVar = {"mask": "masks", "overlay": "overlays", "coco": "objects"}
    captions: ClassVar = {
        "image": "picture",
        "truth": "truth, missed objects outlined in red",
        "prediction": "prediction, invented objects outlined in red",
    }

    def panels(self, sample: Sample, prediction: Instances, info: DatasetInfo) -> dict[str, Drawing]:
        if sample.objects is None:
            return {"image": sample.seen, "prediction": _drawn(sample.seen, prediction.found)}
        truth = [one for one in sample.objects if one.mask is not None and not one.crowd]
        found = [one for one in prediction.found if one.mask is not None]
        seen = overlaps(truth, found, sample.size)
        missed = [one for one, state in zip(truth, seen.truth, strict=True) if state == MISSED]
        invented = [one for one, state in zip(found, seen.found, strict=True) if state == INVENTED]
        return {
            "image": sample.seen,
            "truth": _marked(_drawn(sample.seen, sample.objects), missed),
            "prediction": _marked(_drawn(sample.seen, prediction.found), invented),
        }

    def counts(self, prediction: Instances, info: DatasetInfo) -> dict[str, Any]:
        """The objects in the order of their numbers in the mask: class, score, box, and pixels where they are known.

        `lost`: those of its pixels that an object with a higher score has in the mask
        """
        left = np.bincount(
            number_objects(prediction.found, prediction.size).ravel(), minlength=len(prediction.found) + 1
        )
        rows = [
            {
                "class": info.classes[one.label],
                "index": one.label,
                "score": round(one.score, 6),
                "box": list(one.box),
                "pixels": None if one.mask is None else one.mask.area,
                "lost": None if one.mask is None else one.mask.area - int(left[number]),
            }
            for number, one in enumerate(prediction.found, start=1)
        ]
        return {"objects": rows, "lost_pixels": sum(row["lost"] or 0 for row in rows)}

    def summary(self, counts: Record) -> str:
        found = Counter(row["class"] for row in counts["objects"])
        return ", ".join(f"{count} × {name}" for name, count in found.most_common()) or "no objects"

    def remarks(self, records: Sequence[Record], info: DatasetInfo) -> list[str]:
        lost = sum(record["lost_pixels"] for record in records)
        told = f"Where objects overlap, masks show the one with the higher score: others lost {lost:,} pixels."
        return [told] if lost else []

    def files(self, name: str) -> dict[str, str]:
        return {**super().files(name), "coco": f"objects/{name}.json"}

    def write(self, folder: Path, name: str, image: Image, prediction: Instances, info: DatasetInfo) -> dict[str, str]:
        """The map of numbers in 16 bits, the overlay, and COCO's json of the picture with masks as run lengths."""
        files = self.files(name)
        write_numbers(folder / files["mask"], self.plane(prediction))
        write_image(folder / files["overlay"], _drawn(image, prediction.found))
        write_json(folder / files["coco"], coco_json(name, prediction, info))
        return files

    def plane(self, prediction: Instances) -> IndexMap:
        return number_objects(prediction.found, prediction.size)

    def resized(
        self, prediction: Instances, size: tuple[int, int], part: tuple[slice, slice] | None = None
    ) -> Instances:
        if part is None and prediction.size == size:
            return prediction
        part = part or (slice(0, prediction.size[0]), slice(0, prediction.size[1]))
        objects = (restore_object(one, part, size) for one in prediction.objects)
        return replace(prediction, size=size, objects=tuple(one for one in objects if one is not None))

    def picture(self, prediction: Instances, info: DatasetInfo) -> Image:
        return _drawn(np.full((*prediction.size, 3), 255, np.uint8), prediction.found)


def instances() -> Shown:
    """The objects in a picture."""
    return ShownInstances()


def coco_json(name: str, prediction: Instances, info: DatasetInfo) -> dict[str, Any]:
    """COCO's json of one picture. The id of an annotation is the object's number in the mask."""
    height, width = prediction.size
    found = [
        {"id": number, "image_id": 1, "category_id": one.label, "score": one.score, **annotation_of(one)}
        for number, one in enumerate(prediction.found, start=1)
    ]
    categories = [{"id": label, "name": each} for label, each in enumerate(info.classes)]
    picture = {"id": 1, "file_name": f"{name}.png", "height": height, "width": width}
    return {"images": [picture], "annotations": found, "categories": categories}


def _drawn(image: Image, objects: Sequence[Object]) -> Image:
    colours = distinct_colours(len(objects) + 1)
    numbers = number_objects(objects, image.shape[:2])
    for number, one in enumerate(objects, start=1):
        if one.mask is None:  # the outline of its box
            x0, y0, x1, y1 = (int(side) for side in one.box)
            for part in (
                np.s_[y0:y1, x0 : x0 + 2],
                np.s_[y0:y1, x1 - 2 : x1],
                np.s_[y0 : y0 + 2, x0:x1],
                np.s_[y1 - 2 : y1, x0:x1],
            ):
                numbers[part] = number
    return overlay(image, numbers, colours, clear=[0])


def _marked(image: Image, objects: Sequence[Object]) -> Image:
    """The picture with a line around each of the objects."""
    from scipy.ndimage import binary_dilation

    if not objects:
        return image
    marked, width = image.copy(), max(2, min(image.shape[:2]) // 100)
    planes: list[NDArray[np.bool_]] = [one.mask.mask() for one in objects if one.mask is not None]
    around = np.ones((3, 3), bool)
    for plane in planes:
        red = binary_dilation(plane, around, iterations=width) & ~plane
        white = binary_dilation(plane, around, iterations=width + 1) & ~plane & ~red
        marked[white], marked[red] = MARK
    return marked
