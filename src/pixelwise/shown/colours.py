"""A coloured picture: beside the grey one that the model saw, and the original in the colours of the palette."""

from __future__ import annotations

from typing import Any, ClassVar

from pixelwise.imaging.colour import grey, nearest_colours, paint
from pixelwise.shown.base import Drawing, Record, Shown
from pixelwise.shown.class_map import count_classes, largest_classes
from pixelwise.types import Colours, DatasetInfo, Image, Sample


class ShownColours(Shown):
    unit, does, by_bands, legend = "pixel", "labels pixels", True, True
    folders: ClassVar = {"mask": "masks", "colours": "colours"}
    captions: ClassVar = {
        "grey": "grey",
        "truth": "in palette colours",
        "prediction": "prediction",
        "image": "original",
    }

    def panels(self, sample: Sample, prediction: Colours, info: DatasetInfo) -> dict[str, Drawing]:
        quantised = paint(nearest_colours(sample.image, info.colours), info.colours)
        return {
            "image": sample.image,
            "grey": grey(sample.image),
            "truth": quantised,
            "prediction": prediction.image,
        }

    def counts(self, prediction: Colours, info: DatasetInfo) -> dict[str, Any]:
        return count_classes(prediction, info.classes)

    def summary(self, counts: Record) -> str:
        return largest_classes(counts)

    def drawings(self, image: Image, prediction: Colours, info: DatasetInfo) -> dict[str, Drawing]:
        return {"mask": prediction.indices, "colours": prediction.image}

    def picture(self, prediction: Colours, info: DatasetInfo) -> Image:
        return prediction.image


def colours() -> Shown:
    """A colour for every pixel."""
    return ShownColours()
