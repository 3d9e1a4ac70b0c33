"""Which engine opens a run: the one that trained it. Both offer the same functions, and torch is imported for its own alone."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pixelwise.recipe.load import check_recipe
from pixelwise.recipe.yaml_text import parse
from pixelwise.run.folder import RunFolder


def engine_of(run: RunFolder) -> Any:
    """The module that opens the run and labels pictures: `open_trained`, `predict_labels`, `predict_resized`,
    `predict_tiles`, `check_tiles`."""
    return import_module("pixelwise.engine.scratch.predict" if _is_scratch(run) else "pixelwise.engine.predict")


def scorers_of(run: RunFolder) -> Any:
    """The module that scores the run on a split: `score_recipe`, `score_own`."""
    return import_module("pixelwise.engine.scratch.score" if _is_scratch(run) else "pixelwise.engine.scoring.score")


def _is_scratch(run: RunFolder) -> bool:
    return check_recipe(parse(run.recipe_file), where=str(run.recipe_file)).engine == "scratch"
