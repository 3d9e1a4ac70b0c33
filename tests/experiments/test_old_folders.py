"""A sweep and a search that version 0.1 wrote: they open, are not trained again, and continue."""

import shutil
import sys
from pathlib import Path

import pytest

from pixelwise.experiments import runner
from pixelwise.experiments.folder import Folder
from pixelwise.experiments.page import best_table, build_search_page
from pixelwise.experiments.runner import open_data, run_all
from pixelwise.experiments.search import STUDY, TRIALS, Search, begin_search, find_aim
from pixelwise.experiments.settings import read_space
from pixelwise.experiments.study import open_study
from pixelwise.run.records.json_text import read_json
from pixelwise.types import current_key

OLD = Path(__file__).parent / "folders-0.1"


def test_a_sweep_opens_and_only_what_is_missing_is_trained(tmp_path: Path) -> None:
    shutil.copytree(OLD / "sweep", tmp_path / "s")
    sweep = Folder(tmp_path / "s")
    runs = sweep.plan()
    assert [(run.name, run.recipe.train.seed) for run in runs if run.recipe] == [("seed=0", 0), ("seed=1", 1)]
    sweep.begin(runs, "quickstart")  # the same command again
    assert [run.name for run in sweep.unfinished(runs)] == ["seed=1"]
    assert {name: outcome.state for name, outcome in sweep.outcomes().items()} == {
        "seed=0": "done",
        "seed=1": "waiting",
    }


def test_a_search_opens_and_draws_new_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna")
    shutil.copytree(OLD / "search", tmp_path / "s")
    folder = Folder(tmp_path / "s", "search")
    asked = {key: value for key, value in folder.record().items() if key not in ("format", "worker")}
    space = read_space(asked["recipe"], asked["texts"])
    base = space.recipe_at({one.path: one.ends[0] for one in space.ranges})
    aim = find_aim(base, open_data(base, tmp_path))
    identity = {**space.record(), "metric": aim.key, "higher_is_better": aim.higher_is_better, "split": aim.split}
    study = open_study(folder.path / STUDY, asked["study"], space, identity, seed=0, pruner="median")
    begin_search(folder, asked)
    search = Search(folder, study, space, aim)
    before = read_json(OLD / "search" / TRIALS)
    before["aim"]["key"] = current_key(before["aim"]["key"])  # version 0.1 had other words for the convention
    assert list(run_all(folder, search.proposals(2, alone=True), ended=search.ended)) == []
    assert read_json(folder.path / TRIALS) == before
    assert build_search_page(folder.path).is_file()
    assert best_table(before, folder.path).rows[0][0] == before["best"]

    command = [sys.executable, "-S", "-c", "raise SystemExit(1)"]  # the next trial is drawn and started; here it fails
    monkeypatch.setattr(runner, "train_command", lambda *_, **__: command)
    monkeypatch.setattr(runner, "POLL", 0.02)
    kinds = [
        change.kind for change in run_all(folder, search.proposals(3, alone=True), ended=search.ended) if change.run
    ]
    assert kinds == ["began", "ended"]
    assert [trial["state"] for trial in read_json(folder.path / TRIALS)["trials"]] == ["done", "done", "failed"]
