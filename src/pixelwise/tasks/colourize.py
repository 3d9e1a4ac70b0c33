"""Colourization as classification: for every pixel of a grey picture, one of a few palette colours."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from pixelwise.data.cache import CachedSplit, ReadSplit
from pixelwise.errors import DataError, RunError
from pixelwise.imaging.colour import (
    as_hex,
    find_palette,
    nearest_colours,
    nearest_table,
    paint,
    parse_palette,
    read_palette,
)
from pixelwise.shelf import declares
from pixelwise.tasks.base import Head, Input, Lookup, Reduced, Reduction, Task
from pixelwise.types import RGB, Colours, DatasetInfo

Decode = Literal["argmax", "annealed_mean"]


@declares(
    predicts="colours",
    heads={"colour": "categories"},
    per="pixel",
    loss="cross_entropy",
    metrics=("colour",),
    best="accuracy",
    only_with={"temperature": "decode=annealed_mean", "palette_seed": "palette="},
)
def colourize(
    info: DatasetInfo,
    *,
    colours: Annotated[int, Ge(2), Le(256)] = 24,
    palette: str = "",
    palette_seed: Annotated[int, Ge(0)] = 0,
    decode: Decode = "argmax",
    temperature: Annotated[float, Gt(0)] = 0.38,
) -> Task:
    """A colour for every pixel of a grey picture: a score for each of a few palette colours; the target is the nearest one.

    colours:       how many the palette has; the model gives a score for each
    palette:       a file with the palette (a JSON list, or one `#rrggbb` a line); empty: found by k-means in the pixels
                   of the training pictures. Either way the run keeps it, and needs neither file nor pictures again.
    palette_seed:  of k-means, apart from the training's, so that runs with several seeds are scored by one palette
    decode:        back to RGB by the likeliest palette colour (`argmax`), or by the mean of the palette weighted by the
                   probabilities sharpened at `temperature` (`annealed_mean`; Zhang et al. 2016, eq. 5)
    temperature:   read by `annealed_mean` only; 1 is the plain mean, towards 0 it becomes argmax
    """
    return Colourize(info, colours, Path(palette) if palette else None, palette_seed, decode, temperature)


class Colourize(Task):
    """Colourization with a palette that is found in the training pictures; `info` then names its colours.

    in:    grey, (R + G + B) / 3 in 0..1, one channel
    out:   one score for each palette colour and pixel
    """

    kind = "colours"
    input = Input(channels=1)

    def __init__(
        self, info: DatasetInfo, colours: int, file: Path | None, seed: int, decode: Decode, temperature: float
    ) -> None:
        if info.channels != 3:
            what = f"has pictures of {info.channels} channels; this task needs red, green and blue."
            raise DataError(what, where=info.name, hint="Choose three with the option channels.")
        self.info, self.file, self.seed, self.colours = info, file, seed, colours
        self.how: Decode = decode
        self.temperature = temperature
        self.heads = {"colour": Head("categories", colours, (Reduction("winner"),))}
        self._palette: tuple[RGB, ...] = ()

    @property
    def palette(self) -> tuple[RGB, ...]:
        if not self._palette:
            raise RunError("the task does not know its palette yet.", hint="Give it what `study` found by `informed`.")
        return self._palette

    @property
    def targets(self) -> Mapping[str, Lookup]:
        return {"colour": Lookup("image", nearest_table(self.palette))}

    def study(self, split: CachedSplit | ReadSplit) -> dict[str, Any]:
        if self.file is None:
            if isinstance(split, ReadSplit):
                raise DataError("a palette is found in the training split.", where=split.split)
            palette = find_palette(split.images, self.colours, self.seed)
        else:
            palette = read_palette(self.file)
            if len(palette) != self.colours:
                raise DataError(
                    f"has {len(palette)} colours, the task has {self.colours}.",
                    where=str(self.file),
                    hint=f"Set task.colours={len(palette)}, or take another palette.",
                )
        return {"palette": [as_hex(colour) for colour in palette]}

    def informed(self, findings: Mapping[str, Any]) -> Task:
        try:
            palette = parse_palette(findings.get("palette"), "findings.palette")
        except DataError as error:
            raise RunError.all(error.problems) from error
        if len(palette) != self.colours:
            what = f"the run's palette has {len(palette)} colours, its task {self.colours}."
            raise RunError(
                what, where="findings.palette", hint="Check whether setup.json or recipe.yaml was changed by hand."
            )
        task = copy.copy(self)
        task._palette = palette
        if self.how == "annealed_mean":
            mean = Reduction("mean", {"table": palette, "temperature": self.temperature})
            task.heads = {"colour": Head("categories", self.colours, (Reduction("winner"), mean))}
        task.info = DatasetInfo(
            self.info.name, tuple(map(as_hex, palette)), palette, self.info.knows, source=self.info.source
        )
        return task

    def counts(self, split: CachedSplit) -> NDArray[np.int64]:
        counts = np.zeros(len(self.palette), np.int64)
        for image in split.images:
            counts += np.bincount(nearest_colours(image, self.palette).reshape(-1), minlength=len(counts))
        return counts

    def decode(self, reduced: Reduced) -> Colours:
        head = reduced["colour"]
        image = head["mean"] if self.how == "annealed_mean" else paint(head["winner"], self.palette)
        return Colours(image, head["winner"], head.get("probability"))
