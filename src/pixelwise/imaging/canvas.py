"""What is said of every pixel of a picture, put together from the parts that it was computed in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import RunError
from pixelwise.types import ClassMap, Colours, Prediction

PerPixel = ClassMap | Colours  # predictions that can be put together from parts


class Canvas:
    """The prediction of a picture while its parts come in: a class for each pixel, and its colour where the task gives one.

    size:     (H, W) of the picture
    classes:  how many there are
    """

    def __init__(self, size: tuple[int, int], classes: int) -> None:
        self.size = size
        self.indices: NDArray[Any] = np.zeros(size, np.uint8 if classes <= 256 else np.uint16)
        self.confidence = np.zeros(size, np.float32)
        self.image: NDArray[np.uint8] | None = None

    def put(self, part: Prediction, confidence: NDArray[np.float32], rows: slice, columns: slice) -> None:
        """Put the prediction of a part (h, w), and the confidence (h, w) of its pixels, into these rows and columns.

        Raises RunError where it says nothing of each pixel.
        """
        if not isinstance(part, PerPixel):
            raise RunError(f"its task gives {type(part).__name__}, nothing for each pixel.")
        self.indices[rows, columns] = part.indices
        self.confidence[rows, columns] = confidence
        if isinstance(part, Colours):
            if self.image is None:
                self.image = np.zeros((*self.size, 3), np.uint8)
            self.image[rows, columns] = part.image

    def finished(self) -> PerPixel:
        """The whole picture: Colours where a part was, else a ClassMap."""
        if self.image is not None:
            return Colours(self.image, self.indices, self.confidence)
        return ClassMap(self.indices, self.confidence)
