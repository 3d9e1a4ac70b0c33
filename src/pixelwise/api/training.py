"""Training and evaluation in one call each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pixelwise.api.runs import Run, open_run
from pixelwise.api.scores import Scores
from pixelwise.errors import not_installed
from pixelwise.outside import allow as allow_modules

if TYPE_CHECKING:
    from pixelwise.recipe.schema import Recipe
    from pixelwise.run.events import Event

PathLike = str | os.PathLike[str]


def train(
    recipe: Recipe | PathLike,
    *,
    out: PathLike,
    data: PathLike | None = None,
    allow: Sequence[str] = (),
    progress: Callable[[Event], object] | None = None,
) -> Run:
    """Train a recipe into the new run folder `out`, and open it.

    recipe:    a recipe of `load_recipe` or `check_recipe`, or the name or path of one
    data:      the data folder; by default `PIXELWISE_DATA`, else `~/.cache/pixelwise`
    allow:     modules outside pixelwise that this process may import because the recipe names them, e.g. `["my_nets"]`
    progress:  called with every event of the training (pixelwise/run/events.py), e.g. `print`; None: nothing is printed

    Ctrl-C (in a notebook: interrupt) saves the state and returns the run, whose `finished` is then `interrupted`;
    `pixelwise train --resume RUN` continues it. Raises PixelwiseError of the kind that fits, before the folder is made
    where the recipe, the data or the device cannot be used.
    """
    from pixelwise.recipe.load import load_recipe

    allow_modules(allow)
    checked = load_recipe(os.fspath(recipe)) if isinstance(recipe, str | os.PathLike) else recipe
    with _packages():
        from pixelwise.engine.train import train as events

        # closed at once where `progress` raises: else signals and the run's lock would stay taken as long as its traceback
        with closing(events(checked, Path(out), data=None if data is None else Path(data))) as happened:
            for event in happened:
                if progress is not None:
                    progress(event)
    return open_run(out)


def evaluate(
    run: Run | PathLike,
    split: str = "",
    *,
    checkpoint: Literal["best", "last"] = "best",
    resolution: Literal["recipe", "own"] = "recipe",
    data: PathLike | None = None,
    device: str = "auto",
    allow: Sequence[str] = (),
) -> Scores:
    """Score a run on a split of its data set. The scores are also kept in the run, under `evaluations/`.

    split:       by default the one that it was validated on
    checkpoint:  the weights of the best epoch, or of the last one
    resolution:  `recipe`: at the size of the training pictures; `own`: at each picture's own size, against its own mask
    data:        the data folder; by default `PIXELWISE_DATA`, else `~/.cache/pixelwise`
    device:      `auto`, `cpu`, `cuda` or `cuda:N`
    allow:       modules outside pixelwise that this process may import because the run's recipe names them

    Raises RunError for a run that cannot be scored so, DataError where the data set is missing or damaged, DeviceError where
    there is no such device.
    """
    allow_modules(allow)
    with _packages():
        from pixelwise.predict.predictor import score_run

        folder = None if data is None else Path(data)
        record, _ = score_run(
            Path(run), split, checkpoint=checkpoint, resolution=resolution, data=folder, device=device
        )
    return Scores(record["split"], record)


@contextmanager
def _packages() -> Iterator[None]:
    """Say what to install, where a package such as torch is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (missing := not_installed(error)) is None:
            raise
        raise missing from error
