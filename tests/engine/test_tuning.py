"""Options of decoding that are chosen for a run on pictures that are not scored."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pixelwise.data.cache import CachedSplit
from pixelwise.engine import tuning
from pixelwise.engine.base import Opened
from pixelwise.engine.build import build_metrics
from pixelwise.engine.evaluate import score_recipe
from pixelwise.engine.setup import open_learner
from pixelwise.engine.train import train
from pixelwise.engine.tuning import tune
from pixelwise.errors import RunError
from pixelwise.recipe.load import check_recipe
from pixelwise.run.folder import RunFolder
from pixelwise.tasks.separate import Separate
from pixelwise.types import Score


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, Path]:
    """A run of two steps on drawn scenes."""
    folder = tmp_path_factory.mktemp("tuning")
    recipe = check_recipe(
        {
            "title": "T",
            "task": {"name": "separate", "smallest": 4},
            "data": {"dataset": {"name": "scenes", "size": 32, "train": 6, "val": 3, "test": 0}},
            "model": {"name": "unet", "width": 4, "depth": 2},
            "loss": {"inside": "cross_entropy", "distance": "smooth_l1"},
            "metrics": ["instances"],
            "train": {"batch": 3, "best": "mask_ap", "phases": [{"steps": 2}]},
            "hardware": {"device": "cpu", "precision": "fp32"},
        }
    )
    for _ in train(recipe, folder / "run", data=folder):
        pass
    return RunFolder.open(folder / "run"), folder


@pytest.fixture(autouse=True)
def _untuned(trained: tuple[RunFolder, Path]) -> None:
    """Every test begins with the options of the recipe."""
    (trained[0].path / "tuned.json").unlink(missing_ok=True)


def options_of(run: RunFolder) -> Any:
    task = open_learner(run, device="cpu").task
    assert isinstance(task, Separate)
    return task.cutting


def test_the_choice_is_recorded_and_used_from_then_on(
    trained: tuple[RunFolder, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = trained
    summary, before = run.read("summary"), options_of(run)
    monkeypatch.setattr(Separate, "tunes", ({"threshold": (0.3, 0.5)}, {"smallest": (0, 50), "score": ("inside",)}))
    record = tune(open_learner(run, device="cpu"), pictures=4, data=data)
    assert record["split"] == "train"
    assert record["pictures"] == 4
    assert len(record["tried"]) == 1 + 2 + 1 + 2
    values = [one["value"] for one in record["tried"] if one["value"] is not None]
    assert record["value"] == (max(values) if values else None)
    assert {**vars(before), **record["options"]} == vars(options_of(run))
    assert run.read("summary") == summary
    scored, _ = score_recipe(open_learner(run, device="cpu"), "val", data=data)
    assert scored["tuned"] == record["options"]


def test_a_second_tuning_begins_with_the_recipe_and_chooses_the_same(
    trained: tuple[RunFolder, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = trained

    def scored(
        opened: Opened, split: CachedSplit, chosen: list[int], tasks: list[Separate], *given: Any
    ) -> list[Score]:
        return [Score("mask_ap", 0.7 if task.cutting.threshold == 0.3 else 0.2) for task in tasks]

    monkeypatch.setattr(tuning, "_scored", scored)
    monkeypatch.setattr(Separate, "tunes", ({"threshold": (0.3, 0.6)},))
    for _ in range(2):
        record = tune(open_learner(run, device="cpu"), data=data)
        assert (record["before"], record["value"], record["options"]) == (0.2, 0.7, {"threshold": 0.3})
        assert options_of(run).threshold == 0.3


@pytest.mark.parametrize("best", ["loss", "epoch"])
def test_a_run_whose_best_weights_no_score_chose_is_tuned_by_the_first_score(
    best: str, trained: tuple[RunFolder, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = trained
    opened = open_learner(run, device="cpu")
    train = opened.recipe.train.model_copy(update={"best": best})
    opened = replace(opened, recipe=opened.recipe.model_copy(update={"train": train}))
    monkeypatch.setattr(Separate, "tunes", ({"threshold": (0.3,)},))
    record = tune(opened, pictures=2, data=data)
    (metric,) = build_metrics(opened.recipe, opened.info)
    assert record["metric"] == metric.scores()[0].key
    assert len(record["tried"]) == 2


def test_an_undefined_score_is_below_every_other(
    trained: tuple[RunFolder, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = trained
    values = (None, 3.0, math.nan, 2.0)
    monkeypatch.setattr(
        tuning, "_scored", lambda *given: [Score("count_error", value, higher_is_better=False) for value in values]
    )
    monkeypatch.setattr(Separate, "tunes", ({"threshold": (0.3, 0.4, 0.6)},))
    record = tune(open_learner(run, device="cpu"), data=data)
    assert (record["value"], record["options"]) == (2.0, {"threshold": 0.6})
    assert [one["value"] for one in record["tried"]] == [None, 3.0, None, 2.0]


def test_splits_that_are_scored_are_refused(trained: tuple[RunFolder, Path]) -> None:
    run, data = trained
    with pytest.raises(RunError, match="the split 'val' is scored"):
        tune(open_learner(run, device="cpu"), "val", data=data)


@pytest.mark.parametrize(
    "options", [{"depth": 7.5}, {"depth": "deep"}, {"nonsense": 1}, {"score": "inside_energy ", "depth": 0.1}]
)
def test_a_damaged_record_is_refused_in_a_sentence(trained: tuple[RunFolder, Path], options: dict[str, Any]) -> None:
    run, _ = trained
    file = run.path / "tuned.json"
    kept = file.read_bytes() if file.exists() else None
    file.write_text(json.dumps({"options": options}), encoding="utf-8")
    try:
        with pytest.raises(RunError, match=r"tuned\.json"):
            open_learner(run, device="cpu")
    finally:
        file.unlink()
        if kept is not None:
            file.write_bytes(kept)


def test_the_report_says_what_true_maps_would_score(trained: tuple[RunFolder, Path]) -> None:
    run, _ = trained
    bound = {score["key"]: score["value"] for score in run.read("summary")["splits"]["val"]["upper_bound"]}
    (metric,) = run.read("summary")["splits"]["val"]["metrics"]
    key = metric["scores"][0]["key"]
    assert bound[key] > (metric["scores"][0]["value"] or 0)
    page = run.report_file.read_text(encoding="utf-8")
    assert "Upper bound" in page
    assert "From true maps" in page
