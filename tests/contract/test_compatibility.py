"""Every pair on the shelves (task × data set, model, loss, metric) fits by declaration, or `check` refuses it and says why.

What is declared is compared with what happens: a model's output at 32×32, what a metric counts, and two steps of
training for a cover of the fitting combinations, in which every fitting pair of items with the task occurs.
"""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pixelwise.engine.base import engine_named
from pixelwise.engine.build import build_metrics, build_task, open_material
from pixelwise.engine.evaluate import evaluate
from pixelwise.errors import RecipeError
from pixelwise.losses import LOSSES
from pixelwise.metrics import METRICS
from pixelwise.models import MODELS
from pixelwise.recipe.engines import shelves
from pixelwise.recipe.load import check_recipe
from pixelwise.recipe.misfits import words_of
from pixelwise.recipe.shelves import SCRATCH
from pixelwise.rle import RLE
from pixelwise.tasks import TASKS
from pixelwise.types import ClassMap, Colours, DatasetInfo, Instances, Labels, Object, Prediction, Sample
from small_models import options_of

ENGINES = ("torch", "scratch")
TWO_CLASSES = {"foreground_iou"}  # metrics of two classes; the drawn scenes have seven
COUNTED = {"pixel_frequency", "majority"}  # the baselines: fitted without a parameter
OPTIONS = {
    "first": {"of": "scenes", "count": 2},
    "cut": {"of": "scenes"},
    "longtail": {"of": "cifar10"},
    "annotated": {"path": "."},
    "folder": {"path": "."},
    "coco": {"path": "a.json"},
    "labelled": {"path": "."},
    "pictures": {"path": "."},
}
LOSS_OPTIONS = {"weighted_sum": {"parts": ["cross_entropy", "focal"], "factors": [1.0, 0.5]}}
INFO = DatasetInfo("toy", ("background", "cat"), ((0, 0, 0), (9, 9, 9)), frozenset({"mask", "label"}), void=255)
IMAGE = np.zeros((4, 5, 3), np.uint8)
OBJECT = Object.of(1, RLE.of(np.eye(4, 5)))
SAMPLE = Sample("s", IMAGE, mask=np.zeros((4, 5), np.uint8), objects=[OBJECT], label=1)
PREDICTIONS: dict[str, Prediction] = {
    "class_map": ClassMap(np.zeros((4, 5), np.uint8), levels=np.full((4, 5, len(INFO.classes)), 1 << 15, np.uint16)),
    "labels": Labels(np.array([0.25, 0.75], np.float32)),
    "colours": Colours(IMAGE, np.zeros((4, 5), np.uint8)),
    "instances": Instances((4, 5), (OBJECT,)),
}

Claims = dict[str, Any]
SEVERAL = {task for task in TASKS if isinstance(TASKS.declared(task).get("loss"), dict)}  # their heads need a loss each
OWN = {task for task in TASKS if set(TASKS.declared(task)["heads"].values()) == {"objects"}}  # their models have losses
FITS = {  # whether an item fits a task, by what both declare; an item that wraps another declares nothing
    "dataset": lambda task, item: task.get("knows") is None or "knows" not in item or task["knows"] in item["knows"],
    "model": lambda task, item: task["per"] in words_of(item, "gives"),
    "loss": lambda task, item: (
        set(task["heads"].values()) == {item["takes"]} and item.get("per") in (None, task["per"])
    ),
    "metric": lambda task, item: task["predicts"] in item["counts"],
}
PAIRS = [
    (engine, task, kind, name)
    for engine in ENGINES
    for task in shelves(engine)["task"]
    if task not in SEVERAL or engine == "torch"
    for kind in FITS
    if task not in SEVERAL | OWN or kind != "loss"
    for name in shelves(engine)[kind]
]


def fitting(engine: str, task: str, kind: str) -> list[str]:
    """The items of a kind that fit a task by declaration, those first that declare something."""
    shelf, claims = shelves(engine)[kind], shelves(engine)["task"].declared(task)
    fits = [name for name in shelf if FITS[kind](claims, shelf.declared(name))]
    return sorted(fits, key=lambda name: not shelf.declared(name))


