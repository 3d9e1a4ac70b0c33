"""Average precision through training, `evaluate` at both sizes, and tiles: what the run says is what a recount says."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from pixelwise.engine.build import build_dataset, open_material
from pixelwise.engine.train import train
from pixelwise.metrics.ranking import coarser, quantised
from pixelwise.predict import Predictor, Tiles
from pixelwise.predict.predictor import score_run
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.folder import RunFolder
from pixelwise.run.states import read_states

KEY = "mean_ap[interpolation={},void=ignore,classes=truth]"


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Path]:
    from tests.engine.conftest import TINY

    path = tmp_path_factory.mktemp("ranked") / "run"
    words = ("data.size=[24, 24]", "data.dataset.void_rim=1", "train.best=mean_ap", "train.phases.0.epochs=2")
    recipe = load_recipe("quickstart", [*TINY, *words, "metrics=[confusion, average_precision]"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pixelwise.engine.finish.build_report", lambda run: None)
        list(train(recipe, path, data=data))
    return recipe, path


def odds_of(scores: torch.Tensor) -> np.ndarray:
    """(..., C) log-odds of scores (C, ...), in double precision."""
    z = scores.double()
    others = [torch.cat([z[:c], z[c + 1 :]]).logsumexp(dim=0) for c in range(len(z))]
    return torch.stack([z[c] - rest for c, rest in enumerate(others)], dim=-1).numpy()


def recount(levels: np.ndarray, truth: np.ndarray) -> list[float]:
    """scikit-learn's AP of each class that occurs, void left out."""
    kept = truth != 255
    classes = range(levels.shape[-1])
    return [
        average_precision_score(truth[kept] == c, levels[kept][:, c].astype(int)) for c in classes if (truth == c).any()
    ]


def scored(record: dict) -> dict[str, float]:
    return {score["key"]: score["value"] for metric in record["metrics"] for score in metric["scores"]}


def test_the_summary_is_a_recount_and_the_best_epoch_is_chosen_by_it(trained, data: Path) -> None:
    recipe, path = trained
    summary = json.loads((path / "summary.json").read_text())
    assert summary["best"]["metric"] == KEY.format("all_points")
    learner = Predictor.open(path).opened.learner
    split = open_material(recipe, root=data).validation
    samples = [split[index] for index in range(len(split))]
    scores = learner.forward(learner.encode(samples))["class"]
    levels = np.stack([quantised(odds_of(one)) for one in scores])
    truth = np.stack([sample.mask for sample in samples])
    found = scored(summary["splits"]["val"])
    # rounding errors may move a pixel into the next level, which decides its order among others of that level only
    assert found[KEY.format("none")] == pytest.approx(np.mean(recount(levels, truth)), abs=1e-5)
    assert found[KEY.format("all_points")] == summary["best"]["value"] > found[KEY.format("none")]
    kept = read_states(RunFolder.open(path).states_file).metrics[1]
    assert kept.shape == (len(split.info.classes) + 1, 2, 1024)
    counted = np.stack(
        [np.bincount(levels[truth == c][:, c], minlength=1 << 16) for c in range(len(split.info.classes))]
    )
    assert np.abs(coarser(counted, 1024) - kept.total()[:-1, 1]).sum() <= 4


def test_evaluate_again_gives_the_bits_of_the_training(trained, data: Path) -> None:
    _, path = trained
    record, _ = score_run(path, data=data)
    assert record["metrics"] == json.loads((path / "summary.json").read_text())["splits"]["val"]["metrics"]


def test_evaluate_at_each_pictures_own_size(trained, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, path = trained
    monkeypatch.setattr("pixelwise.engine.reduced.BAND", 7 * 32 * 5)  # 5 rows at a time
    record, file = score_run(path, data=data, resolution="own")
    dataset, predictor = build_dataset(recipe, data), Predictor.open(path)
    samples = [dataset.read("val", index) for index in range(len(dataset.names("val")))]
    levels = np.stack([predictor.predict(sample.image, needs=("levels",)).levels for sample in samples])
    truth = np.stack([sample.mask for sample in samples])
    assert levels.shape[1:3] == (32, 32)
    assert scored(record)[KEY.format("none")] == pytest.approx(np.mean(recount(levels, truth)), rel=1e-12)
    assert (
        read_states(file.with_suffix(".npz")).metrics[1].rows[:, 2].sum() == 8 * (truth != 255).sum()
    )  # 7 classes, and the predicted one


def test_evaluate_with_flips_ranks_the_mean_of_both_probabilities(trained, data: Path) -> None:
    recipe, path = trained
    found = scored(score_run(path, data=data, flips=True)[0])
    learner, split = Predictor.open(path).opened.learner, open_material(recipe, root=data).validation
    samples = [split[index] for index in range(len(split))]
    mirrored = [replace(one, image=np.ascontiguousarray(one.image[:, ::-1])) for one in samples]
    own, other = (
        learner.forward(learner.encode(each))["class"].double().softmax(dim=1) for each in (samples, mirrored)
    )
    levels = quantised(torch.logit((own + other.flip(3)) / 2).permute(0, 2, 3, 1).numpy())
    truth = np.stack([sample.mask for sample in samples])
    key = KEY.replace("]", ",views=flip/1]")
    assert found[key.format("none")] == pytest.approx(np.mean(recount(levels, truth)), abs=1e-4)
    assert (
        found[key.format("none")]
        != scored(json.loads((path / "summary.json").read_text())["splits"]["val"])[KEY.format("none")]
    )


def test_tiles_give_the_levels_of_the_whole_picture(trained) -> None:
    _, path = trained
    predictor = Predictor.open(path)
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    whole = predictor.predict(image, Tiles(96, 0), needs=("levels",))
    tiled = predictor.predict(image, Tiles(64, 32), needs=("levels",))
    assert whole.levels.shape == tiled.levels.shape == (64, 96, 7)
    assert np.abs(whole.levels.astype(int) - tiled.levels)[:, :40].max() <= 1
    winner = np.take_along_axis(whole.levels, whole.indices[..., None].astype(int), axis=-1)
    assert np.array_equal(winner[..., 0], whole.levels.max(-1))
