"""Parts from outside the package that do something else than they should: one clear line each, and no run folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pixelwise.engine.train import train
from pixelwise.errors import PixelwiseError, RecipeError
from pixelwise.losses.base import Loss, Term
from pixelwise.metrics.base import ClassRow, Metric
from pixelwise.recipe.schema import Recipe
from pixelwise.types import Score

Tiny = Callable[..., Recipe]


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """This module may be imported where a recipe names it."""
    monkeypatch.setenv("PIXELWISE_ALLOW", __name__)


class Returning(nn.Module):
    """A convolution whose output is changed by `change`."""

    def __init__(self, inputs: int, outputs: int, change: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.layer = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.change = change

    def forward(self, x: torch.Tensor) -> object:
        return self.change(self.layer(x))


CHANGES: dict[str, Callable[[torch.Tensor], object]] = {
    "a tuple": lambda y: (y, y),
    "none": lambda y: None,
    "another name": lambda y: {"out": y},
    "the head's name": lambda y: {"aux": y.mean(), "class": y},
    "no tensor": lambda y: {"class": None},
    "half the size": lambda y: y[..., ::2, ::2],
    "one picture": lambda y: y[:1],
    "nan": lambda y: y * float("nan"),
    "nan in the gradient": lambda y: y + (y * 0).abs().sqrt() * 1e-3,
    "raises": lambda y: y + undefined,  # type: ignore[name-defined] # noqa: F821
}


def returning(in_channels: int, out_channels: int, *, what: str) -> nn.Module:
    return Returning(in_channels, out_channels, CHANGES[what])


class Nothing(nn.Module):
    """A model without parameters."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(1, keepdim=True).expand(-1, self.outputs, -1, -1)


def without_parameters(in_channels: int, out_channels: int) -> nn.Module:
    return Nothing(out_channels)


def no_model(in_channels: int, out_channels: int) -> object:
    return object()


def raising(in_channels: int, out_channels: int) -> nn.Module:
    raise OSError("weights not found")


def plain_sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=1e-3)


def no_optimizer(model: nn.Module, *, learning_rate: float = 1e-3) -> None:
    return None


class Wrong(Loss):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, scores: torch.Tensor, target: torch.Tensor) -> Term:
        each = scores.square().mean((1, 2, 3))
        if self.kind == "vector":
            return Term(each, torch.ones(len(each)))
        if self.kind == "number":
            return Term(each.sum(), len(each))  # type: ignore[arg-type]
        return each.sum()  # type: ignore[return-value]


def wrong(counts: object, *, kind: str) -> Loss:
    return Wrong(kind)


def words(epochs: float) -> Callable[[float], object]:
    return lambda epoch: "fast"


def negative(epochs: float) -> Callable[[float], float]:
    return lambda epoch: 1 - 2 * epoch


class Raising(Metric):
    """A metric that raises where `at` says."""

    def __init__(self, at: str) -> None:
        self.at = at
        self.state = np.zeros(1, np.int64)

    def per_class(self) -> list[ClassRow]:
        return []

    def figures(self) -> dict[str, Any]:
        return {}

    def update(self, sample: object, prediction: object) -> None:
        self._maybe("update")

    def scores(self) -> list[Score]:
        self._maybe("scores")
        return [Score("mean_iou", 0.5, {}, 1)]

    def sample_score(self, sample: object, prediction: object) -> float | None:
        self._maybe("sample_score")
        return 0.0

    def _maybe(self, place: str) -> None:
        if self.at == place:
            raise ZeroDivisionError("nothing was counted")


def counting(info: object, *, at: str) -> Metric:
    return Raising(at)


def torn(fill: int) -> Callable[..., object]:
    def augment(*given: object) -> object:
        raise IndexError("no such row")

    return augment


NOT_COUNTED = "metric 'HERE:counting': raised ZeroDivisionError: nothing was counted"
LINES = {
    "model={name: HERE:returning, what: a tuple}": "the model returns a tuple of 2; the task needs one tensor, or a map",
    "model={name: HERE:returning, what: none}": "the model returns None; the task needs one tensor",
    "model={name: HERE:returning, what: another name}": "the model returns a map with 'out'; the task needs 'class'",
    "model={name: HERE:returning, what: no tensor}": "the model returns None for 'class'; scores must be a tensor",
    "model={name: HERE:returning, what: half the size}": "the task needs scores for each pixel, (B, 7, 32, 32)",
    "model={name: HERE:returning, what: one picture}": "a batch of 2 pictures needs as many rows of scores",
    "model={name: HERE:returning, what: nan}": "the first update is not finite: the loss 'class' became nan",
    "model={name: HERE:returning, what: nan in the gradient}": "first update is not finite: the weights are no",
    "model={name: HERE:returning, what: raises}": "NameError: name 'undefined' is not defined (test_outside_faults.py, line",
    "model=HERE:no_model": "'HERE:no_model' made object, which is not a torch.nn",
    "model=HERE:raising": "model 'HERE:raising': raised OSError: weights not found (test_outside_faults.py",
    "train.optimizer=HERE:no_optimizer": "'HERE:no_optimizer' made NoneType, which is not a torch.optim",
    "loss={name: HERE:wrong, kind: vector}": "returns a numerator of shape (2,); it must be a tensor with one number",
    "loss={name: HERE:wrong, kind: number}": "returns a denominator of type int; it must be a tensor with one number",
    "loss={name: HERE:wrong, kind: tensor}": "returns Tensor; a loss must return a Term of two numbers",
    "train.schedule=HERE:words": "schedule 'HERE:words': gives 'fast' after 0 epochs; a factor of the learning",
    "train.schedule=HERE:negative": "schedule 'HERE:negative': gives -1 after 1 epochs",
    "metrics=[{name: HERE:counting, at: scores}]": NOT_COUNTED,
    "metrics=[{name: HERE:counting, at: update}]": NOT_COUNTED,
    "metrics=[{name: HERE:counting, at: sample_score}]": NOT_COUNTED,
    "augment=[HERE:torn]": "IndexError: no such row (test_outside_faults.py, line",
}


@pytest.mark.parametrize("word", LINES)
def test_a_part_that_does_something_else_is_refused_in_one_line(
    word: str, tiny: Tiny, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(PixelwiseError) as refused:
        list(train(tiny(word.replace("HERE", __name__)), tmp_path / "run", data=data))
    said = str(refused.value)
    assert LINES[word].replace("HERE", __name__) in said
    assert "\n" not in said
    assert not (tmp_path / "run").exists()


def test_an_optimizer_without_a_learning_rate_is_refused_by_check(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="has no option 'learning_rate', and this phase gives none"):
        tiny(f"train.optimizer={__name__}:plain_sgd")
    recipe = tiny(f"train.optimizer={__name__}:plain_sgd", "train.phases=[{epochs: 1, learning_rate: 0.01}]")
    assert list(train(recipe, tmp_path / "run", data=data))[-1].reason == "complete"


@pytest.mark.parametrize("model", ["{name: HERE:returning, what: the head's name}", "HERE:without_parameters"])
def test_maps_by_head_and_models_without_parameters_train(model: str, tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe = tiny(f"model={model.replace('HERE', __name__)}", "train.phases.0.epochs=1")
    assert list(train(recipe, tmp_path / "run", data=data))[-1].reason == "complete"
