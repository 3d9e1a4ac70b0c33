"""A kind of prediction from outside the package: how far away every pixel is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.shown.base import Drawing, Shown
from pixelwise.types import DatasetInfo, Image, Prediction, Sample


@dataclass(frozen=True, eq=False)
class Depth(Prediction):
    """(H, W) uint8, 0 is near."""

    kind = "kinds:depth"
    metres: NDArray[np.uint8]


class ShownDepth(Shown):
    unit, does, by_bands = "pixel", "measures distances", True
    folders = {"depth": "depths"}  # noqa: RUF012

    def panels(self, sample: Sample, prediction: Depth, info: DatasetInfo) -> dict[str, Drawing]:
        return {"image": sample.image, "prediction": self.picture(prediction, info)}

    def counts(self, prediction: Depth, info: DatasetInfo) -> dict[str, Any]:
        return {"farthest": int(prediction.metres.max())}

    def summary(self, counts: Any) -> str:
        return f"up to {counts['farthest']} m"

    def drawings(self, image: Image, prediction: Depth, info: DatasetInfo) -> dict[str, Drawing]:
        return {"depth": self.picture(prediction, info)}

    def picture(self, prediction: Depth, info: DatasetInfo) -> Image:
        return np.repeat(prediction.metres[:, :, None], 3, axis=2)


def depth() -> Shown:
    """Distances."""
    return ShownDepth()
