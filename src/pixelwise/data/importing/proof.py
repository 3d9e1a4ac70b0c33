"""What an import has kept: every object, compared with the object that is read back; and what the format cannot say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.formats.base import Shape
from pixelwise.data.importing.writers import Kept
from pixelwise.imaging.annotations import object_of
from pixelwise.types import Object, Sample

MOST_ROWS = 10_000  # of objects that changed, in import.json


@dataclass
class Proof:
    """Counts over all objects, and a row for each that is not the same.

    counts:  objects, exact (every pixel), lost (no pixel), boxes (without a mask), crowds, overlapping, holes_lost, parts_lost,
             no_area (left out), holes_filled (parts within parts), and overlapping_pixels
    """

    counts: Counter[str] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)
    total: float = 0.0
    least: float = 1.0

    def add(self, where: str, sample: Sample, kept: Sequence[Kept], classes: Sequence[str]) -> None:
        """Compare the objects of a sample with what was read again of each."""
        objects = sample.objects or ()
        self._overlaps(objects, sample.size)
        for place, (one, again) in enumerate(zip(objects, kept, strict=False)):
            self.counts["objects"] += 1
            self.counts["crowds"] += one.crowd
            if one.mask is None:
                self.counts["boxes"] += 1
                continue
            before = one.mask.mask()
            after = np.zeros_like(before) if again is None else again
            both, either = int((before & after).sum()), int((before | after).sum())
            iou = both / either if either else 1.0
            self.total += iou
            self.least = min(self.least, iou)
            if both == either:
                self.counts["exact"] += 1
                continue
            (parts, holes), (parts_now, holes_now) = _topology(before), _topology(after)
            lost = {"parts_lost": max(0, parts - parts_now), "holes_lost": max(0, holes - holes_now)}
            self.counts["lost"] += not after.any()
            self.counts.update(lost)
            row = {"picture": where, "object": place, "class": classes[one.label], "iou": round(iou, 4)}
            if len(self.rows) < MOST_ROWS:
                self.rows.append({**row, **lost})

    def look_at(self, shapes: Sequence[Shape], size: tuple[int, int]) -> None:
        """Count what the format of the source cannot say: objects without area, and parts within parts, which may be holes."""
        for shape in shapes:
            drawn = shape.drawn.get("segmentation")
            if object_of(shape.drawn, 0, size, where=shape.where) is None:
                self.counts["no_area"] += 1
            elif isinstance(drawn, list) and len(drawn) > 1:
                parts = [object_of({"segmentation": [part]}, 0, size, where=shape.where) for part in drawn]
                self.counts["holes_filled"] += _within([one.mask.mask() for one in parts if one and one.mask])

    def _overlaps(self, objects: Sequence[Object], size: tuple[int, int]) -> None:
        masks = [one.mask.mask() for one in objects if one.mask is not None]
        if len(masks) < 2:
            return
        depth = np.zeros(size, np.uint16)
        for mask in masks:
            depth += mask
        self.counts["overlapping_pixels"] += int((depth > 1).sum())
        self.counts["overlapping"] += sum(bool((depth[mask] > 1).any()) for mask in masks)

    @property
    def iou(self) -> float | None:
        """The mean over objects with masks."""
        masked = self.counts["objects"] - self.counts["boxes"]
        return self.total / masked if masked else None

    def as_record(self) -> dict[str, Any]:
        names = ("objects", "exact", "lost", "boxes", "crowds", "overlapping", "overlapping_pixels", "parts_lost", "holes_lost",
                 "no_area", "holes_filled")  # fmt: skip
        counts = {name: self.counts[name] for name in names}
        least = None if self.iou is None else round(self.least, 6)
        return {**counts, "mean_iou": None if self.iou is None else round(self.iou, 6), "least_iou": least}


def _topology(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """The number of connected parts, where corners connect, and of holes."""
    from scipy.ndimage import label

    outside = label(np.pad(~mask, 1, constant_values=True))[1]
    return int(label(mask, structure=np.ones((3, 3), int))[1]), max(0, int(outside) - 1)


def _within(masks: Sequence[NDArray[np.bool_]]) -> int:
    """How many masks lie inside of another one."""
    areas = [int(mask.sum()) for mask in masks]
    return sum(
        any(areas[j] > areas[i] and int((masks[i] & masks[j]).sum()) == areas[i] for j in range(len(masks)) if j != i)
        for i in range(len(masks))
    )


def in_words(proof: Proof, kind: str) -> list[str]:
    """What people need to know, one line each."""
    counts, objects = proof.counts, proof.counts["objects"]
    if not objects:
        return []
    masked = objects - counts["boxes"]
    lines = []
    if masked:
        what = "of each object's own pixels" if kind == "masks" else "of each object"
        kept = f"{masked:,} objects with masks: {counts['exact']:,} kept exactly"
        lines.append(f"{kept}; IoU {what} {proof.iou:.4f} on average, {proof.least:.4f} at least.")
    told = {
        "lost": "{} lost: other objects hide them in the masks of classes.",
        "parts_lost": "{} parts of objects lost.",
        "holes_lost": "{} holes of objects lost.",
        "boxes": "{} have only a box: " + ("void in the masks." if kind == "masks" else "kept as boxes."),
        "crowds": "{} are crowds: " + ("void in the masks." if kind == "masks" else "kept as crowds."),
        "overlapping": "{} overlap others" + (": the smaller one is on top." if kind == "masks" else "."),
        "no_area": "{} objects without area were left out.",
        "holes_filled": "{} parts lie within another part of the same object. Polygons have no holes: they were filled.",
    }
    return lines + [text.format(f"{counts[name]:,}") for name, text in told.items() if counts[name]]
