"""A run scored on a split, at the size of its training pictures or at each picture's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pixelwise.errors import RunError
from pixelwise.predict.predictor import Checkpoint, Predictor
from pixelwise.run.folder import RunFolder
from pixelwise.shown import recorded_kind, shown_as

if TYPE_CHECKING:
    from pixelwise.engine.build import CachingProgress
    from pixelwise.engine.evaluate import Scored


def score_run(
    run: Path,
    split: str = "",
    *,
    checkpoint: Checkpoint = "best",
    resolution: Literal["recipe", "own"] = "recipe",
    data: Path | None = None,
    device: str = "auto",
    progress: CachingProgress | None = None,
) -> Scored:
    """The record of the scores, and the file in the run that it was written to. split: by default the validation split.

    Raises RunError for a run that cannot be scored so, DataError where the data are not there or are damaged.
    """
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    folder = RunFolder.open(run)
    shown = shown_as(recorded_kind(folder.read("setup")))
    if resolution == "own" and not shown.by_bands:
        raise RunError(
            f"{shown.does}: nothing is counted at a picture's own size.",
            where=str(run),
            hint="Leave out --resolution own: it is for runs that label pixels.",
        )
    keep_large_buffers()  # before torch allocates anything
    from pixelwise.engine.evaluate import score_own, score_recipe

    predictor = Predictor.open(folder, checkpoint=checkpoint, device=device)
    opened = predictor.opened
    split = split or opened.recipe.data.validation
    if resolution == "own":
        return score_own(opened, split, predictor.predict, data=data, progress=progress)
    return score_recipe(opened, split, data=data, progress=progress)
