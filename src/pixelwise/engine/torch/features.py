"""Features of whole pictures from an encoder: what `data check --features` compares pictures by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pixelwise.engine.fitted import fitted
from pixelwise.engine.pretrained import published_weights
from pixelwise.engine.torch.update import keyed_random
from pixelwise.errors import PixelwiseError
from pixelwise.imaging.resize import resize_image
from pixelwise.models.encoders import build_encoder
from pixelwise.types import Image

SIDE = 160  # pixels: pictures are resized to a square
Describe = Callable[[Image], NDArray[np.float32]]


def describer(name: str, root: Path | None) -> tuple[Describe, str]:
    """(picture → features of length 1, a note about the weights). Random weights, if there are no others or they do not fit.

    name: an encoder;  root: the data folder. Raises RecipeError for a name that is not an encoder.
    """
    with keyed_random(0, "features"):
        encoder = build_encoder(name, 3).eval()
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.25, 0.25, 0.25)
    try:
        found = published_weights("imagenet", name, root)
        own = {key: tensor.numpy() for key, tensor in encoder.state_dict().items()}
        taken = {**own, **fitted(own, found).taken}
        encoder.load_state_dict({key: torch.from_numpy(np.array(array)) for key, array in taken.items()})
        mean, std = found.mean or mean, found.std or std
        note = f"features: {name}, weights of {found.source}."
    except PixelwiseError as error:
        note = f"features: {name} with random weights, which find less: {error.problems[0].what}"
    centre, scale = (torch.tensor(one, dtype=torch.float32).view(1, -1, 1, 1) for one in (mean, std))

    def describe(image: Image) -> NDArray[np.float32]:
        small = torch.from_numpy(np.array(resize_image(image, (SIDE, SIDE)))).permute(2, 0, 1)[None]
        with torch.inference_mode():
            pooled = torch.cat([one.mean(dim=(2, 3)) for one in encoder((small / 255 - centre) / scale)[-2:]], dim=1)[0]
        vector: NDArray[np.float32] = pooled.numpy()
        vector = vector - vector.mean()
        length = float(np.linalg.norm(vector))
        return vector / length if length else vector

    return describe, note
