"""`pixelwise evaluate`: the scores of the training's end again, and scores at each picture's own size."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from command_line import run_command
from pixelwise.data.scenes import scenes
from pixelwise.engine.evaluate import score_own
from pixelwise.engine.setup import open_learner
from pixelwise.predict import Predictor
from pixelwise.run.folder import RunFolder


@pytest.fixture
def run(copied: RunFolder) -> RunFolder:
    return copied


def scores_of(record: dict) -> dict[str, float]:
    return {score["key"]: score["value"] for metric in record["metrics"] for score in metric["scores"]}


def test_scores_are_those_of_the_summary_to_the_bit(
    run: RunFolder, tiny_data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as many threads as the run had
    assert run_command("evaluate", run.path, "--data", tiny_data, "--device", "cpu") == 0
    record = run.read("evaluations/val-best-recipe")
    before = run.read("summary")["splits"]["val"]
    assert record["metrics"] == before["metrics"]
    assert record["losses"] == before["losses"]
    assert record["resolution"] == "32×32"
    assert record["pictures"] == 6
    shown = capsys.readouterr().out
    assert "scores on val, best checkpoint, 6 pictures, counted at 32×32" in shown
    assert "val-best-recipe.json" in shown


def test_another_split_as_json(run: RunFolder, tiny_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", run.path, "--split", "test", "--checkpoint", "last", "--data", tiny_data, "--json"]
    assert run_command(*words) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["split"], record["checkpoint"], record["pictures"]) == ("test", "last", 4)
    assert record == run.read("evaluations/test-last-recipe")


def test_own_size_is_the_recipes_where_they_are_equal(run: RunFolder, tiny_data: Path) -> None:
    for resolution in ("recipe", "own"):
        words = ["--resolution", resolution, "--data", tiny_data, "--device", "cpu"]
        assert run_command("evaluate", run.path, *words) == 0
    recipe, own = (run.read(f"evaluations/val-best-{resolution}") for resolution in ("recipe", "own"))
    assert own["resolution"] == "each picture's own size"
    assert scores_of(own) == pytest.approx(scores_of(recipe), abs=1e-3)  # batches of another size round otherwise


def test_own_size_counts_against_the_masks_as_they_were_drawn(run: RunFolder, tiny_data: Path) -> None:
    trained = open_learner(run, device="cpu")
    small = trained.recipe.model_copy(update={"data": trained.recipe.data.model_copy(update={"size": (16, 16)})})
    trained = replace(trained, recipe=small, size=(16, 16))  # as if the run had seen pictures of half the size
    record, _ = score_own(trained, "test", Predictor(trained).predict, data=tiny_data)

    dataset = scenes(tiny_data, size=32, train=8, val=6, test=4, void_rim=1)
    expected = np.zeros((7, 7), np.int64)
    for index in range(4):
        sample = dataset.read("test", index)
        known = sample.mask != 255
        predicted = Predictor(trained).predict(sample.image).indices
        expected += confusion_matrix(sample.mask[known], predicted[known], labels=range(7))
    assert record["metrics"][0]["figures"]["matrix"] == expected.tolist()


@pytest.mark.parametrize("resolution", ["recipe", "own"])
def test_an_unknown_split_is_refused(
    run: RunFolder, tiny_data: Path, resolution: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--split", "tset", "--resolution", resolution, "--data", tiny_data]
    assert run_command("evaluate", run.path, *words) == 2
    assert "unknown split 'tset'; it has train, val, test. Did you mean 'test'?" in capsys.readouterr().err
    assert not (run.path / "evaluations").exists()


def test_a_data_set_with_other_classes_is_refused(
    run: RunFolder, tiny_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup = run.read("setup")
    setup["data"]["classes"][1] = "circle"
    run.write("setup", setup)
    assert run_command("evaluate", run.path, "--data", tiny_data) == 2
    told = capsys.readouterr().err
    assert "trained on the classes ground, circle, box" in told
    assert "now has ground, disc, box" in told


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("evaluate", tmp_path) == 2
    assert "is not a run folder: it has no recipe.yaml" in capsys.readouterr().err
    assert run_command("evaluate", tmp_path / "nowhere") == 2
    assert "this run folder does not exist" in capsys.readouterr().err


def test_a_colourization_is_scored_as_at_its_end_and_at_own_size(
    tiny_colours: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    shutil.copytree(tiny_colours, tmp_path / "run")
    run = RunFolder.open(tmp_path / "run")
    options = ["--split", "test", "--data", tiny_data, "--device", "cpu"]
    assert run_command("evaluate", run.path, *options) == 0
    assert run_command("evaluate", run.path, *options, "--resolution", "own") == 0
    recipe, own = (run.read(f"evaluations/test-best-{resolution}") for resolution in ("recipe", "own"))
    at_the_end = run.read("summary")["splits"]["test"]
    assert recipe["metrics"] == at_the_end["metrics"]
    assert recipe["losses"] == at_the_end["losses"]
    assert scores_of(own) == pytest.approx(scores_of(recipe), rel=1e-2)  # batches of another size round otherwise


def test_a_classifier_is_scored_as_at_its_end_and_has_no_own_size(
    tiny_classifier: Path,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    shutil.copytree(tiny_classifier, tmp_path / "run")
    run = RunFolder.open(tmp_path / "run")
    assert run_command("evaluate", run.path, "--split", "test", "--data", tiny_data, "--device", "cpu") == 0
    assert run.read("evaluations/test-best-recipe")["metrics"] == run.read("summary")["splits"]["test"]["metrics"]
    assert run_command("evaluate", run.path, "--resolution", "own", "--data", tiny_data) == 2
    assert "labels whole pictures" in capsys.readouterr().err
    assert not (run.path / "evaluations" / "val-best-own.json").exists()
