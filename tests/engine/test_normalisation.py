"""The mean and std by which pictures are normalised: stated by the recipe, brought by weights, or the defaults."""

from pathlib import Path
from typing import Any

import pytest
import torch

from pixelwise.compare.gather import gather, identity
from pixelwise.engine.build import build_task
from pixelwise.engine.pretrained import Pretrained, found_with, reads_of
from pixelwise.engine.train import resume, train
from pixelwise.errors import RecipeError
from pixelwise.paper.methods import _normalisation
from pixelwise.recipe.engines import shelves
from pixelwise.recipe.load import as_yaml, check_recipe, load_recipe, read_tree
from pixelwise.recipe.schema import Recipe
from pixelwise.report.record import read_record
from pixelwise.run.folder import RunFolder
from pixelwise.run.identity import deciding, run_key
from pixelwise.run.normalisation import IMAGENET_MEAN, IMAGENET_STD, TASKS
from pixelwise.types import DatasetInfo
from pretrained_runs import NETWORK, begun, probe, put, state_of

FOUND = Pretrained("imagenet", {}, "", "", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
DEFAULT_MEAN, DEFAULT_STD = f"task.mean={list(IMAGENET_MEAN)}", f"task.std={list(IMAGENET_STD)}"
INFO = DatasetInfo("two", ("a", "b"), ((0, 0, 0), (9, 9, 9)), frozenset({"mask", "label"}))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    put(tmp_path / "data", NETWORK, state_of(NETWORK))
    return tmp_path / "data"


def reads(recipe: Recipe, found: Pretrained | None = FOUND) -> tuple[Any, Any]:
    """The mean and std by which a training of the recipe normalises."""
    task = build_task(recipe, INFO, found_with(recipe, found))
    return task.input.mean, task.input.std


def again(recipe: Recipe, tmp_path: Path) -> list[Recipe]:
    """The recipe, and what it is after each way of being written down and read again."""
    file, child = tmp_path / "recipe.yaml", tmp_path / "child.yaml"
    file.write_text(as_yaml(recipe))
    child.write_text("extends: recipe.yaml\ntitle: child\ntrain: {batch: 3}\n")
    written = [check_recipe(recipe.model_dump()), check_recipe(recipe.model_dump(mode="json"))]
    return [recipe, *written, load_recipe(str(file)), load_recipe(str(child)), check_recipe(read_tree(file))]


@pytest.mark.parametrize(
    ("words", "mean", "std"),
    [
        ((), FOUND.mean, FOUND.std),
        ((DEFAULT_MEAN,), IMAGENET_MEAN, FOUND.std),
        ((DEFAULT_STD,), FOUND.mean, IMAGENET_STD),
        ((DEFAULT_MEAN, DEFAULT_STD), IMAGENET_MEAN, IMAGENET_STD),
        (("task.mean=[0.1, 0.2, 0.3]",), (0.1, 0.2, 0.3), FOUND.std),
        (("task=classify", "task.mean=image", "metrics=[]", "train.best=''", "loss=null"), None, FOUND.std),
        (("task=classify", "task.std=null", "metrics=[]", "train.best=''", "loss=null"), FOUND.mean, None),
    ],
)
def test_what_is_stated_stays_and_the_rest_comes_with_the_weights(
    words: tuple[str, ...], mean: Any, std: Any, tmp_path: Path
) -> None:
    model = ("model={name: encoder_classifier, encoder: test_resnet}",) if "task=classify" in words else ()
    recipe = probe("none", *words, *model)
    for one in again(recipe, tmp_path):
        if "task.mean=image" not in words:  # whose picture is found in the training set
            assert reads(one) == (mean, std)
        assert found_with(one, FOUND) == found_with(recipe, FOUND)
    brought = found_with(recipe, FOUND).get("input", {})
    assert {name: tuple(numbers) for name, numbers in brought.items()} == {
        name: numbers
        for name, numbers in (("mean", FOUND.mean), ("std", FOUND.std))
        if not any(word.startswith(f"task.{name}=") for word in words)
    }


def test_without_weights_the_defaults_are_those_of_before(tmp_path: Path) -> None:
    for one in again(probe("none"), tmp_path):
        assert reads(one, None) == (IMAGENET_MEAN, IMAGENET_STD)
    unknown = Pretrained("a.safetensors", {}, "", "", mean=(0.5, 0.4, 0.3))  # no std
    assert found_with(probe("none"), unknown) == {}
    assert found_with(probe("none", DEFAULT_STD), unknown) == {"input": {"mean": [0.5, 0.4, 0.3]}}


def test_tasks_with_these_defaults_are_known() -> None:
    for engine in ("torch", "scratch"):
        shelf = shelves(engine)["task"]
        for name in shelf:
            options = shelf.signature(name).options
            defaults = [tuple(options[one].default) for one in ("mean", "std") if one in options]
            assert defaults == ([IMAGENET_MEAN, IMAGENET_STD] if name in TASKS else []), name


def test_runs_that_wrote_the_defaults_down_are_the_same_training(tmp_path: Path) -> None:
    """Earlier versions wrote every default into `recipe.yaml` and `setup.json`."""
    recipe, earlier = probe("none"), probe("none", DEFAULT_MEAN, DEFAULT_STD)
    assert "mean" not in recipe.task.options
    now, then = ({"recipe": one.model_dump(mode="json")} for one in (recipe, earlier))
    assert run_key(now) == run_key(then)
    assert deciding(now["recipe"]) == deciding(then["recipe"])
    assert deciding(now["recipe"]) != deciding(probe("none", "task.std=[0.5, 0.5, 0.5]").model_dump(mode="json"))
    assert reads_of(now) == reads_of(then) == (IMAGENET_MEAN, IMAGENET_STD)
    findings = {"findings": {"input": {"mean": [0.5] * 3, "std": [0.25] * 3}}}
    assert reads_of({**now, **findings}) == reads_of({**then, **findings}) == ((0.5,) * 3, (0.25,) * 3)
    assert build_task(earlier, INFO, findings["findings"]).input.mean == (0.5,) * 3


def test_a_run_that_states_the_defaults_is_another_one(root: Path, tmp_path: Path) -> None:
    runs = [tmp_path / "weights", tmp_path / "stated"]
    list(train(probe(), runs[0], data=root))
    begun(probe("imagenet", DEFAULT_MEAN, DEFAULT_STD), runs[1], root)
    list(resume(runs[1], data=root))
    records = [read_record(RunFolder.open(run)) for run in runs]
    assert [record.setup["findings"] for record in records] == [{"input": {"mean": [0.5] * 3, "std": [0.5] * 3}}, {}]
    assert identity(records[0]) != identity(records[1])
    assert len(gather(runs).groups) == 2
    assert _normalisation(records[0]) == "mean (0.5, 0.5, 0.5), deviation (0.5, 0.5, 0.5)"
    assert _normalisation(records[1]).startswith("mean (0.485, 0.456")
    stated = probe("none", "task.std=[0.1, 0.1, 0.1]")
    list(train(stated, tmp_path / "own", data=root))
    _, setup = begun(probe("none"), tmp_path / "next", root, from_run=tmp_path / "own")
    assert setup["findings"] == {"input": {"mean": list(IMAGENET_MEAN), "std": [0.1] * 3}}


@pytest.mark.parametrize(
    ("word", "told"),
    [
        (
            "task.mean=[123.7, 116.3, 103.5]",
            "from 0 to 1. Divide numbers on the scale 0..255 by 255: [0.4851, 0.4561, ",
        ),
        (
            "task.mean=[0.5, -0.1, 0.5]",
            "the mean is that of pictures in 0..1, so each of its numbers must be from 0 to 1.",
        ),
        ("task.std=[58.4, 57.1, 57.4]", "Divide numbers on the scale 0..255 by 255: [0.229, 0.2239, 0.2251]."),
        ("task.std=[0.5, 0, 0.5]", "must be above 0 and at most 1."),
        ("task.std=[1.5, 1000, 1]", "must be above 0 and at most 1."),
    ],
)
def test_numbers_that_are_not_of_pictures_in_0_to_1(word: str, told: str, root: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as error:
        probe("none", word)
    (problem,) = error.value.problems
    assert problem.where == f"quickstart: {word.partition('=')[0]}"
    assert told in f"{problem.what} {problem.hint}"
    path, _, value = word.removeprefix("task.").partition("=")
    tree = probe("none").model_dump(mode="json")
    unchecked = check_recipe({**tree, "task": {**tree["task"], path: eval(value)}})  # as runs of before were written
    with pytest.raises(RecipeError, match=r"task\."):
        list(train(unchecked, tmp_path / "run", data=root))
    assert not (tmp_path / "run").exists()


def test_numbers_at_the_ends_are_allowed() -> None:
    assert reads(probe("none", "task.mean=[0, 0, 1]", "task.std=[1, 1, 0.004]"), None) == ((0, 0, 1), (1, 1, 0.004))
