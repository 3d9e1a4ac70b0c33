"""An experiment whose data set lies somewhere else now: the same runs, which read from there."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pixelwise.errors import RunError
from pixelwise.experiments.folder import Folder
from pixelwise.experiments.runner import train_command
from pixelwise.experiments.settings import plan, read_space
from pixelwise.recipe.load import as_yaml, load_recipe
from pixelwise.recipe.place import moved, place_of
from pixelwise.run.folder import RunFolder

HERE = "data={dataset: {name: folder, path: /here}, size: [32, 32]}"


def test_the_runs_of_a_moved_sweep_are_the_same_ones(tmp_path: Path) -> None:
    _, runs = plan("quickstart", [HERE, "train.seed=0,1"])
    folder = Folder(tmp_path / "sweep")
    folder.begin(runs)
    RunFolder.create(folder.path / runs[0].name, as_yaml(runs[0].recipe))
    there = [replace(run, recipe=moved(run.recipe, tmp_path / "there")) for run in folder.plan()]
    for run in there:
        folder.keep_recipe(run)
    assert [place_of(run.recipe) for run in folder.plan()] == [str(tmp_path / "there")] * 2  # kept for the next start
    assert folder.standing(there[0]) == "begun"  # it stopped before its first step; it is not another run
    folder.begin(there)
    other = replace(there[0], recipe=moved(load_recipe("quickstart", [HERE, "train.seed=7"]), tmp_path / "there"))
    with pytest.raises(RunError, match="is in the way"):
        folder.standing(other)


def test_a_run_is_resumed_with_the_recipe_that_knows_where_the_data_lie(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    command = train_command(folder, "seed=0", Path("/data"), resume=True)
    assert command[3:] == [
        "train", str(folder.recipe_file("seed=0")), "--resume", str(tmp_path / "seed=0"), "--data", "/data",
    ]  # fmt: skip


def test_the_trials_of_a_moved_search_read_from_there(tmp_path: Path) -> None:
    space = read_space("quickstart", [HERE, "train.batch=int(4,8)"])
    there = replace(space, place=tmp_path)
    assert place_of(there.recipe_at({"train.batch": "5"})) == str(tmp_path)
    assert there.record() == space.record()


def test_names_of_long_values_keep_their_words_and_differ() -> None:
    first, second = ("[{name: scale_crop, size: [64, 64]}, {name: flip, p: 0.5}]",
                     "[{name: scale_crop, size: [64, 48]}, {name: flip, p: 0.5}]")  # fmt: skip
    _, runs = plan("quickstart", [f"augment={first},{second}", "train.seed=0,1"])
    names = [run.name for run in runs]
    assert len(set(names)) == 4
    assert all(re.fullmatch(r"augment=scale_crop-64-(64|48)?-?[0-9a-f]{6},seed=[01]", name) for name in names)
    _, turned = plan("quickstart", [f"augment={second},{first}", "train.seed=1,0"])
    assert {run.name for run in turned} == set(names)  # a name depends on the values alone, not on their order
