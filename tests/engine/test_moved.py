"""A run whose data set lies somewhere else now: what the pictures are decides, not where they lie."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import pixelwise
from pixelwise.compare.runs import compare_runs
from pixelwise.engine.train import resume, train
from pixelwise.errors import RecipeError, RunError
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.events import StepDone
from pixelwise.yaml_text import parse

Tiny = Callable[..., Recipe]
Drawn = Callable[..., Path]


def on(path: Path, tiny: Tiny, *words: str) -> Recipe:
    return tiny(f"data={{dataset: {{name: folder, path: {path}}}, size: [32, 32]}}", "train.batch=3", *words)


def whole(recipe: Recipe, path: Path, data: Path) -> dict[str, bytes]:
    list(train(recipe, path, data=data))
    return outcome(path)


def outcome(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.glob("*/*.safetensors"))}


@pytest.fixture
def killed(tiny: Tiny, drawn: Drawn, data: Path, tmp_path: Path) -> Path:
    """A run that was killed in its second epoch, and whose data then went to `there`."""
    events = train(on(drawn(tmp_path / "here"), tiny), tmp_path / "run", data=data)
    for event in events:
        if isinstance(event, StepDone) and event.step == 3:
            events.close()
    shutil.move(tmp_path / "here", tmp_path / "there")
    return tmp_path / "run"


def test_a_run_is_resumed_at_another_place_to_the_same_bytes(
    killed: Path, tiny: Tiny, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(pixelwise.errors.DataError, match="this folder does not exist"):
        list(resume(killed, data=data))
    notes = [event.text for event in resume(killed, data=data, data_path=tmp_path / "there") if event.kind == "note"]
    assert notes == [f"the data set was moved from {tmp_path / 'here'} to {tmp_path / 'there'}"]
    assert outcome(killed) == whole(on(tmp_path / "there", tiny), tmp_path / "whole", data)
    assert parse(killed / "recipe.yaml")["data"]["dataset"]["path"] == str(tmp_path / "there")
    assert [c["what"] for c in json.loads((killed / "setup.json").read_text())["changes"]] == ["moved"]
    list(resume(killed, data=data))  # the new place was recorded


def test_the_place_may_be_written_into_the_recipe_or_be_that_of_the_recipe_given(
    killed: Path, tiny: Tiny, data: Path, tmp_path: Path
) -> None:
    list(resume(killed, data=data, recipe=on(tmp_path / "there", tiny)))
    shutil.move(tmp_path / "there", tmp_path / "elsewhere")
    file = killed / "recipe.yaml"
    file.write_text(file.read_text().replace(str(tmp_path / "there"), str(tmp_path / "elsewhere")))
    list(resume(killed, data=data))
    changes = json.loads((killed / "setup.json").read_text())["changes"]
    assert [change["note"].rpartition("/")[2] for change in changes] == ["there", "elsewhere"]


def test_other_pictures_are_refused_by_their_key(killed: Path, drawn: Drawn, data: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in killed.rglob("*") if path.is_file()}
    other = drawn(tmp_path / "other", seed=1)
    with pytest.raises(RunError, match="the split 'train' is not the one that this run began with"):
        list(resume(killed, data=data, data_path=other))
    assert {path: path.read_bytes() for path in killed.rglob("*") if path.is_file()} == before
    list(resume(killed, data=data, data_path=tmp_path / "there"))
    with pytest.raises(RunError, match="the split 'val' is not the one"):
        pixelwise.evaluate(killed, data=data, data_path=other, device="cpu")


def test_a_moved_run_is_evaluated(killed: Path, data: Path, tmp_path: Path) -> None:
    list(resume(killed, data=data, data_path=tmp_path / "there"))
    shutil.move(tmp_path / "there", tmp_path / "elsewhere")
    scores = pixelwise.evaluate(killed, data=data, data_path=tmp_path / "elsewhere", device="cpu")
    assert scores["mean_iou"].value == pixelwise.open_run(killed).scores["val"]["mean_iou"].value


def test_a_data_set_without_a_path_says_which_option_moves_it(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    run = pixelwise.train(tiny("train.phases=[{epochs: 1}]"), out=tmp_path / "run", data=data)
    with pytest.raises(
        RecipeError, match=r"data set 'scenes' has no option 'path'\. Name the data folder .* with --data"
    ):
        list(resume(run.path, data=data, data_path=tmp_path))


def test_a_data_set_within_another_is_moved(drawn: Drawn, tmp_path: Path) -> None:
    from pixelwise.recipe.place import moved, place_of

    recipe = load_recipe(
        "quickstart", ["data={dataset: {name: first, of: {name: folder, path: /a}, count: 2}, size: [32, 32]}"]
    )
    assert place_of(recipe) == "/a"
    assert place_of(moved(recipe, tmp_path)) == str(tmp_path)


def test_runs_of_the_same_pictures_at_two_places_are_one_group(
    tiny: Tiny, drawn: Drawn, data: Path, tmp_path: Path
) -> None:
    one, other = (on(drawn(tmp_path / name), tiny, "train.phases=[{epochs: 1}]", f"train.seed={seed}")
                  for seed, name in enumerate(("a", "b")))  # fmt: skip
    for name, recipe in (("first", one), ("second", other)):
        list(train(recipe, tmp_path / name, data=data))
    (group,) = compare_runs([tmp_path / "first", tmp_path / "second"]).as_json()["groups"]
    assert len(group["runs"]) == 2