def tree_of(engine: str, task: str, **chosen: str) -> dict[str, Any]:
    """A recipe for the task whose other items fit."""
    dataset = chosen.get("dataset") or fitting(engine, task, "dataset")[0]
    if task in SEVERAL:
        losses: Any = shelves(engine)["task"].declared(task)["loss"]
    elif task in OWN:
        losses = None
    else:
        loss = chosen.get("loss") or fitting(engine, task, "loss")[0]
        losses = {"name": loss, **LOSS_OPTIONS.get(loss, {})}
    return {
        "title": "T",
        "engine": engine,
        "task": task,
        "data": {"dataset": {"name": dataset, **OPTIONS.get(dataset, {})}},
        "model": chosen.get("model") or fitting(engine, task, "model")[0],
        "loss": losses,
        "metrics": [chosen.get("metric") or fitting(engine, task, "metric")[0]],
        "train": {"phases": [{"epochs": 1}], "optimizer": "sgd"},
    }


@pytest.mark.parametrize(("engine", "task", "kind", "name"), PAIRS, ids=[" ".join(pair) for pair in PAIRS])
def test_a_pair_fits_or_is_refused(engine: str, task: str, kind: str, name: str) -> None:
    if not fitting(engine, task, "model"):
        pytest.skip(f"the engine has no model for {task}")
    tree = tree_of(engine, task, **{kind: name})
    if name in fitting(engine, task, kind) and not (
        kind == "dataset" and name == "longtail" and task in {"segment", *SEVERAL, *OWN}
    ):
        assert check_recipe(tree).task.name == task
        return
    with pytest.raises(RecipeError) as refused:
        check_recipe(tree)
    (problem,) = refused.value.problems
    assert re.match(r"recipe: (data\.dataset|model|loss|metrics\.0)", problem.where)
    for part in (repr(name) if kind != "dataset" else "data set '", f"task '{task}'"):
        assert part in problem.what
    if name == "folder" and kind == "dataset" and "objects" in problem.what:  # it can have them, with an option
        assert problem.hint == "Set data.dataset.kind=instances or components."
        return
    if name == "annotated" and kind == "dataset":
        assert problem.hint == "Set data.dataset.kind=labels."
        return
    assert re.fullmatch(r"Use ('\w+'(, | or )?)+(, or task ('\w+'(, | or )?)+)?\.", problem.hint)
    advised = re.findall(r"'(\w+)'", problem.hint.partition("task ")[0])
    assert advised == [
        other for other in shelves(engine)[kind] if other in fitting(engine, task, kind) if other in advised
    ]
    assert name not in advised


@pytest.mark.parametrize(
    ("name", "gives"), [(name, gives) for name in MODELS for gives in words_of(MODELS.declared(name), "gives")]
)
def test_a_model_gives_what_it_declares(name: str, gives: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELWISE_ALLOW", "small_models")
    options = options_of(name)
    if "least_score" in options:
        options = {**options, "least_score": 1e-6}  # so that an untrained model finds something
    model = MODELS.build(name, 3, 5, **options).eval()
    if hasattr(model, "prepare"):
        model.prepare((32, 32), gives)
    with torch.no_grad():
        output = model(torch.zeros(2, 3, 32, 32))
    if gives == "objects":
        assert list(output) == ["objects"]
        assert len(output["objects"]) == 2
        for one in output["objects"]:
            found = len(one["scores"])
            assert found > 0
            shapes = {"boxes": (found, 4), "labels": (found,), "scores": (found,)}
            if name != "faster_rcnn":
                shapes["masks"] = (found, 1, 28, 28)
            assert {key: tuple(one[key].shape) for key in one if key != "size"} == shapes
            assert one["size"] == (32, 32)
            assert 1 <= one["labels"].min() <= one["labels"].max() < 5
            assert (one["boxes"] >= 0).all()
            assert (one["boxes"] <= 32).all()
    else:
        assert output.shape == {"pixel": (2, 5, 32, 32), "picture": (2, 5)}[gives]


@pytest.mark.parametrize("name", SCRATCH["model"])
def test_a_numpy_network_gives_what_it_declares(name: str) -> None:
    output, _ = SCRATCH["model"].build(name, (3, 32, 32), 5, 0, 1).forward(np.zeros((2, 3, 32, 32), np.float32))
    assert output.shape == {"pixel": (2, 5, 32, 32), "picture": (2, 5)}[SCRATCH["model"].declared(name)["gives"]]


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name in METRICS for kind in METRICS.declared(name)["counts"]]
)
def test_a_metric_counts_what_it_declares(name: str, kind: str) -> None:
    metric = METRICS.build(name, INFO)
    metric.update(SAMPLE, PREDICTIONS[kind])
    assert metric.state.any()


