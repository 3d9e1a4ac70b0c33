"""Learners that are unlike a network with one loss are ordinary learners: each trains, is scored and resumed."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.build import open_material
from pixelwise.engine.torch.learner import TorchLearner
from pixelwise.engine.train import resume, train
from pixelwise.errors import RecipeError, ShapeError
from pixelwise.predict import Predictor
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.events import EpochDone, Event, PhaseBegan, StepDone
from pixelwise.run.normalisation import IMAGENET_MEAN, IMAGENET_STD
from pixelwise.tasks.segment import segment
from pixelwise.types import DatasetInfo, Sample

Tiny = Callable[..., Recipe]
SMALL = ("data.dataset.train=12", "data.dataset.val=4", "train.batch=4", "train.phases.0.epochs=2", "gallery=1")


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PIXELWISE_ALLOW", "toys")


def epochs(events: list[Event]) -> list[EpochDone]:
    return [event for event in events if isinstance(event, EpochDone)]


def test_a_model_may_own_its_losses(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    events = list(train(tiny(*SMALL, "model={name: toys:own_losses}"), tmp_path / "run", data=data))
    first, last = epochs(events)
    assert set(first.train) == set(first.validation) == {"loss", "match", "size"}
    assert first.train["loss"] == pytest.approx(first.train["match"] + first.train["size"])
    assert last.train["loss"] < first.train["loss"]


def test_a_model_may_be_fitted_by_looking_at_each_batch_once(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe = tiny(*SMALL, "model={name: toys:frequencies}", "train.phases.0.epochs=1", "augment=[]")
    events = list(train(recipe, tmp_path / "run", data=data))
    assert [event.trainable for event in events if isinstance(event, PhaseBegan)] == [0]
    split: CachedSplit = open_material(recipe, root=data).train
    expected = 1 + np.stack([(split.masks == index).sum(axis=0) for index in range(7)])
    arrays, _ = load_checkpoint(tmp_path / "run" / "last", "model", "optimizer")
    assert arrays["model"]["counts"].tolist() == expected.tolist()  # the rehearsal has left nothing behind
    assert epochs(events)[0].scores["pixel_accuracy[void=none]"] > 0.2
    assert isinstance(list(resume(tmp_path / "run", data=data))[-1].step, int)


def test_a_model_without_parameters_takes_no_step(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    events = list(train(tiny(*SMALL, "model={name: toys:fixed}"), tmp_path / "run", data=data))
    first, last = epochs(events)
    assert first.validation == last.validation
    assert len([event for event in events if isinstance(event, StepDone)]) == 6
    assert json.loads((tmp_path / "run" / "setup.json").read_text())["model"]["parameters"] == 0


@pytest.mark.parametrize("loss", ["cross_entropy", "{class: cross_entropy, scene: {name: focal, gamma: 1.0}}"])
def test_a_model_may_have_several_heads_each_with_its_loss(loss: str, tiny: Tiny, data: Path, tmp_path: Path) -> None:
    words = ("task={name: toys:both}", "model={name: toys:two_heads}", f"loss={loss}", "metrics=[confusion]")
    events = list(train(tiny(*SMALL, *words, "train.best=mean_iou"), tmp_path / "run", data=data))
    first, last = epochs(events)
    assert set(first.train) == {"loss", "class", "scene"}
    assert last.train["loss"] < first.train["loss"]
    counts = json.loads((tmp_path / "run" / "setup.json").read_text())["counts"]
    assert {head: sum(some) for head, some in counts.items()} == {"class": 12 * 32 * 32, "scene": 12}
    image = np.random.default_rng(0).integers(0, 256, (150, 90, 3), np.uint8)
    for tiles in (None, 128):  # `decode` reads the head of the whole picture in each band
        assert Predictor.open(tmp_path / "run", device="cpu").predict(image, tiles).indices.shape == (150, 90)


def test_the_heads_of_a_dense_model_lie_side_by_side(learner_of: Callable[..., TorchLearner]) -> None:
    from toys import Both

    info = DatasetInfo("toy", ("a", "b"), ((0, 0, 0),) * 2, frozenset({"mask", "label"}))
    task, dense = Both(info), nn.Conv2d(3, 4, 1)
    learner = learner_of(task, dense)
    batch = learner.encode([Sample("one", np.zeros((4, 5, 3), np.uint8))])
    outputs = learner.forward(batch)
    whole = dense(
        torch.zeros(1, 3, 4, 5)
        + torch.tensor([-m / s for m, s in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)]).view(3, 1, 1)
    )
    torch.testing.assert_close(torch.cat([outputs["class"], outputs["scene"]], dim=1), whole.detach())


def test_a_dense_task_refuses_a_batch_of_different_sizes(learner_of: Callable[..., TorchLearner]) -> None:
    info = DatasetInfo("toy", ("a", "b", "c"), ((0, 0, 0),) * 3, frozenset({"mask"}))
    samples = [Sample(f"{size}", np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8)) for size in ((4, 5), (6, 3))]
    with pytest.raises(ShapeError, match=r"have different sizes: 5×4 and 3×6 \(width × height\)\. Set data.size"):
        learner_of(segment(info), nn.Conv2d(3, 3, 1)).encode(samples)


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["model={name: toys:coarse}"], ShapeError, r"model: the model gives scores of shape \(2, 7, 16, 16\)"),
        (
            ["model={name: toys:broken}"],
            RecipeError,
            r"model 'toys:broken' with task 'segment': a training step with two pictures failed",
        ),
        (["task={name: toys:both}", "model={name: toys:fixed}", "train.best=mean_iou"], ShapeError, "their target is"),
    ],
)
def test_a_misfit_shows_before_there_is_a_run_folder(
    words: list[str], error: type[Exception], said: str, tiny: Tiny, data: Path, tmp_path: Path
) -> None:
    recipe = tiny(*SMALL, "metrics=[confusion]", "loss=cross_entropy", *words)
    with pytest.raises(error, match=said):
        next(train(recipe, tmp_path / "run", data=data))
    assert not (tmp_path / "run").exists()
