"""A run whose recipe has an option under its earlier name opens, resumes and compares as one of today."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pixelwise.compare.runs import compare_runs
from pixelwise.engine.setup import open_learner
from pixelwise.engine.train import resume, train
from pixelwise.errors import RecipeError, RunError
from pixelwise.recipe.load import check_recipe, load_recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.events import StepDone
from pixelwise.run.folder import RunFolder
from pixelwise.run.identity import run_key
from small_models import ENCODER

WORDS = (
    *("data.dataset={name: scenes, size: 32, train: 4, val: 2}", "train.batch=2", "gallery=1"),
    *("train.phases=[{epochs: 2}]", "hardware={device: cpu, precision: fp32, threads: 1}"),
)
PROBE = f"model={{name: linear_probe, encoder: '{ENCODER}', %s: batch}}"


@pytest.fixture(autouse=True)
def _allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELWISE_ALLOW", "small_models")


def with_earlier_name(run: Path) -> None:
    """Rewrite a run's files as they were written before the option was renamed."""
    recipe, setup = run / "recipe.yaml", run / "setup.json"
    text = recipe.read_text(encoding="utf-8")
    assert text.count("standardise: batch") == 1
    recipe.write_text(text.replace("standardise: batch", "norm: batch"), encoding="utf-8")
    kept = json.loads(setup.read_text(encoding="utf-8"))
    kept["recipe"]["model"]["norm"] = kept["recipe"]["model"].pop("standardise")
    setup.write_text(json.dumps(kept), encoding="utf-8")


def test_a_run_of_the_earlier_name_is_resumed_opened_and_compared_as_one_of_today(tmp_path: Path) -> None:
    recipe = load_recipe("quickstart", [*WORDS, PROBE % "standardise"])
    list(train(recipe, tmp_path / "new", data=tmp_path / "data"))
    events = train(recipe, tmp_path / "old", data=tmp_path / "data")
    for event in events:
        if isinstance(event, StepDone) and event.step > 2:
            events.close()
            break
    with_earlier_name(tmp_path / "old")
    list(resume(tmp_path / "old", data=tmp_path / "data"))
    assert "  norm: batch" in (tmp_path / "old" / "recipe.yaml").read_text(encoding="utf-8")  # not rewritten
    runs = [RunFolder.open(tmp_path / name) for name in ("new", "old")]
    assert len({run_key(run.read("setup")) for run in runs}) == 1
    with pytest.raises(RunError, match="has the recipe and the seed of"):
        compare_runs([run.path for run in runs])
    new, old = (open_learner(run, device="cpu").learner.state("best")["model"] for run in runs)
    assert "decoder.0.running_mean" in old
    assert all(np.array_equal(new[name], old[name]) for name in new)
    assert new.keys() == old.keys() == load_checkpoint(tmp_path / "old" / "best", "model")[0]["model"].keys()


def test_recipes_take_the_earlier_name_but_not_both(tmp_path: Path) -> None:
    earlier, present = (load_recipe("quickstart", [*WORDS, PROBE % name]) for name in ("norm", "standardise"))
    assert earlier == present
    assert earlier.model.options["standardise"] == "batch"
    file = tmp_path / "child.yaml"
    file.write_text(f"title: T\nextends: quickstart\n{PROBE.replace('=', ': ') % 'norm'}\n", encoding="utf-8")
    child = load_recipe(str(file), [*WORDS, "model.standardise=none"])
    assert child.model.options["standardise"] == "none"
    tree = present.model_dump()
    with pytest.raises(RecipeError, match="has no option 'norm'"):
        check_recipe({**tree, "model": {**tree["model"], "norm": "batch"}})
    fpn = {"name": "fpn", "encoder": ENCODER, "norm": "batch"}  # another option of this name stays
    assert check_recipe({**tree, "model": fpn}).model.options["norm"] == "batch"
