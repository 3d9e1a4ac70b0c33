"""Colourization as classification: for every pixel of a grey picture, one of a few palette colours."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray
from torch import Tensor, nn

from pixelwise.data.cache import CachedSplit
from pixelwise.errors import DataError, RunError
from pixelwise.imaging.colour import (
    as_hex,
    find_palette,
    grey_sum,
    nearest_colours,
    nearest_table,
    paint,
    parse_palette,
    read_palette,
)
from pixelwise.losses.base import Loss, Term
from pixelwise.shelf import declares
from pixelwise.tasks.base import Arrays, Batch, Task
from pixelwise.types import RGB, Colours, DatasetInfo, Prediction, Sample

Decode = Literal["argmax", "annealed_mean"]


@declares(
    predicts="colours",
    heads={"colour": "categories"},
    per="pixel",
    loss="cross_entropy",
    metrics=("colour",),
    best="accuracy",
)
def colourize(
    info: DatasetInfo,
    loss: Loss | None,
    *,
    colours: Annotated[int, Ge(2), Le(256)] = 24,
    palette: str = "",
    palette_seed: Annotated[int, Ge(0)] = 0,
    decode: Decode = "argmax",
    temperature: Annotated[float, Gt(0)] = 0.38,
) -> Task:
    """A colour for every pixel of a grey picture: a score for each of a few palette colours, nearest one as target.

    colours:       how many the palette has; the model gives a score for each
    palette:       a file with the palette (a JSON list, or one `#rrggbb` a line); empty: found by k-means in the pixels
                   of the training pictures. Either way the run keeps it, and needs neither file nor pictures again.
    palette_seed:  of k-means, apart from the training's, so that runs with several seeds are scored by one palette
    decode:        back to RGB by the likeliest palette colour (`argmax`), or by the mean of the palette weighted by the
                   probabilities sharpened at `temperature` (`annealed_mean`; Zhang et al. 2016, eq. 5)
    temperature:   read by `annealed_mean` only; 1 is the plain mean, towards 0 it becomes argmax
    """
    return Colourize(info, loss, colours, Path(palette) if palette else None, palette_seed, decode, temperature)


class Colourize(Task):
    """Colourization with a palette that is found in the training pictures; `info` then speaks of its colours.

    in:    grey, (R + G + B) / 3 in 0..1, one channel (B, 1, H, W)
    out:   one score a palette colour (B, Q, H, W)
    """

    in_channels = 1

    def __init__(
        self,
        info: DatasetInfo,
        loss: Loss | None,
        colours: int,
        file: Path | None,
        seed: int,
        decode: Decode,
        temperature: float,
    ) -> None:
        self.info, self.loss, self.file, self.seed = info, loss, file, seed
        self.how: Decode = decode
        self.temperature = temperature
        self.heads = {"colour": colours}
        self._palette: tuple[RGB, ...] = ()

    @property
    def palette(self) -> tuple[RGB, ...]:
        if not self._palette:
            raise RunError("the task does not know its palette yet.", hint="Tell it by `informed` what `study` found.")
        return self._palette

    def study(self, split: CachedSplit) -> dict[str, Any]:
        count = self.heads["colour"]
        if self.file is None:
            palette = find_palette(split.images, count, self.seed)
        else:
            palette = read_palette(self.file)
            if len(palette) != count:
                raise DataError(
                    f"has {len(palette)} colours, the task has {count}.",
                    where=str(self.file),
                    hint=f"Set task.colours={len(palette)}, or take another palette.",
                )
        return {"palette": [as_hex(colour) for colour in palette]}

    def informed(self, findings: Mapping[str, Any]) -> Task:
        try:
            palette = parse_palette(findings.get("palette"), "findings.palette")
        except DataError as error:
            raise RunError.all(error.problems) from error
        if len(palette) != self.heads["colour"]:
            what = f"the run's palette has {len(palette)} colours, its task {self.heads['colour']}."
            raise RunError(what, where="findings.palette", hint="Was setup.json or recipe.yaml changed by hand?")
        task = copy.copy(self)
        task._palette = palette
        task.info = DatasetInfo(
            self.info.name, tuple(map(as_hex, palette)), palette, self.info.knows, source=self.info.source
        )
        return task

    def counts(self, split: CachedSplit) -> NDArray[np.int64]:
        counts = np.zeros(len(self.palette), np.int64)
        for image in split.images:
            counts += np.bincount(nearest_colours(image, self.palette).reshape(-1), minlength=len(counts))
        return counts

    def encode(self, sample: Sample) -> Arrays:
        return {"grey": grey_sum(sample.image), "target": nearest_colours(sample.image, self.palette)}

    def encode_pictures(self, pictures: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        place = pictures[..., 0].int()
        for channel in (1, 2):
            place = place << 8 | pictures[..., channel]
        target = _nearest_on(self.palette, pictures.device).index_select(0, place.flatten())
        return {"grey": pictures.sum(dim=3, dtype=torch.int16), "target": target.view(place.shape)}

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        grey = batch.fields["grey"].unsqueeze(3) * (1 / 765)
        # As a view of (B, H, W, 1), its strides say channels_last: else what it is concatenated with would be copied.
        scores: Tensor = model(grey.permute(0, 3, 1, 2))
        return scores  # (B, Q, H, W)

    def losses(self, outputs: Tensor, batch: Batch) -> dict[str, Term]:
        if self.loss is None:
            return {}
        return {"colour": self.loss(outputs, batch.fields["target"].long())}

    def decode(self, outputs: Tensor) -> list[Prediction]:
        chosen = outputs.argmax(dim=1).to(torch.uint8).cpu().numpy()  # (B, H, W)
        if self.how == "argmax":
            return [Colours(paint(indices, self.palette), indices) for indices in chosen]
        images = annealed_mean(outputs, self.palette, self.temperature)
        return [Colours(image, indices) for image, indices in zip(images, chosen, strict=True)]


@lru_cache(maxsize=2)
def _nearest_on(palette: tuple[RGB, ...], device: torch.device) -> Tensor:
    """The table of nearest colours on a device, where it takes 16 MiB."""
    return torch.tensor(nearest_table(palette), device=device)


def annealed_mean(scores: Tensor, palette: tuple[RGB, ...], temperature: float) -> NDArray[np.uint8]:
    """(B, H, W, 3): Σ_q f_T(z)_q · colour_q with f_T(z) = exp(log z / T) / Σ exp(log z / T) (Zhang et al. 2016, eq. 5).

    scores:  (B, Q, H, W), unnormalised; z = softmax(scores), so that f_T(z) = softmax(scores / T)
    The paper takes the mean of a and b of CIELAB beside the grey picture's lightness; ours of R, G and B.
    """
    shares = (scores.float() / temperature).softmax(dim=1)
    colours = torch.tensor(palette, dtype=torch.float32, device=scores.device)
    mean = torch.einsum("bqhw,qc->bhwc", shares, colours)
    image: NDArray[np.uint8] = mean.round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    return image
