"""From a recipe to the things it names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pixelwise.data.cache import CachedSplit
from pixelwise.engine.base import Processes
from pixelwise.engine.build import build_losses, build_metrics, build_task, open_material
from pixelwise.engine.hardware.device import Choices
from pixelwise.engine.setup import metric_record, setup_record
from pixelwise.engine.torch.learner import TorchLearner
from pixelwise.engine.torch.loader import build_augmentation
from pixelwise.engine.train import _open_together, prepare
from pixelwise.errors import DataError
from pixelwise.losses.weights import median_frequency
from pixelwise.metrics.base import Metric
from pixelwise.metrics.confusion import Confusion
from pixelwise.recipe.schema import Recipe
from pixelwise.run.records.run_schema import Setup
from pixelwise.run.records.values import check_record
from pixelwise.tasks.base import Counts, Task
from pixelwise.tasks.segment import Segment
from pixelwise.types import DatasetInfo

Tiny = Callable[..., Recipe]
MetricsOf = Callable[[str], list[Metric]]


def learner(recipe: Recipe, task: Task) -> TorchLearner:
    return TorchLearner(recipe, task, (32, 32), Choices("cpu", "fp32", "channels_last", False, 1, False))


def test_first_weights_depend_on_the_seed_alone(tiny: Tiny, data: Path) -> None:
    recipe = tiny()
    task = build_task(recipe, open_material(recipe, root=data).info)
    one = learner(recipe, task).model.state_dict()
    before = torch.get_rng_state()
    torch.rand(5)
    same, other = (learner(r, task).model.state_dict() for r in (recipe, tiny("train.seed=1")))
    torch.set_rng_state(before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_the_loss_is_weighted_by_the_pixels_of_the_training_set(tiny: Tiny, data: Path) -> None:
    recipe = tiny("loss={name: cross_entropy, weights: median}")
    material = open_material(recipe, root=data)
    counted = np.bincount(material.train.masks.reshape(-1), minlength=len(material.info.classes))
    assert material.counts.tolist() == counted.tolist()
    losses = build_losses(recipe, build_task(recipe, material.info), material.counts)
    np.testing.assert_allclose(losses["class"].weights, median_frequency(counted))


@pytest.mark.parametrize(
    ("inside", "weighting"),
    [
        ("{name: cross_entropy, weights: median}", "median"),
        ("{name: class_balanced, beta: 0.9}", "class_balanced"),
        ("{name: focal, weights: [1, 2, 1, 1, 1, 1, 1, 1]}", "given"),
        ("cross_entropy", "none"),
    ],
)
def test_the_weighting_is_that_of_the_loss_that_has_the_weights(
    tiny: Tiny, data: Path, inside: str, weighting: str
) -> None:
    recipe = tiny("task=separate", f"loss={{distance: smooth_l1, inside: {inside}}}", "metrics=[instances]")
    material = open_material(recipe, root=data)
    made = learner(recipe, build_task(recipe, material.info))
    made.weigh(material.counts)
    made.equip(material, made.processes, lambda: False)
    record = setup_record(made, material)
    assert record["weighting"] == weighting
    assert record["weights"] == (None if weighting == "none" else {"inside": made.losses["inside"].weights.tolist()})
    check_record(record, Setup, "setup.json")


def test_a_class_that_never_occurs_in_training_is_named(tiny: Tiny, data: Path) -> None:
    labels = tiny(
        "task={name: classify}", "model={name: majority}", "metrics=[accuracy]", "augment=[]", "train.best=accuracy"
    )
    (note,) = (n for n in open_material(labels, root=data).notes if "no training picture" in n)
    assert note.startswith("no training picture has the class")
    assert "'ground'" in note
    assert note.endswith("the weight of the rarest class that occurs.")
    assert not [n for n in open_material(tiny(), root=data).notes if "no training picture" in n]


def test_the_training_pictures_are_counted_once(tiny: Tiny, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    count = Segment.counts

    def counting(self: Segment, split: CachedSplit) -> Counts:
        counted.append(split.split)
        return count(self, split)

    monkeypatch.setattr(Segment, "counts", counting)
    parts = prepare(tiny(), data=data)
    assert counted == ["train"]

    class Second(Processes):
        """The second of two processes: the first one has found and counted."""

        def from_first(self, make: Callable[[], Any]) -> Any:
            return parts.material.findings, parts.material.counts

    made = _open_together(tiny(), data, Second(rank=1, count=2), None)
    assert counted == ["train"]
    assert made.train.key == parts.material.train.key
    assert made.counts is parts.material.counts


def test_a_split_that_is_not_there_is_refused(tiny: Tiny, data: Path) -> None:
    with pytest.raises(DataError, match=r"scenes: unknown split 'val'; it has train"):
        open_material(tiny("data.dataset.val=0", "data.dataset.test=0"), root=data)
    with pytest.raises(DataError, match=r"unknown split 'tets'.*Did you mean 'test'\?"):
        open_material(tiny("data.validation=tets"), root=data)


def test_a_recipe_without_augmentation(tiny: Tiny, data: Path) -> None:
    recipe = tiny("augment=[]")
    assert build_augmentation(recipe, open_material(recipe, root=data).info) is None


def test_the_record_of_the_model_adds_up(tiny: Tiny, data: Path) -> None:
    recipe = tiny()
    task = build_task(recipe, open_material(recipe, root=data).info)
    made = learner(recipe, task)
    model, record = made.model, made.describe()
    assert record["input"] == [3, 32, 32]
    assert record["parameters"] == sum(p.numel() for p in model.parameters())
    assert record["parameters"] == sum(row["parameters"] for row in record["layers"])
    assert record["layers"][0]["in_channels"] == 3


class Asking(Confusion):
    needs = ("probability",)


def asking(info: DatasetInfo) -> Asking:
    """A metric whose builder declares nothing."""
    return Asking(info, "ignore")


@pytest.fixture
def metrics_of(tiny: Tiny, data: Path, monkeypatch: pytest.MonkeyPatch) -> MetricsOf:
    """The metrics that a recipe lists, of this module too."""

    def build_them(listed: str) -> list[Metric]:
        monkeypatch.setenv("PIXELWISE_ALLOW", __name__)
        recipe = tiny(f"metrics={listed}")
        return build_metrics(recipe, open_material(recipe, root=data).info)

    return build_them


def test_a_metric_asks_for_what_it_needs_by_itself_or_by_its_declaration(metrics_of: MetricsOf) -> None:
    metrics = metrics_of(f"['{__name__}:asking', confusion]")
    assert [(one.counts, one.needs) for one in metrics] == [((), ("probability",)), (("class_map",), ())]


class Accuracy(Confusion):
    """A metric from outside, whose class is called as one of pixelwise's own."""

    ranks_by = "the worst class of that picture"


def accuracy(info: DatasetInfo) -> Accuracy:
    return Accuracy(info, "ignore")


def test_metrics_are_recorded_by_their_name_in_the_recipe(metrics_of: MetricsOf) -> None:
    listed = f"[average_precision, '{__name__}:accuracy', '{__name__}:asking']"
    records = [metric_record(one) for one in metrics_of(listed)]
    assert [(record["name"], record["ranks_by"]) for record in records] == [
        ("average_precision", "the mean AP over the pixels of that picture alone"),
        (f"{__name__}:accuracy", "the worst class of that picture"),
        (f"{__name__}:asking", Confusion.ranks_by),
    ]
