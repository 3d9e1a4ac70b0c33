"""The baselines against counts by hand: shares of classes, void, other sizes, and whole runs with resume and predict."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.build import open_material
from pixelwise.engine.train import resume, train
from pixelwise.errors import RecipeError, RunError, ShapeError
from pixelwise.models import MODELS
from pixelwise.models.baselines import Counting, Majority, PixelFrequency
from pixelwise.predict import Predictor
from pixelwise.recipe.load import check_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.events import EpochDone
from pixelwise.run.folder import RunFolder
from pixelwise.types import IGNORE

CLASSES, SIZE = 4, (5, 6)


def drawn(batch: int = 7, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(IGNORE, CLASSES - 1, (batch, *SIZE), generator=generator, dtype=torch.int16)


def fitted(name: str, target: torch.Tensor, per: str = "pixel", parts: int = 3, **options: float) -> Counting:
    model: Counting = MODELS.build(name, 3, CLASSES, **options)
    model.prepare(SIZE, per)  # type: ignore[arg-type]
    for part in target.chunk(parts):
        model.observe(torch.zeros(len(part), 3, *SIZE), {"class": part})
    return model.eval()


def test_the_scores_of_each_location_are_the_logarithms_of_its_shares() -> None:
    target = drawn()
    scores = fitted("pixel_frequency", target, smoothing=0.5)(torch.rand(2, 3, *SIZE))
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            seen = [int(value) for value in target[:, row, column] if value != IGNORE]
            expected = [(seen.count(index) + 0.5) / (len(seen) + 0.5 * CLASSES) for index in range(CLASSES)]
            assert scores[1, :, row, column].exp().tolist() == pytest.approx(expected)
    torch.testing.assert_close(scores.softmax(dim=1), scores.exp())


@pytest.mark.parametrize("per", ["pixel", "picture"])
def test_majority_gives_the_shares_of_the_whole_training_set(per: str) -> None:
    target = drawn() if per == "pixel" else torch.tensor([2, 0, 2, IGNORE, 1])
    scores = fitted("majority", target, per)(torch.rand(2, 3, 9, 8))
    assert scores.shape == ((2, CLASSES, 9, 8) if per == "pixel" else (2, CLASSES))
    seen = target[target >= 0].tolist()
    expected = [(seen.count(index) + 1) / (len(seen) + CLASSES) for index in range(CLASSES)]
    places = scores.movedim(1, -1).reshape(-1, CLASSES).exp()
    torch.testing.assert_close(places, torch.tensor(expected).expand_as(places))


@pytest.mark.parametrize("name", ["pixel_frequency", "majority"])
def test_batches_do_not_matter_and_void_is_left_out(name: str) -> None:
    target = drawn()
    whole, parts = fitted(name, target, parts=1), fitted(name, target, parts=7)
    assert torch.equal(whole.counts, parts.counts)
    assert int(whole.counts.sum()) == int((target != IGNORE).sum())
    assert not list(whole.parameters())


@pytest.mark.parametrize("name", ["pixel_frequency", "majority"])
def test_before_anything_is_observed_every_class_is_equally_likely(name: str) -> None:
    model = MODELS.build(name, 3, CLASSES)
    assert model(torch.zeros(1, 3, 8, 8)).softmax(dim=1).flatten().tolist() == pytest.approx([1 / CLASSES] * 256)


def test_a_picture_of_another_size_gets_the_map_resized() -> None:
    model = fitted("pixel_frequency", (torch.arange(6) // 3).expand(8, *SIZE).to(torch.int16), smoothing=1e-6)
    for size in ((50, 60), (2, 4)):
        scores = model(torch.zeros(1, 3, *size))
        assert scores.shape == (1, CLASSES, *size)
        assert scores.exp().sum(dim=1).flatten().tolist() == pytest.approx([1.0] * size[0] * size[1])
        winners = scores[0].argmax(dim=0)
        assert (winners[:, : size[1] // 2] == 0).all()
        assert (winners[:, -(size[1] // 2) :] == 1).all()


def test_what_cannot_be_counted_is_refused() -> None:
    model = PixelFrequency(3, CLASSES, 1.0)
    model.prepare(SIZE, "pixel")
    images, target = torch.zeros(2, 3, *SIZE), drawn(2)
    with pytest.raises(ShapeError, match=r"are 4×4, but pixel_frequency counts locations of 6×5.*augmentations"):
        model.observe(images, {"class": target[:, :4, :4]})
    for targets in ({}, {"class": target, "scene": target}, {"value": target.float()}):
        with pytest.raises(ShapeError, match="counts the classes of one head"):
            Majority(3, CLASSES, 1.0).observe(images, targets)
    with pytest.raises(RecipeError, match="smoothing"):
        MODELS.build("majority", 3, CLASSES, smoothing=0.0)


# -- runs -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    def recipe(model: str, **changes: Any) -> Recipe:
        tree = {
            "title": "Baseline",
            "task": "segment",
            "data": {"dataset": {"name": "scenes", "size": 32, "train": 10, "val": 4, "test": 0}},
            "model": model,
            "train": {"batch": 3, "phases": [{"epochs": 1}], "checkpoint_steps": 2},
            "hardware": {"device": "cpu", "precision": "fp32"},
        }
        return check_recipe({**tree, **changes})

    return recipe


def test_one_epoch_counts_every_training_picture_once(
    recipe: Callable[..., Recipe], data: Path, tmp_path: Path
) -> None:
    made = recipe("pixel_frequency")
    events = list(train(made, tmp_path / "run", data=data))
    split: CachedSplit = open_material(made, root=data).train
    assert split.masks is not None
    arrays, _ = load_checkpoint(tmp_path / "run" / "best", "model")
    expected = np.stack([(split.masks == index).sum(axis=0) for index in range(7)])
    assert arrays["model"]["counts"].tolist() == expected.tolist()
    (epoch,) = (event for event in events if isinstance(event, EpochDone))
    validation = open_material(made, root=data).validation
    assert validation.masks is not None
    hits = (expected.argmax(axis=0) == validation.masks).mean()
    assert epoch.scores["pixel_accuracy[void=none]"] == pytest.approx(float(hits))


def test_an_interrupted_fit_resumes_to_the_same_counts(
    recipe: Callable[..., Recipe], data: Path, tmp_path: Path
) -> None:
    made = recipe("pixel_frequency")
    list(train(made, tmp_path / "whole", data=data))
    begun = train(made, tmp_path / "cut", data=data)
    for event in begun:
        if getattr(event, "step", 0) == 3:
            begun.close()
            break
    list(resume(tmp_path / "cut", data=data))
    for which in ("best", "last"):
        once, again = (load_checkpoint(tmp_path / name / which, "model")[0]["model"] for name in ("whole", "cut"))
        assert once["counts"].tolist() == again["counts"].tolist()


def test_a_baseline_predicts_pictures_of_any_size_whole(
    recipe: Callable[..., Recipe], data: Path, tmp_path: Path
) -> None:
    list(train(recipe("pixel_frequency"), tmp_path / "run", data=data))
    predictor = Predictor.open(RunFolder.open(tmp_path / "run"))
    prediction = predictor.predict(np.zeros((100, 70, 3), np.uint8))
    assert prediction.indices.shape == (100, 70)
    with pytest.raises(RunError, match=r"reads whole pictures only, at 32×32.*counts locations.*--scale own"):
        predictor.predict(np.zeros((100, 70, 3), np.uint8), 64)


def test_majority_classifies(recipe: Callable[..., Recipe], data: Path, tmp_path: Path) -> None:
    made = recipe("majority", task="classify")
    events = list(train(made, tmp_path / "run", data=data))
    counts = np.bincount(np.asarray(open_material(made, root=data).train.labels))
    labels = np.asarray(open_material(made, root=data).validation.labels)
    (epoch,) = (event for event in events if isinstance(event, EpochDone))
    assert epoch.scores["accuracy"] == pytest.approx(float((labels == counts.argmax()).mean()))
    with pytest.raises(RecipeError, match="the model 'majority' counts whole pictures"):
        list(train(recipe("majority", task={"name": "classify", "mixup": 0.2}), tmp_path / "mixed", data=data))
