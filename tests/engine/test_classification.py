"""What classification asked of the engine: a test split, losses by phase, balanced draws, the last epoch kept."""

import json
from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from pixelwise.engine.build import open_material
from pixelwise.engine.order import count_rounds, draw_balanced
from pixelwise.engine.torch.loader import Loader
from pixelwise.engine.train import train
from pixelwise.errors import DataError
from pixelwise.losses.focal import class_balanced
from pixelwise.recipe.load import load_recipe
from pixelwise.run.states import read_states
from pixelwise.tasks.classify import classify
from pixelwise.types import DatasetInfo

LABELS = (
    "task=classify",
    "model={name: whitened_cnn, width: 4}",
    "data.dataset={name: scenes, size: 32, train: 20, val: 6, test: 5}",
    "train.batch=8",
    "train.phases=[{epochs: 1}, {epochs: 1, loss: {name: class_balanced, beta: 0.9}}]",
    "hardware={precision: fp32, threads: 1}",
    "gallery=3",
)


def run_of(path, data, *overrides):
    events = list(train(load_recipe("quickstart", [*LABELS, *overrides]), path, data=data))
    return events, json.loads((path / "summary.json").read_text())


def test_a_test_split_is_scored_with_the_weights_that_were_chosen(tmp_path, data):
    _, summary = run_of(tmp_path / "run", data, "data.test=test", "train.best=epoch", "data.sampling=balanced")
    assert {split: record["pictures"] for split, record in summary["splits"].items()} == {"val": 6, "test": 5}
    assert (summary["best"]["metric"], summary["best"]["value"]) == ("epoch", 2.0)
    kept = read_states(tmp_path / "run" / "predictions" / "states-test.npz")
    assert len(kept.names) == 5
    matrix = np.array(summary["splits"]["test"]["metrics"][0]["figures"]["matrix"])
    assert kept.metrics[0].total()[: matrix.size].tolist() == matrix.ravel().tolist()
    setup = json.loads((tmp_path / "run" / "setup.json").read_text())
    assert setup["unit"] == "picture"
    assert set(setup["data"]["splits"]) == {"train", "val", "test"}
    assert sum(setup["counts"]) == 20
    pictures = json.loads((tmp_path / "run" / "predictions" / "index.json").read_text())["pictures"]
    assert all(set(entry["words"]) == {"truth", "prediction"} for entry in pictures)
    assert all(set(entry["files"]) == {"image"} for entry in pictures)


def test_a_phase_trains_with_its_own_loss_and_validates_with_the_recipes(tmp_path, data, monkeypatch):
    seen = []
    build = class_balanced

    def spy(self, scores, target):
        seen.append(len(target))
        return plain(self, scores, target)

    plain = type(build(np.ones(3, np.int64))).forward
    monkeypatch.setattr(type(build(np.ones(3, np.int64))), "forward", spy)
    run_of(tmp_path / "run", data)
    # the two pictures of the rehearsal, then the second epoch's 20, and none of the validation split
    assert (seen[0], sum(seen[1:])) == (2, 20)


def test_balanced_draws_take_every_class_and_every_picture_of_it_alike():
    labels = np.repeat([0, 1, 4], [900, 90, 10])
    drawn = np.concatenate([draw_balanced(labels, np.random.default_rng(seed)) for seed in range(30)])
    classes = Counter(labels[drawn].tolist())
    assert chisquare([classes[0], classes[1], classes[4]]).pvalue > 1e-3
    rare = Counter(drawn[labels[drawn] == 4].tolist())
    assert set(rare) == set(range(990, 1000))
    assert chisquare(list(rare.values())).pvalue > 1e-3


def test_a_picture_drawn_again_is_augmented_anew():
    assert count_rounds((3, 1, 3, 3, 1)) == (0, 0, 1, 2, 1)


def test_balanced_batches_are_the_same_for_any_start():
    class Split:
        names = tuple(map(str, range(12)))
        labels = np.array([0] * 10 + [1] * 2)

        def __len__(self):
            return 12

    info = DatasetInfo("toy", ("a", "b"), ((0, 0, 0),) * 2, frozenset({"label"}))
    loader = Loader(Split(), classify(info), lambda sample, epoch, index: sample, batch=4, seed=1, labels=Split.labels)
    assert loader.order(3) == loader.order(3) != loader.order(4)
    assert len(loader.order(0)) == 12


def test_balanced_sampling_needs_labels(data):
    recipe = load_recipe("quickstart", ["data.sampling=balanced", "data.dataset={name: scenes, size: 32, train: 4}"])
    material = open_material(recipe, root=data)
    object.__setattr__(material.train, "labels", None)
    with pytest.raises(DataError, match="no labels"):
        material.labels_to_balance("balanced")
