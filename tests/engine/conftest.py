"""A training so small that it takes a second, for whatever needs a real one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from pixelwise.engine.hardware.device import Choices
from pixelwise.engine.torch.learner import TorchLearner
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.tasks.base import Task

TINY = (
    "data.dataset.size=32",
    "data.dataset.train=20",
    "data.dataset.val=6",
    "model.width=4",
    "model.depth=2",
    "train.batch=8",
    "train.phases.0.epochs=3",
    "hardware.precision=fp32",
    "hardware.threads=2",
    "gallery=3",
)


@pytest.fixture
def tiny() -> Callable[..., Recipe]:
    """`tiny("train.batch=4", ...)`: the quickstart recipe cut down, with further overrides."""
    return lambda *overrides: load_recipe("quickstart", [*TINY, *overrides])


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that the tests of a session share, so that caches are built once."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots take longer than these trainings; the report has tests of its own."""
    monkeypatch.setattr("pixelwise.engine.finish.build_report", lambda run: None)


@pytest.fixture
def learner_of(tiny: Callable[..., Recipe]) -> Callable[..., TorchLearner]:
    """`learner_of(task, model, {head: loss})`: a learner of torch around a model that no recipe names."""

    def make(task: Task, model: nn.Module, losses: Mapping[str, Any] | None = None, *words: str) -> TorchLearner:
        recipe = tiny("model.width=1", "model.depth=1", *words)
        learner = TorchLearner(recipe, task, (32, 32), Choices("cpu", "fp32", "contiguous", False, 1, False))
        learner.model, learner.losses = model, losses or {}
        learner.phase_losses = [learner.losses for _ in recipe.train.phases]
        return learner

    return make
