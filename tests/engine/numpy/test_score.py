"""`pixelwise evaluate` for runs of the NumPy network: the scores of the training's end, on any split."""

import shutil

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

from pixelwise.data.scenes import scenes
from pixelwise.engine.evaluate import score_own, score_recipe
from pixelwise.engine.setup import open_learner
from pixelwise.predict import Predictor
from pixelwise.run.folder import RunFolder


@pytest.fixture(params=["pixels_run", "pictures_run"])
def run(request, tmp_path):
    shutil.copytree(request.getfixturevalue(request.param).path, tmp_path / "run")
    return RunFolder.open(tmp_path / "run")


def scores_of(record):
    return {score["key"]: score["value"] for metric in record["metrics"] for score in metric["scores"]}


@pytest.mark.parametrize("split", ["val", "test"])
def test_scores_are_those_of_the_summary_to_the_bit(run, data, split):
    record, file = score_recipe(open_learner(run), split, data=data)
    before = run.read("summary")["splits"][split]
    assert {key: record[key] for key in ("metrics", "losses", "resolution", "pictures")} == {
        key: before[key] for key in ("metrics", "losses", "resolution", "pictures")
    }
    assert file == run.path / f"evaluations/{split}-best-recipe.json"
    assert run.read(f"evaluations/{split}-best-recipe") == record
    assert file.with_suffix(".npz").is_file()


def test_the_record_has_the_keys_of_a_torch_run(run, data, tiny_run, tiny_data, tmp_path):
    shutil.copytree(tiny_run, tmp_path / "torch")
    theirs, _ = score_recipe(open_learner(RunFolder.open(tmp_path / "torch"), device="cpu"), "val", data=tiny_data)
    ours, _ = score_recipe(open_learner(run), "val", data=data)
    assert list(ours) == list(theirs)


def test_own_size_computes_what_metrics_need_and_no_more(run, data):
    asked = []

    def label(image, *, needs):
        asked.append(needs)
        return Predictor(trained).predict(image, needs=needs)

    trained = open_learner(run)
    score_own(trained, "val", label, data=data)
    assert asked == [()] * 5


def test_own_size_counts_against_the_truth_itself(run, data):
    trained = open_learner(run)
    record, _ = score_own(trained, "test", Predictor(trained).predict, data=data)
    assert record["resolution"] == "each picture's own size"
    dataset = scenes(data, size=32, train=10, val=5, test=4, void_rim=1)
    samples = [dataset.read("test", index) for index in range(4)]
    if trained.task.per == "picture":
        found = [int(one.probabilities.argmax()) for one in (Predictor(trained).predict(s.image) for s in samples)]
        assert scores_of(record)["accuracy"] == accuracy_score([s.label for s in samples], found)
        return
    expected = np.zeros((7, 7), np.int64)
    for sample in samples:
        known = sample.mask != 255
        expected += confusion_matrix(
            sample.mask[known], Predictor(trained).predict(sample.image).indices[known], labels=range(7)
        )
    assert record["metrics"][0]["figures"]["matrix"] == expected.tolist()
