"""Parts from outside the package, declared and undeclared: those of docs/extending.md, one file each and nothing registered."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pixelwise.engine.train import train
from pixelwise.errors import PixelwiseError, RecipeError
from pixelwise.recipe.load import check_recipe
from pixelwise.run.events import EpochDone
from pixelwise.yaml_text import parse_text

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
FILES = dict(
    re.findall(r"^```\{code-block\} \w+\n:caption: (\S+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
)
TREE: dict[str, Any] = parse_text(FILES["mine.yaml"], "mine.yaml")
MISFITS = {  # changes to the page's recipe that do not fit, and the place that is named
    "model": ({"model": "my_nets:per_picture"}, "model"),
    "task": ({"task": "classify"}, "model"),
    "data set": ({"data": {"dataset": "cifar10"}}, "data.dataset"),
    "loss": ({"loss": "my_losses:of_values"}, "loss"),
    "metric": ({"metrics": ["accuracy"]}, "metrics.0"),
}
MORE = {  # builders that do not fit
    "my_nets.py": """

@declares(gives="picture")
def per_picture(in_channels: int, out_channels: int) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_channels, out_channels))
""",
    "my_losses.py": """

@declares(takes="values")
def of_values(counts: NDArray[np.int64]) -> Loss:
    return OfValues()


class OfValues(Loss):
    def forward(self, scores: Tensor, target: Tensor) -> Term:
        return Term((scores - target).abs().sum(), target.numel())
""",
}


def undeclared(source: str) -> str:
    """The same file without its `@declares(...)`."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        for decorator in getattr(node, "decorator_list", ()):
            if "declares" in ast.unparse(decorator):
                lines[decorator.lineno - 1 : decorator.end_lineno] = [""] * (
                    decorator.end_lineno - decorator.lineno + 1
                )
    return "\n".join(lines)


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's files as `my_...`, and without declarations as `bare_...`."""
    for name, text in FILES.items():
        if name.endswith(".py"):
            text += MORE.get(name, "")
            (tmp_path / name).write_text(text)
            (tmp_path / name.replace("my_", "bare_")).write_text(undeclared(text).replace("my_", "bare_"))
    monkeypatch.syspath_prepend(tmp_path)
    names = ["my_data", "my_nets", "my_losses", "my_metrics", "my_tasks", "my_two", "bare_colours"]
    monkeypatch.setenv("PIXELWISE_ALLOW", ",".join([*names, *(name.replace("my_", "bare_") for name in names)]))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition("_")[0] in ("my", "bare")]:
        del sys.modules[name]


def bare(tree: dict[str, Any]) -> dict[str, Any]:
    named = {"metrics": ["confusion", "my_metrics:mean_confidence"], **tree}
    plain = json.loads(json.dumps(named).replace("my_", "bare_"))
    return {**plain, "train": {**plain["train"], "best": "mean_iou"}}


def test_every_builder_declares_what_fits_or_nothing(parts: Path) -> None:
    check_recipe(TREE)
    check_recipe(bare(TREE))
    assert not [name for name in sys.modules if name.startswith(("my_", "bare_"))]


@pytest.mark.parametrize("what", MISFITS)
def test_a_declared_misfit_is_refused_by_check(parts: Path, what: str) -> None:
    change, where = MISFITS[what]
    with pytest.raises(RecipeError) as refused:
        check_recipe({**TREE, **change})
    assert where in [problem.where.removeprefix("recipe: ") for problem in refused.value.problems]


@pytest.mark.parametrize("what", ["model", "loss", "metric"])
def test_an_undeclared_misfit_is_refused_before_there_is_a_run(parts: Path, what: str) -> None:
    recipe = check_recipe(bare({**TREE, **MISFITS[what][0], "metrics": MISFITS[what][0].get("metrics", ["confusion"])}))
    with pytest.raises(PixelwiseError):
        list(train(recipe, parts / "run", data=parts / "data"))
    assert not (parts / "run").exists()


