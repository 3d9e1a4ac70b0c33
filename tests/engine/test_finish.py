"""What follows the last update: scores, summary, gallery."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score

from pixelwise.engine.base import engine_named
from pixelwise.engine.build import build_metrics, build_task, open_material
from pixelwise.engine.evaluate import chose_epoch, evaluate, predict
from pixelwise.engine.finish import choose_gallery
from pixelwise.engine.hardware.device import Choices
from pixelwise.engine.torch.learner import TorchLearner
from pixelwise.engine.train import resume, train
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.events import StepDone

Tiny = Callable[..., Recipe]
SMALL = ("model.width=2", "model.depth=1", "hardware.threads=1", "train.phases.0.epochs=2", "data.dataset.val=7")
CPU = Choices("cpu", "fp32", "channels_last", False, 1, False)

Scores = st.dictionaries(st.integers(0, 40), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), max_size=15)


@given(Scores, st.integers(0, 20))
def test_the_gallery_shows_every_picture_once_and_ranks_do_not_cross(ranking: dict[int, float], count: int) -> None:
    chosen = choose_gallery(ranking, count)
    assert len({index for index, _, _ in chosen}) == len(chosen) == min(count, len(ranking))
    assert all(ranking[index] == score for index, score, _ in chosen)
    groups = {name: [score for _, score, rank in chosen if rank == name] for name in ("best", "typical", "worst")}
    assert sum(map(len, groups.values())) == len(chosen)
    assert (
        len(groups["best"]) >= len(groups["typical"]) >= len(groups["worst"]) >= len(groups["best"]) - 1 or not chosen
    )
    in_order = sorted(ranking.values(), reverse=True)
    assert groups["best"] == in_order[: len(groups["best"])]
    assert groups["worst"] == in_order[len(in_order) - len(groups["worst"]) :]


def test_the_gallery_by_example() -> None:
    ranking = {index: index / 10 for index in range(9)}
    assert choose_gallery(ranking, 6) == [
        (8, 0.8, "best"), (7, 0.7, "best"), (5, 0.5, "typical"), (4, 0.4, "typical"), (1, 0.1, "worst"), (0, 0.0, "worst"),
    ]  # fmt: skip
    assert choose_gallery({4: 0.5, 2: 0.5, 3: 0.5}, 3) == [(2, 0.5, "best"), (3, 0.5, "typical"), (4, 0.5, "worst")]
    assert choose_gallery(ranking, 0) == choose_gallery({}, 6) == []


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return {}


@pytest.fixture
def run(tiny: Tiny, data: Path, tmp_path_factory: pytest.TempPathFactory, finished: dict[str, object]) -> Path:
    """A finished run, with void, trained once for all tests of this file."""
    if not finished:
        path = tmp_path_factory.mktemp("runs") / "run"
        recipe = tiny(*SMALL, "data.dataset.void_rim=1", "gallery=5", "loss={name: cross_entropy, weights: median}")
        list(train(recipe, path, data=data))
        finished.update(path=path, recipe=recipe)
    return finished["path"]


def test_the_summary_equals_a_recount_by_scikit_learn(run: Path, data: Path, finished: dict[str, object]) -> None:
    recipe = finished["recipe"]
    material = open_material(recipe, root=data)
    learner = TorchLearner(recipe, build_task(recipe, material.info), (32, 32), CPU)
    learner.load(load_checkpoint(run / "best", "model")[0], where="best")
    samples = [material.validation[index] for index in range(7)]
    predicted = np.stack([p.indices for p in predict(learner, samples)])
    truth = np.stack([s.mask for s in samples])
    known = truth != 255
    t, p = truth[known], predicted[known]
    summary = json.loads((run / "summary.json").read_text())
    record = summary["splits"]["val"]
    (metric,) = record["metrics"]
    scores = {score["name"]: score["value"] for score in metric["scores"]}
    assert scores["pixel_accuracy"] == pytest.approx(accuracy_score(t, p), rel=1e-12)
    present = np.union1d(t, p)
    assert scores["mean_iou"] == pytest.approx(jaccard_score(t, p, labels=present, average="macro"), rel=1e-12)
    assert metric["figures"]["matrix"] == confusion_matrix(t, p, labels=range(7)).tolist()
    assert {score["support"] for score in metric["scores"]} == {t.size}
    assert (record["checkpoint"], record["pictures"], record["resolution"]) == ("best", 7, "32×32")
    assert summary["best"]["value"] == scores["mean_iou"]
    assert summary["best"]["metric"].startswith("mean_iou[void=ignore")
    assert {(score["interval"]["n"], score["interval"]["lack"]) for score in metric["scores"]} == {
        (7, "too few pictures")
    }
    assert record["chose_epoch"] is (summary["epochs"] > 1)


@pytest.mark.parametrize(
    ("words", "split", "checkpoint", "epochs", "chosen"),
    [
        ((), "val", "best", 2, True),
        ((), "val", "best", 1, False),  # there was no other
        ((), "val", "last", 2, False),
        ((), "test", "best", 2, False),
        (("train.best=epoch",), "val", "best", 2, False),
        (("train.early_stopping={patience: 1}",), "val", "last", 2, True),
        (("train.best=loss",), "val", "best", 2, True),
    ],
)
def test_which_pictures_chose_the_epoch(
    tiny: Tiny, words: tuple[str, ...], split: str, checkpoint: str, epochs: int, chosen: bool
) -> None:
    run = SimpleNamespace(events=lambda kind: [{"event": kind}] * epochs)
    assert chose_epoch(run, tiny(*SMALL, *words), split, checkpoint) is chosen


def test_the_gallery_on_the_disk(run: Path, data: Path, finished: dict[str, object]) -> None:
    index = json.loads((run / "predictions" / "index.json").read_text())
    assert [entry["rank"] for entry in index["pictures"]] == ["best", "best", "typical", "typical", "worst"]
    material = open_material(finished["recipe"], root=data)
    for entry in index["pictures"]:
        sample = material.validation[material.validation.names.index(entry["name"])]
        read = {kind: np.asarray(Image.open(run / "predictions" / file)) for kind, file in entry["files"].items()}
        assert np.array_equal(read["image"], sample.image)
        assert np.array_equal(read["truth"], sample.mask)
        assert read["prediction"].shape == (32, 32)


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_losses_and_scores_do_not_depend_on_the_batch(
    batch: int, run: Path, data: Path, finished: dict[str, object]
) -> None:
    whole = finished["recipe"]
    recipe = whole.model_copy(update={"train": whole.train.model_copy(update={"batch": batch})})
    material = open_material(recipe, root=data)
    learner = TorchLearner(recipe, build_task(recipe, material.info), (32, 32), CPU)
    learner.weigh(material.counts)
    learner.load(load_checkpoint(run / "best", "model")[0], where="best")
    metrics = build_metrics(recipe, material.info)
    result = evaluate(learner, material.validation, metrics)
    record = json.loads((run / "summary.json").read_text())["splits"]["val"]
    assert [s.value for s in result.scores] == [s["value"] for s in record["metrics"][0]["scores"]]  # bit for bit
    assert result.losses == record["losses"]


@pytest.mark.parametrize(
    "words",
    [
        ("task=classify", "model={name: whitened_cnn, width: 4}", "train.optimizer=adam"),
        (
            "engine=scratch",
            "model={name: fcn, width: 3}",
            "augment=[]",
            "train.optimizer=adam",
            "train.schedule=constant",
        ),
    ],
)
def test_no_bit_of_an_evaluation_depends_on_the_training_batch(
    words: tuple[str, ...], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With batches of 4 pictures, of which the last is filled up: each forward pass has one shape."""
    monkeypatch.setattr("pixelwise.engine.base.EVALUATED", {"pixel": 4, "picture": 4})
    found, shapes = [], set()
    for batch in (1, 2, 7):
        fixed = (
            "data.dataset={name: scenes, size: 32, train: 8, val: 7}",
            "train.phases=[{epochs: 1}]",
            "hardware.threads=1",
        )
        recipe = load_recipe("quickstart", [*words, *fixed, f"train.batch={batch}"])
        material = open_material(recipe, root=data)
        engine = engine_named(recipe.engine)
        choices = engine.choose(recipe.hardware, memory=data, processes=engine.alone())
        learner = engine(recipe, build_task(recipe, material.info), (32, 32), choices)
        learner.weigh(material.counts)
        metrics, forward = build_metrics(recipe, material.info), learner.forward
        monkeypatch.setattr(
            learner, "forward", lambda made, forward=forward: shapes.add(tuple(made.images.shape)) or forward(made)
        )
        result = evaluate(learner, material.validation, metrics)
        found.append((result.losses, result.scores, [metric.state.tolist() for metric in metrics]))
    assert found[0] == found[1] == found[2]
    assert shapes == {(4, 32, 32, 3)}
    assert np.sum(found[0][2][0]) > 0


