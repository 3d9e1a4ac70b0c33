"""A training so small that it takes a second, for whatever needs a real one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from pixelwise.engine.hardware.device import Choices
from pixelwise.engine.torch.learner import TorchLearner
from pixelwise.imaging.files import write_image, write_mask
from pixelwise.imaging.palettes import distinct_colours
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
    "hardware.threads=1",  # two would wait for each other on a busy machine
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


@pytest.fixture
def drawn() -> Callable[..., Path]:
    """`drawn(path, classes=3, train=6, val=3)`: a folder of pictures of 32×32 with masks, classes.txt and lists."""
    return draw_folder


def draw_folder(path: Path, *, classes: int = 3, train: int = 6, val: int = 3, seed: int = 0) -> Path:
    generator = np.random.default_rng(seed)
    names = [f"{split}{number}" for split, count in (("train", train), ("val", val)) for number in range(count)]
    (path / "splits").mkdir(parents=True)
    for split in ("train", "val"):
        (path / "splits" / f"{split}.txt").write_text("".join(f"{n}\n" for n in names if n.startswith(split)))
    for name in names:
        mask = np.kron(generator.integers(0, classes, (4, 4)), np.ones((8, 8))).astype(np.uint8)
        image = (mask[..., None] * 60 + generator.integers(0, 60, (32, 32, 3))).astype(np.uint8)
        write_image(path / "images" / f"{name}.png", image)
        write_mask(path / "masks" / f"{name}.png", mask, distinct_colours(classes))
    (path / "classes.txt").write_text("".join(f"class {number}\n" for number in range(classes)))
    return path