def test_a_metric_never_counts_another_kind_than_it_declares(parts: Path) -> None:
    coloured = undeclared((PAGE.parents[1] / "src/pixelwise/tasks/colourize.py").read_text(encoding="utf-8"))
    (parts / "bare_colours.py").write_text(coloured)
    recipe = check_recipe(
        {**bare(TREE), "task": {"name": "bare_colours:colourize", "colours": 3}, "metrics": ["confusion"]}
    )
    with pytest.raises(
        RecipeError, match="metric 'confusion' counts class_map, but task 'bare_colours:colourize' predicts"
    ):
        list(train(recipe, parts / "run", data=parts / "data"))
    assert not (parts / "run").exists()


@pytest.mark.parametrize("prefix", ["my", "bare"])
def test_they_train_together(parts: Path, prefix: str) -> None:
    """A metric that needs probabilities says so itself; undeclared, it has no confidence to count and is refused."""
    tree = TREE if prefix == "my" else {**bare(TREE), "metrics": ["confusion"]}
    list(train(check_recipe(tree), parts / "run", data=parts / "data"))
    summary = json.loads((parts / "run" / "summary.json").read_text(encoding="utf-8"))
    names = {score["name"]: score["value"] for m in summary["splits"]["val"]["metrics"] for score in m["scores"]}
    assert names["mean_iou"] is not None
    assert prefix == "bare" or 1 / 3 <= names["mean_confidence"] <= 1


def test_a_task_from_outside_runs_on_the_numpy_engine_too(parts: Path) -> None:
    tree = {**TREE, "engine": "scratch", "model": {"name": "fcn", "width": 4, "depth": 1}, "loss": "cross_entropy"}
    tree = {**tree, "hardware": {}, "train": {**TREE["train"], "optimizer": "sgd"}}
    list(train(check_recipe(tree), parts / "run", data=parts / "data"))
    assert "mean_confidence" in (parts / "run" / "summary.json").read_text(encoding="utf-8")


TWO_HEADS = '''
import numpy as np
import torch
from scipy import ndimage

from my_tasks import Interior
from pixelwise.losses.base import Loss, Term
from pixelwise.shelf import declares
from pixelwise.tasks.base import Head, Reduction


class TwoHeads(Interior):
    """Classes, and beside them the distance to the nearest border."""

    def __init__(self, info):
        super().__init__(info)
        self.heads = {**self.heads, "distance": Head("values", 1, (Reduction("my_two:as_it_is"),))}

    def encode(self, sample):
        found = super().encode(sample)
        inside = found["class"] >= 0
        return {**found, "distance": ndimage.distance_transform_edt(inside).astype(np.float32)[None]}

    def decode(self, reduced):
        distance = reduced["distance"]["my_two:as_it_is"]
        assert distance.shape == (1, *reduced["class"]["winner"].shape)
        return super().decode(reduced)


class Absolute(Loss):
    def forward(self, scores, target):
        return Term((scores - target).abs().sum(), torch.tensor(float(target.numel())))


@declares(takes="values")
def absolute(counts):
    """The mean absolute error."""
    return Absolute()


def as_it_is(scores):
    """(B, K, ...) float32: the values themselves."""
    return scores.float().cpu().numpy()


@declares(
    predicts="class_map",
    heads={"class": "categories", "distance": "values"},
    per="pixel",
    knows="mask",
    loss={"class": "cross_entropy", "distance": "my_two:absolute"},
    metrics=("confusion",),
    best="mean_iou",
)
def two_heads(info):
    """Two heads and a loss for each."""
    return TwoHeads(info)
'''


def test_a_second_head_with_its_loss_and_reduction_is_one_file(parts: Path) -> None:
    (parts / "my_two.py").write_text(TWO_HEADS)
    tree = {key: value for key, value in TREE.items() if key != "loss"} | {"task": "my_two:two_heads"}
    events = list(train(check_recipe(tree), parts / "run", data=parts / "data"))
    losses = next(event.validation for event in events if isinstance(event, EpochDone))
    assert set(losses) == {"loss", "class", "distance"}
    assert losses["loss"] == pytest.approx(losses["class"] + losses["distance"])
    (problem,) = refused({**tree, "loss": "focal"})
    assert "loss 'focal' takes categories, but head 'distance' of task 'my_two:two_heads' gives values" in problem


def refused(tree: dict[str, Any]) -> list[str]:
    with pytest.raises(RecipeError) as error:
        check_recipe(tree)
    return [str(problem) for problem in error.value.problems]
