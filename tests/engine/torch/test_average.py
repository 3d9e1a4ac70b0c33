"""The moving average of weights: against a loop in float64, in checkpoints, validation, resume and prediction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pixelwise.engine.base import Processes
from pixelwise.engine.build import build_metrics, open_material
from pixelwise.engine.evaluate import evaluate
from pixelwise.engine.setup import open_learner
from pixelwise.engine.torch.average import Average
from pixelwise.engine.torch.learner import TorchLearner
from pixelwise.engine.train import resume, train
from pixelwise.errors import RecipeError, RunError
from pixelwise.predict.predictor import Predictor
from pixelwise.recipe.load import as_yaml, load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.events import EpochDone, StepDone
from pixelwise.run.folder import RunFolder

Tiny = Callable[..., Recipe]
SMALL = ("model.width=2", "model.depth=1", "train.phases=[{epochs: 2, freeze: [down]}, {epochs: 1}]", "train.ema=0.4")


@pytest.fixture(scope="module")
def averaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("averaged") / "run"


@pytest.fixture
def run(averaged: Path, tiny: Tiny, data: Path) -> Path:
    if not averaged.exists():
        list(train(tiny(*SMALL, "train.best=epoch"), averaged, data=data))
    return averaged


def parts(run: Path, which: str, *names: str) -> dict[str, dict[str, Any]]:
    return load_checkpoint(run / which, *names)[0]


def test_the_average_is_the_loop_written_out() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    average, decay = Average(model, 0.5), 0.5
    wanted = {name: t.double().clone() for name, t in model.state_dict().items() if t.is_floating_point()}
    for count in range(1, 31):
        model(torch.randn(2, 3, 8, 8))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.1 * torch.randn(parameter.shape)
        average.update(model, count)
        kept = min(decay, (1 + count) / (10 + count))
        for name, value in wanted.items():
            wanted[name] = kept * value + (1 - kept) * model.state_dict()[name].double()
    for name, value in wanted.items():
        torch.testing.assert_close(average.state[name].double(), value, rtol=0, atol=1e-6, msg=name)
    assert average.state["1.num_batches_tracked"] == 30


def test_what_does_not_change_stays_equal_to_the_bit() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(50, 50), nn.BatchNorm1d(50))
    average, before = Average(model, 0.999), {name: t.clone() for name, t in model.state_dict().items()}
    for count in range(1, 40):
        average.update(model, count)
    assert all(torch.equal(average.state[name], value) for name, value in before.items())


class Tied(nn.Module):
    """Two names for one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(2, 2), nn.Linear(2, 2)
        self.two.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.two(self.one(x))
        return made


def test_inside_the_model_is_the_average_and_afterwards_itself_also_after_an_error() -> None:
    model = Tied()
    average = Average(model, 0.9)
    with torch.no_grad():
        model.one.weight += 1
    own = {name: t.clone() for name, t in model.state_dict().items()}
    seen = []

    def fail() -> None:
        with average.inside(model):
            seen.append(all(torch.equal(t, average.state[name]) for name, t in model.state_dict().items()))
            raise ValueError("in between")

    with pytest.raises(ValueError, match="in between"):
        fail()
    assert seen == [True]
    assert all(torch.equal(t, own[name]) for name, t in model.state_dict().items())
    assert not torch.equal(average.state["one.weight"], own["one.weight"])


def test_best_and_scores_are_of_the_average_and_last_keeps_both(run: Path, tiny: Tiny, data: Path) -> None:
    last, best = parts(run, "last", "model", "optimizer", "ema"), parts(run, "best", "model")
    assert last["ema"].keys() == last["model"].keys()
    assert all(np.array_equal(best["model"][name], value) for name, value in last["ema"].items())
    assert any(not np.array_equal(best["model"][name], value) for name, value in last["model"].items())
    recipe, material = load_recipe(str(run / "recipe.yaml")), open_material(tiny(*SMALL), root=data)
    opened = open_learner(RunFolder.open(run))
    opened.learner.weigh(material.counts)
    found = evaluate(opened.learner, material.validation, build_metrics(recipe, material.info))
    epoch = [e for e in RunFolder.open(run).events() if isinstance(e, dict) and e.get("event") == "epoch"][-1]
    assert epoch["validation"] == found.losses
    assert epoch["scores"] == {score.key: score.value for score in found.scores}


