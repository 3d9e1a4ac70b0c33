"""Training and evaluation in one call each."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pixelwise.api.runs import Run, open_run
from pixelwise.api.scores import Scores
from pixelwise.data.base import use_cache
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
    cache: PathLike | None = None,
    from_run: Run | PathLike | None = None,
    except_for: Sequence[str] = (),
    allow: Sequence[str] = (),
    progress: Callable[[Event], object] | None = None,
) -> Run:
    """Train a recipe into the new run folder `out`, and open it.

    recipe:      a recipe of `load_recipe` or `check_recipe`, or the name or path of one
    data:        the data folder; by default `PIXELWISE_DATA`, else `~/.cache/pixelwise`
    cache:       the folder for decoded pictures, also for later calls; by default `PIXELWISE_CACHE`, else `cache` in the data
                 folder or, where that cannot be written, `~/.cache/pixelwise/cache`
    from_run:    a run whose best weights the training starts from; None: random weights
    except_for:  parts of the model (`head`) or patterns of names that keep their first weights; all others have to fit
    allow:       modules outside pixelwise that this process may import because the recipe names them, e.g. `["my_nets"]`
    progress:    called with every event of the training (pixelwise/run/events.py), e.g. `print`; None: nothing is printed

    Ctrl-C (in a notebook: interrupt) saves the state and returns the run, whose `finished` is then `interrupted`;
    `resume` continues it. Raises a subclass of PixelwiseError, before the folder is made, if the recipe, the data or the
    device cannot be used.
    """
    from pixelwise.recipe.load import load_recipe

    allow_modules(allow)
    if cache is not None:
        use_cache(Path(cache))
    checked = load_recipe(os.fspath(recipe)) if isinstance(recipe, str | os.PathLike) else recipe
    with _packages():
        from pixelwise.engine.train import train as events

        _follow(events(checked, Path(out), data=_path(data), from_run=_path(from_run), except_for=except_for), progress)
    return open_run(out)


def resume(
    run: Run | PathLike,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    data: PathLike | None = None,
    data_path: PathLike | None = None,
    cache: PathLike | None = None,
    allow: Sequence[str] = (),
    progress: Callable[[Event], object] | None = None,
) -> Run:
    """Continue an interrupted run from its last checkpoint, or make a run longer.

    epochs, steps:  the length of the whole run, if it is to be longer than its recipe says
    data:           the data folder; by default `PIXELWISE_DATA`, else `~/.cache/pixelwise`
    data_path:      where the data set is now, in place of the recipe's `data.dataset.path`
    cache:          the folder for decoded pictures, as for `train`
    allow:          modules outside pixelwise that this process may import because the run's recipe names them
    progress:       called with every event of the training

    Raises RunError if the recipe, the pictures or the checkpoint is not what the run began with.
    """
    allow_modules(allow)
    if cache is not None:
        use_cache(Path(cache))
    with _packages():
        from pixelwise.engine.train import resume as events

        where, there = _path(data), _path(data_path)
        _follow(events(Path(run), data=where, data_path=there, epochs=epochs, steps=steps), progress)
    return open_run(run)


def evaluate(
    run: Run | PathLike,
    split: str = "",
    *,
    checkpoint: Literal["best", "last"] = "best",
    resolution: Literal["recipe", "own"] = "recipe",
    data: PathLike | None = None,
    data_path: PathLike | None = None,
    cache: PathLike | None = None,
    device: str = "auto",
    allow: Sequence[str] = (),
    flips: bool = False,
    scales: Sequence[float] = (1.0,),
) -> Scores:
    """Score a run on a split of its data set. The scores are also kept in the run, under `evaluations/`.

    split:       by default the one that it was validated on
    checkpoint:  the weights of the best epoch, or of the last one
    resolution:  `recipe`: at the recipe's size (data.size); `own`: at each picture's own size, against its own mask
    data:        the data folder; by default `PIXELWISE_DATA`, else `~/.cache/pixelwise`
    data_path:   where the data set is now, in place of the recipe's `data.dataset.path`
    cache:       the folder for decoded pictures, as for `train`
    device:      `auto`, `cpu`, `cuda` or `cuda:N`
    allow:       modules outside pixelwise that this process may import because the run's recipe names them
    flips:       whether probabilities are averaged over each picture and its mirror image
    scales:      factors of the pictures' size over which they are averaged too, e.g. (0.75, 1, 1.25)

    Raises RunError for a run that cannot be scored so, DataError if the data set is missing or damaged, DeviceError if
    there is no such device.
    """
    allow_modules(allow)
    if cache is not None:
        use_cache(Path(cache))
    with _packages():
        from pixelwise.predict.predictor import score_run

        record, _ = score_run(
            Path(run),
            split,
            checkpoint=checkpoint,
            resolution=resolution,
            data=_path(data),
            data_path=_path(data_path),
            device=device,
            flips=flips,
            scales=scales,
        )
    return Scores(record["split"], record)


def _path(given: PathLike | None) -> Path | None:
    return None if given is None else Path(given)


def _follow(events: Generator[Event, None, None], progress: Callable[[Event], object] | None) -> None:
    """Train to the end.

    The generator is closed at once where `progress` raises: else signals and the run's lock would stay taken as long as its
    traceback.
    """
    with closing(events) as happened:
        for event in happened:
            if progress is not None:
                progress(event)


@contextmanager
def _packages() -> Iterator[None]:
    """Say what to install, where a package such as torch is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (missing := not_installed(error)) is None:
            raise
        raise missing from error
