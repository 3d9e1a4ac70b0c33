"""A class or a palette colour for every pixel, as a picture; pixels counted by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from pixelwise.imaging.colour import grey, nearest_colours, paint
from pixelwise.imaging.draw import colourise, overlay
from pixelwise.shown.base import Drawing, Record, Shown
from pixelwise.types import ClassMap, Colours, DatasetInfo, Image, IndexMap, Sample


class _EveryPixel(Shown):
    """A class or a palette colour for every pixel."""

    unit, does, by_bands, legend = "pixel", "labels pixels", True, True

    def plane(self, prediction: ClassMap | Colours) -> IndexMap:
        return prediction.indices

    def counts(self, prediction: ClassMap | Colours, info: DatasetInfo) -> dict[str, Any]:
        return count_classes(prediction, info.classes)

    def summary(self, counts: Record) -> str:
        return largest_classes(counts)


class ShownClassMap(_EveryPixel):
    """Masks in the classes' colours, laid over their pictures."""

    folders: ClassVar = {"mask": "masks", "overlay": "overlays"}

    def panels(self, sample: Sample, prediction: ClassMap, info: DatasetInfo) -> dict[str, Drawing]:
        truth = {} if sample.mask is None else {"truth": sample.mask}
        return {"image": sample.seen, **truth, "prediction": prediction.indices}

    def drawings(self, image: Image, prediction: ClassMap, info: DatasetInfo) -> dict[str, Drawing]:
        clear = [index for index, name in enumerate(info.classes) if name == "background"]
        return {"mask": prediction.indices, "overlay": overlay(image, prediction.indices, info.colours, clear=clear)}

    def picture(self, prediction: ClassMap, info: DatasetInfo) -> Image:
        return colourise(prediction.indices, info.colours)


def class_map() -> Shown:
    """A class for every pixel."""
    return ShownClassMap()


class ShownColours(_EveryPixel):
    """A coloured picture: beside the grey one that the model saw, and the original in the colours of the palette."""

    folders: ClassVar = {"mask": "masks", "colours": "colours"}
    captions: ClassVar = {
        "grey": "grey",
        "truth": "in palette colours",
        "prediction": "prediction",
        "image": "original",
    }

    def panels(self, sample: Sample, prediction: Colours, info: DatasetInfo) -> dict[str, Drawing]:
        quantised = paint(nearest_colours(sample.image, info.colours), info.colours)
        named = {"image": sample.image, "grey": grey(sample.image)}
        return {**named, "truth": quantised, "prediction": prediction.image}

    def drawings(self, image: Image, prediction: Colours, info: DatasetInfo) -> dict[str, Drawing]:
        return {"mask": prediction.indices, "colours": prediction.image}

    def picture(self, prediction: Colours, info: DatasetInfo) -> Image:
        return prediction.image


def colours() -> Shown:
    """A colour for every pixel."""
    return ShownColours()


def count_classes(labelled: ClassMap | Colours, classes: Sequence[str]) -> dict[str, Any]:
    """Pixels, share and mean confidence of each class and of the whole picture; no confidence where there is no pixel."""
    pixels = np.zeros(len(classes), np.int64)
    sums = np.zeros(len(classes))
    for row in range(0, len(labelled.indices), 256):  # in bands: bincount takes 16 bytes per pixel
        indices = labelled.indices[row : row + 256].ravel()
        pixels += np.bincount(indices, minlength=len(classes))
        if labelled.confidence is not None:
            sums += np.bincount(indices, labelled.confidence[row : row + 256].ravel(), minlength=len(classes))
    total = int(pixels.sum())

    def mean(summed: float, count: int) -> float | None:
        return round(float(summed) / count, 6) if count and labelled.confidence is not None else None

    rows = [
        {
            "class": name,
            "index": index,
            "pixels": int(pixels[index]),
            "share": round(int(pixels[index]) / total, 6),
            "confidence": mean(sums[index], int(pixels[index])),
        }
        for index, name in enumerate(classes)
    ]
    return {"classes": rows, "confidence": mean(sums.sum(), total)}


def largest_classes(counts: Record) -> str:
    """`road 51 %, sky 30 %, car 12 %  confidence 0.91`: the three classes with the most pixels."""
    largest = sorted(counts["classes"], key=lambda row: -row["pixels"])[:3]
    shares = ", ".join(f"{row['class']} {100 * row['share']:.0f} %" for row in largest if row["share"] >= 0.005)
    return shares if counts["confidence"] is None else f"{shares}  confidence {counts['confidence']:.2f}"