def test_prediction_is_by_the_average_whichever_checkpoint(run: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    best, last = (Predictor.open(run, checkpoint=which).predict(picture) for which in ("best", "last"))
    assert np.array_equal(best.confidence, last.confidence)


@pytest.mark.parametrize("step", [2, 4, 8])
def test_resume_ends_in_the_same_bytes(step: int, run: Path, tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe = tiny(*SMALL, "train.best=epoch")
    events = train(recipe, tmp_path / "run", data=data)
    for event in events:
        if isinstance(event, StepDone) and event.step == step:
            events.close()
            break
    list(resume(tmp_path / "run", data=data))
    for which in ("last", "best"):
        there, here = (sorted((one / which).glob("*.safetensors")) for one in (run, tmp_path / "run"))
        assert [(f.name, f.read_bytes()) for f in there] == [(f.name, f.read_bytes()) for f in here]


def test_the_average_changes_nothing_of_what_is_trained(run: Path, tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe = tiny(*SMALL, "train.best=epoch", "train.ema=null")
    losses = [e.train for e in train(recipe, tmp_path / "plain", data=data) if isinstance(e, EpochDone)]
    assert losses == [e["train"] for e in RunFolder.open(run).events() if e.get("event") == "epoch"]
    plain = parts(tmp_path / "plain", "last", "model", "optimizer")
    for part, arrays in parts(run, "last", "model", "optimizer").items():
        assert all(np.array_equal(plain[part][name], value) for name, value in arrays.items())
    with pytest.raises(RunError, match="has no 'ema'"):
        parts(tmp_path / "plain", "last", "ema")


def test_weights_of_another_run_are_the_first_average(run: Path, tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe = tiny(*SMALL)
    events = train(recipe, tmp_path / "run", data=data, from_run=run)
    next(events)
    events.close()
    last, best = parts(tmp_path / "run", "last", "model", "ema"), parts(run, "best", "model")["model"]
    assert all(np.array_equal(last[part][name], best[name]) for part in last for name in best)
    list(resume(tmp_path / "run", data=data))
    list(train(recipe, tmp_path / "whole", data=data, from_run=run))
    there, here = (parts(tmp_path / one, "last", "ema")["ema"] for one in ("run", "whole"))
    assert all(np.array_equal(there[name], here[name]) for name in there)


def test_a_damaged_average_is_refused(run: Path, tiny: Tiny, data: Path) -> None:
    recipe, material = tiny(*SMALL), open_material(tiny(*SMALL), root=data)
    learner = open_learner(RunFolder.open(run)).learner
    assert isinstance(learner, TorchLearner)
    learner.recipe = recipe
    learner.equip(material, Processes(), lambda: False)
    found = parts(run, "last", "model", "ema")
    found["ema"] = {name: value for name, value in found["ema"].items() if "classifier" not in name}
    with pytest.raises(RunError, match=r"'classifier.*is missing"):
        learner.load(found, where="last")


@pytest.mark.parametrize(
    ("name", "word", "said"),
    [
        ("quickstart", "train.ema=1.0", "less than 1"),
        ("quickstart", "train.ema=0", "greater than 0"),
        ("quickstart", "train.ema_decay=0.9", "Did you mean 'train.ema'"),
        ("scenes/scratch_fcn", "train.ema=0.99", "train.ema: read 0.99; the NumPy network does not average"),
    ],
)
def test_what_check_refuses(name: str, word: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        load_recipe(name, [word])


def test_a_recipe_without_an_average_is_written_as_before() -> None:
    assert "ema" not in load_recipe("quickstart", ["train.ema=null"]).model_dump()["train"]
    assert "ema: 0.9\n" in as_yaml(load_recipe("quickstart", ["train.ema=0.9"]))


@pytest.mark.parametrize("word", ["train.ema=0.4", "train.accumulate=2"])
def test_a_model_without_weights_has_none_to_average(word: str, data: Path, tmp_path: Path) -> None:
    words = (
        "model=pixel_frequency",
        "hardware.precision=fp32",
        "data.dataset={name: scenes, size: 32, train: 8, val: 4}",
    )
    key = word.partition("=")[0].replace(".", r"\.")
    with pytest.raises(
        RecipeError, match=f"{key}: has no effect: the model 'pixel_frequency' has no weights that learn"
    ):
        next(train(load_recipe("quickstart", [*words, word]), tmp_path / "run", data=data))
