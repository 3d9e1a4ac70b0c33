"""The learning-rate range test: what it reads off known losses, on both engines, and that it leaves nothing behind."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import combinations, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from command_line import run_command, said
from pixelwise.engine.rates import BETA, longest_fall, spread_rates, try_rates
from pixelwise.errors import RecipeError, TrainingError
from pixelwise.recipe.load import as_yaml, load_recipe
from pixelwise.recipe.schema import Recipe

Tiny = Callable[..., Recipe]
SMALL = ("model.width=2", "model.depth=1", "train.phases=[{epochs: 1}, {epochs: 1, freeze: [down]}]")


class Told:
    """A learner whose loss is a known function of the rate; four updates an epoch."""

    def __init__(self, loss: Callable[[float], float]) -> None:
        self.loss, self.seen = loss, []

    def begin(self, phase: int) -> int:
        return 1

    def computing(self) -> Any:
        return nullcontext()

    def batches(self, epoch: int, *, skip: int, steps: int) -> Iterator[tuple[int, int]]:
        yield from ((epoch, n) for n in range(skip, min(steps, 4)))

    def step(self, batch: tuple[int, int], rate: float, step: int) -> dict[str, tuple[float, float]]:
        self.seen.append((*batch, step))
        if not math.isfinite(value := self.loss(rate)):
            raise TrainingError("the loss became nan.")
        return {"one": (value, 2.0), "other": (value, 2.0), "none": (0.0, 0.0)}


def outcome_of(loss: Callable[[float], float], first: float = 1e-5, last: float = 1.0, count: int = 101) -> Any:
    recipe = SimpleNamespace(train=SimpleNamespace(phases=(None,)), model=SimpleNamespace(name="told"))
    learner = Told(loss)
    parts: Any = SimpleNamespace(learner=learner, recipe=recipe, length=SimpleNamespace(per_epoch=4))
    return try_rates(parts, 0, spread_rates(first, last, count)), learner


def test_rates_grow_by_one_factor() -> None:
    rates = spread_rates(1e-5, 1.0, 11)
    assert (rates[0], rates[-1]) == (1e-5, pytest.approx(1.0))
    np.testing.assert_allclose(np.diff(np.log10(rates)), 0.5)


def test_a_valley_is_found_and_a_tenth_of_its_rate_suggested() -> None:
    found, learner = outcome_of(lambda rate: 0.5 + (math.log10(rate) + 2) ** 2)
    losses, average, smooth = [one.loss for one in found.tried], 0.0, []
    for count, loss in enumerate(losses, start=1):
        average = BETA * average + (1 - BETA) * loss
        smooth.append(average / (1 - BETA**count))
    assert [one.smooth for one in found.tried] == pytest.approx(smooth)
    assert losses[0] == pytest.approx(0.5 + 9)  # both terms, each divided by its own denominator
    place = int(np.argmin(smooth))
    fall = place + 1  # every loss up to the lowest one is below the one before
    assert found.suggestion == pytest.approx(found.tried[place - fall // 2].rate)
    assert found.ended == "grown"
    assert smooth[-1] > 4 * min(smooth) >= smooth[-2]
    slopes = np.gradient(smooth)
    assert found.steepest.rate == found.tried[1 + int(np.argmin(slopes[1:place]))].rate
    assert learner.seen[:6] == [(0, 0, 0), (0, 1, 1), (0, 2, 2), (0, 3, 3), (1, 0, 4), (1, 1, 5)]


def test_the_longest_fall_is_that_of_all_subsequences() -> None:
    draw = np.random.default_rng(0)
    for _ in range(40):
        values = draw.integers(0, 6, 9).astype(float).tolist()
        falls = [
            places
            for size in range(1, 10)
            for places in combinations(range(9), size)
            if all(values[a] > values[b] for a, b in pairwise(places))
        ]
        longest = max(map(len, falls))
        assert longest_fall(values) == (min(p[-1] for p in falls if len(p) == longest), longest)


def test_a_loss_that_is_not_finite_ends_the_test() -> None:
    found, _ = outcome_of(lambda rate: 2.0 - rate**0.1 if rate < 0.1 else math.nan)
    assert found.ended == "not finite"
    assert found.tried[-1].rate < 0.1
    assert found.suggestion == pytest.approx(found.tried[len(found.tried) - 1 - len(found.tried) // 2].rate)
    with pytest.raises(TrainingError, match="became nan"):
        outcome_of(lambda rate: math.nan)


def test_a_loss_that_only_falls_is_remarked() -> None:
    found, _ = outcome_of(lambda rate: -math.log10(rate))
    assert (found.ended, len(found.tried)) == ("all", 101)
    assert "still falling at the largest rate" in found.remark


def test_a_loss_that_only_grows_has_no_suggestion() -> None:
    found, _ = outcome_of(lambda rate: 1 + rate)
    assert found.suggestion is None
    assert "has not fallen" in found.remark


# -- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def recipe_file(tiny: Tiny, tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    file.write_text(as_yaml(tiny(*SMALL)))
    return file


def test_the_command_suggests_and_leaves_nothing(
    recipe_file: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("find-lr", recipe_file, "--data", data, "--steps", 30, "--lowest-rate", 1e-4, "--highest-rate", 10)
    code, out, err = said(capsys, *words, "--json")
    assert code == 0, err
    record = json.loads(out)
    assert record["key"] == "train.optimizer.learning_rate"
    assert [one["rate"] for one in record["tried"]] == pytest.approx(spread_rates(1e-4, 10, 30)[: len(record["tried"])])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.yaml"]
    code, out, err = said(capsys, *words, "--out", "found")
    assert code == 0, err
    assert "suggestion  train.optimizer.learning_rate=" in out
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == ["find-lr.json", "find-lr.svg"]
    kept = json.loads((tmp_path / "found" / "find-lr.json").read_text())
    assert {**kept, "files": {}} == {**record, "files": {}}  # the same rates give the same losses
    assert "</svg>" in (tmp_path / "found" / "find-lr.svg").read_text()
    code, _, err = said(capsys, *words, "--out", "found")
    assert code == 2
    assert "is there already" in err


def test_another_phase_has_its_own_frozen_parts_and_key(
    recipe_file: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("find-lr", recipe_file, "train.phases.1.learning_rate=0.1", "--data", data, "--steps", 10, "--json")
    code, out, err = said(capsys, *words, "--phase", 1)
    assert code == 0, err
    assert json.loads(out)["key"] == "train.phases.1.learning_rate"
    code, _, err = said(capsys, *words, "--phase", 2)
    assert code == 2
    assert "--phase: read 2; the recipe has the phases 0 to 1." in err


def test_it_starts_from_a_run_as_a_training_does(
    recipe_file: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("train", recipe_file, "--data", data, "--out", tmp_path / "run") == 0
    words = ("find-lr", recipe_file, "--data", data, "--steps", 10, "--json")
    losses = []
    for more in ((), ("--from", tmp_path / "run")):
        capsys.readouterr()
        code, out, err = said(capsys, *words, *more)
        assert code == 0, err
        losses.append(json.loads(out)["tried"][0]["loss"])
    assert losses[1] < losses[0]  # the run has learnt something


def test_the_numpy_network_has_rates_too(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("data.dataset={name: scenes, size: 32, train: 20, val: 6}", "model.width=3", "model.depth=2")
    code, out, err = said(capsys, "find-lr", "scenes/scratch_fcn", *words, "--data", data, "--steps", 12, "--json")
    assert code == 0, err
    assert len(json.loads(out)["tried"]) <= 12


def test_a_model_without_an_optimizer_is_refused(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "model=pixel_frequency",
        "data.dataset={name: scenes, size: 32, train: 8, val: 4}",
        "hardware.precision=fp32",
    )
    code, _, err = said(capsys, "find-lr", "quickstart", *words, "--data", data)
    assert code == 2
    assert "the model 'pixel_frequency' has no weights that an optimizer changes, so it needs no learning rate." in err


@pytest.mark.parametrize("rates", [("0", "1"), ("1", "0.1"), ("nan", "1"), ("1e-3", "inf")])
def test_other_rates_are_refused(rates: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "find-lr", "quickstart", "--lowest-rate", rates[0], "--highest-rate", rates[1])
    assert code == 2
    assert "the lowest rate must be above 0 and below the highest one" in err


def test_a_recipe_that_is_not_sound_is_refused_before_anything(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RecipeError, match="unknown model 'unett'"):
        load_recipe("quickstart", ["model=unett"])
    code, _, err = said(capsys, "find-lr", "quickstart", "model=unett")
    assert code == 2
    assert "unknown model 'unett'" in err
