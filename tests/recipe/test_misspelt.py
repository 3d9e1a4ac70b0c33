"""Keys in the wrong place, and keys as other packages call them: the hint is the whole path of the right one."""

import pytest

from pixelwise.errors import RecipeError
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.misspelt import MEANT, known_keys


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("epochs=3", "train.phases.0.epochs"),
        ("train.epochs=3", "train.phases.0.epochs"),
        ("lr=0.1", "train.optimizer.learning_rate"),
        ("train.lr=0.1", "train.optimizer.learning_rate"),
        ("learning_rate=0.1", "train.optimizer.learning_rate"),
        ("train.learning_rate=0.1", "train.optimizer.learning_rate"),
        ("train.optimizer.lr=0.1", "train.optimizer.learning_rate"),
        ("batch_size=8", "train.batch"),
        ("train.batch_size=8", "train.batch"),
        ("data.batch_size=8", "train.batch"),
        ("batch=8", "train.batch"),
        ("seed=1", "train.seed"),
        ("optimizer=adam", "train.optimizer"),
        ("num_workers=2", "data.workers"),
        ("train.num_workers=2", "data.workers"),
        ("weight_decay=0.1", "train.optimizer.weight_decay"),
        ("train.weight_decay=0.1", "train.optimizer.weight_decay"),
        ("device=cpu", "hardware.device"),
        ("train.device=cpu", "hardware.device"),
        ("train.precision=fp32", "hardware.precision"),
        ("size=[64, 64]", "data.size"),
        ("data.val=0.2", "data.validation"),
        ("width=8", "model.width"),
        ("model.void_rim=1", "data.dataset.void_rim"),
        ("epohcs=1", "train.phases.0.epochs"),
    ],
)
def test_the_right_key_is_named_with_its_whole_path(word: str, right: str) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe("quickstart", [word])
    (problem,) = refused.value.problems
    assert problem.hint == f"Did you mean '{right}'?"
    load_recipe("quickstart", ["train.batch=8"])


def test_a_size_needs_height_and_width() -> None:
    with pytest.raises(RecipeError, match=r"Write data\.size=\[96, 96\], which is height and width"):
        load_recipe("quickstart", ["data.size=96"])


def test_a_slip_of_the_pen_beside_the_right_key_is_the_nearest_one_there() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'batch'"):
        load_recipe("quickstart", ["train.bach=8"])


def test_every_key_that_is_meant_exists_in_some_recipe() -> None:
    recipe = {
        "data": {"dataset": {"name": "folder"}},
        "train": {"optimizer": "adamw", "schedule": "cosine"},
    }
    scratch = {"engine": "scratch", "train": {"optimizer": "sgd"}}
    models = [{**recipe, "model": name} for name in ("fpn", "deeplabv3")]
    known = {key for tree in (*models, scratch) for key in known_keys(tree)}
    assert {path for paths in MEANT.values() for path in paths} <= known