@pytest.mark.parametrize("name", TASKS)
def test_a_task_names_defaults_that_fit_it(name: str) -> None:
    claims = TASKS.declared(name)
    assert claims["predicts"] in PREDICTIONS
    assert set(claims["metrics"]) <= set(fitting("torch", name, "metric"))
    if name in SEVERAL:
        assert {head: LOSSES.declared(loss)["takes"] for head, loss in claims["loss"].items()} == claims["heads"]
    elif name not in OWN:
        assert claims["loss"] in fitting("torch", name, "loss")
    scores = [score.name for metric in claims["metrics"] for score in METRICS.build(metric, INFO).scores()]
    assert claims["best"] in scores


@pytest.mark.parametrize("name", TASKS)
def test_the_heads_of_a_task_have_the_forms_that_it_declares(name: str) -> None:
    info = replace(INFO, knows=frozenset({"mask", "objects", "label"}))
    heads = TASKS.build(name, info).heads
    assert {head: made.form for head, made in heads.items()} == TASKS.declared(name)["heads"]


# -- what fits, trains -----------------------------------------------------------------------------------------------


def cover() -> list[Any]:
    """(engine, task, model, loss, metric): each model and each loss that fits a task occurs with it once or more."""
    found = []
    for engine in ENGINES:
        for task in shelves(engine)["task"]:
            models, losses, metrics = (fitting(engine, task, kind) for kind in ("model", "loss", "metric"))
            metrics = [name for name in metrics if name not in TWO_CLASSES]
            if task in SEVERAL:  # with its own losses; a baseline has one head
                models, losses = [name for name in models if name not in COUNTED], [""]
            if task in OWN:
                losses = [""]
            if task in SEVERAL | OWN and engine != "torch":
                continue
            for number in range(max(len(models), len(losses), len(metrics))):
                row = (engine, task, *(names[number % len(names)] for names in (models, losses, metrics)))
                found.append(pytest.param(*row, id=" ".join(row)))
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.mark.parametrize(("engine", "task", "model", "loss", "metric"), cover())
def test_what_fits_trains_two_steps(
    engine: str, task: str, model: str, loss: str, metric: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXELWISE_ALLOW", "small_models")
    tree = tree_of(engine, task, model=model, loss=loss, metric=metric, dataset="scenes")
    narrow = options_of(model) if engine == "torch" else {}
    recipe = check_recipe(
        {
            **tree,
            "data": {"dataset": {"name": "scenes", "size": 32, "train": 4, "val": 2, "test": 0}},
            "model": {"name": model, **narrow},
            "train": {"batch": 2, "phases": [{"steps": 2}], "optimizer": {"name": "sgd", "learning_rate": 1e-3}},
            "hardware": {"device": "cpu", "precision": "fp32"},
        }
    )
    learner_class = engine_named(engine)
    material = open_material(recipe, root=data)
    choices = learner_class.choose(recipe.hardware, memory=data, processes=learner_class.alone())
    learner = learner_class(recipe, build_task(recipe, material.info, material.findings), material.train.size, choices)
    learner.weigh(material.counts)
    learner.equip(material, learner_class.alone(), lambda: False)
    assert (learner.begin(0) > 0) == (model not in COUNTED)
    before = copy.deepcopy(learner.state("best"))
    for step, batch in enumerate(learner.batches(0, skip=0, steps=2)):
        assert all(np.isfinite(pair).all() for pair in learner.step(batch, 1e-3, step).values())
    assert any((before["model"][name] != array).any() for name, array in learner.state("best")["model"].items())
    metrics = build_metrics(recipe, learner.task.info)
    evaluation = evaluate(learner, material.validation, metrics)
    assert all(loss is not None for loss in evaluation.losses.values())
    assert evaluation.scores[0].support > 0
