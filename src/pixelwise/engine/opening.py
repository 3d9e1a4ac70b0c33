"""Which engine opens a run, and what it opens: the one that trained it. torch is imported for its own runs alone."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal, Protocol

from pixelwise.recipe.load import check_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.folder import RunFolder
from pixelwise.types import DatasetInfo
from pixelwise.yaml_text import parse


class Opened(Protocol):
    """A run with the weights of a checkpoint, whichever engine trained it.

    step, epoch:  when the checkpoint was written
    info:         the classes that the run was trained on
    size:         (H, W) of the training pictures
    """

    @property
    def run(self) -> RunFolder: ...

    @property
    def recipe(self) -> Recipe: ...

    @property
    def checkpoint(self) -> Literal["best", "last"]: ...

    @property
    def step(self) -> int: ...

    @property
    def epoch(self) -> int: ...

    @property
    def info(self) -> DatasetInfo: ...

    @property
    def size(self) -> tuple[int, int]: ...


def engine_of(run: RunFolder) -> Any:
    """The module that opens the run and labels pictures: `open_trained`, `predict_labels`, `predict_resized`,
    `predict_tiles`, `check_tiles`."""
    return import_module("pixelwise.engine.scratch.predict" if _is_scratch(run) else "pixelwise.engine.predict")


def scorers_of(run: RunFolder) -> Any:
    """The module that scores the run on a split: `score_recipe`, `score_own`."""
    return import_module("pixelwise.engine.scratch.score" if _is_scratch(run) else "pixelwise.engine.scoring.score")


def _is_scratch(run: RunFolder) -> bool:
    return check_recipe(parse(run.recipe_file), where=str(run.recipe_file)).engine == "scratch"