def test_a_run_that_stopped_before_its_first_checkpoint_begins_anew(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe = tiny(*SMALL, "gallery=0")
    list(train(recipe, tmp_path / "whole", data=data))
    events = train(recipe, tmp_path / "cut", data=data)
    while not isinstance(next(events), StepDone):
        pass
    events.close()
    assert not (tmp_path / "cut" / "last").exists()
    list(resume(tmp_path / "cut", data=data))
    for which in ("last", "best"):
        (one,), (other,) = ((tmp_path / name / which).glob("model-*") for name in ("whole", "cut"))
        assert one.read_bytes() == other.read_bytes()
    told = [(tmp_path / name / "events.jsonl").read_text().splitlines() for name in ("whole", "cut")]
    kinds = [[json.loads(line)["event"] for line in lines] for lines in told]
    assert kinds[0] == kinds[1]  # no event is reported twice


def test_without_a_best_checkpoint_the_last_weights_are_scored(
    tiny: Tiny, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelwise.engine.fit.is_better", lambda *given: False)
    list(train(tiny(*SMALL, "gallery=0"), tmp_path / "run", data=data))
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["splits"]["val"]["checkpoint"] == "last"
    assert summary["best"]["epoch"] is None
    assert json.loads((tmp_path / "run" / "predictions" / "index.json").read_text())["pictures"] == []
