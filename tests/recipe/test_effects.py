"""What a recipe says without effect, and the test split that is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pixelwise.cli import app
from pixelwise.data import DATASETS
from pixelwise.data.checks import check_dataset
from pixelwise.engine.build import open_material
from pixelwise.errors import DataError
from pixelwise.imaging.files import write_image, write_mask
from pixelwise.recipe.effects import remarks
from pixelwise.recipe.load import as_yaml, check_recipe, load_recipe
from pixelwise.yaml_text import parse_map

FOLDER = "data.dataset={name: folder, path: pets, test: 0.2}"


def add_pictures(folder: Path, count: int = 5) -> None:
    for number in range(count):
        write_image(folder / "images" / f"p{number}.png", np.full((8, 8, 3), number, np.uint8))
        write_mask(folder / "masks" / f"p{number}.png", np.full((8, 8), number % 2, np.uint8), [(0, 0, 0), (9, 9, 9)])


@pytest.mark.parametrize(
    ("words", "test"),
    [
        ([], ""),  # scenes could draw a test split, and nobody asked for it
        (["data.dataset.test=4"], "test"),
        (["data.dataset.test=0"], ""),
        (["data.dataset.test=4", "data.test=''"], ""),
        (["data.dataset={name: first, of: {name: scenes, test: 4}, count: 8}"], "test"),
        (["data.dataset={name: first, of: scenes, count: 8}"], ""),
        ([FOLDER], "test"),
        (["data.dataset={name: folder, path: pets}"], ""),
    ],
)
def test_a_test_split_that_is_asked_for_is_scored(words: list[str], test: str) -> None:
    recipe = load_recipe("quickstart", words)
    assert recipe.data.test == test
    assert check_recipe(parse_map(as_yaml(recipe), where="recipe.yaml")) == recipe  # what a run keeps means the same


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["loss={name: cross_entropy, beta: 0.5}"],
            "loss.beta=0.5 has no effect: it is read only with weights=effective.",
        ),
        (["loss={name: cross_entropy, weights: effective, beta: 0.5}"], None),
        (
            ["train.phases=[{epochs: 2, loss: {name: cross_entropy, uniform: 0.1}}]"],
            "train.phases.0.loss.uniform=0.1 has",
        ),
        (["train.phases=[{epochs: 2, schedule: constant}]"], "train.schedule=cosine has no effect"),
        (["train.phases=[{epochs: 2, learning_rate: 0.1}]"], "train.optimizer.learning_rate=0.003 has no effect"),
        (["train.early_stopping={patience: 14}"], "patience=14 has no effect: the training validates 14 times."),
        (["train.early_stopping={patience: 13}"], None),
        (["data.test=val"], "data.test=val has no effect"),
        (["augment=[{name: scale_crop, size: [224, 224]}]", "data.size=[64, 64]"], "trained at 224×224 (augment)"),
        (["augment=[{name: scale_crop, size: [64, 64], scale: [1, 1]}]", "data.size=[64, 64]"], None),
        (
            ["augment=[{name: scale_crop, size: [64, 64], ratio: [1, 1]}]", "data.size=[64, 64]"],
            "objects are on average 1.33 times as large in training (augment) as in validation (data.size); "
            "with data.size=[85, 85] they would be alike.",
        ),
        (["augment=[{name: crop, size: [48, 48]}]", "data.size=[64, 64]"], "trained at 48×48 (augment) and validated"),
        (
            ["augment=[{name: resize, size: [96, 96]}, {name: flip}]", "data.size=[64, 96]"],
            "too. Objects are on average 1.50 times as high and 1.00 times as wide in training (augment) as in",
        ),
        (["data.dataset={name: folder, path: x, void_colour: [0, 0, 0]}"], "read only with mask_values=colour"),
        (["task={name: colourize, palette: x.json, palette_seed: 3}"], "read only with an empty palette"),
    ],
)
def test_options_without_effect_are_named(
    words: list[str], said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    found = remarks(load_recipe("quickstart", words))
    assert (found == []) if said is None else (len(found) == 1 and said in found[0])
    with pytest.raises(SystemExit):
        app(["check", "quickstart", *words])
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if line.startswith("  note: ")] == [f"  note: {one}" for one in found]


def test_shares_do_nothing_where_folders_say_which_picture_is_where(tmp_path: Path) -> None:
    for split in ("train", "val"):
        add_pictures(tmp_path / "pets" / split)
    (tmp_path / "pets" / "classes.txt").write_text("ground\ncat\n")
    dataset = DATASETS.build("folder", tmp_path, path="pets", val=0.5, seed=3)
    assert dataset.remarks() == (
        "data.dataset.val=0.5 and data.dataset.seed=3: no effect, because the folder has subfolders or lists that say "
        "which picture is in which split.",
    )
    assert [finding.what for finding in check_dataset(dataset) if finding.check == "options"] == list(dataset.remarks())
    with pytest.raises(
        DataError, match=r"data.dataset.test=0.2: no effect, because .* add a split 'test' beside train, val"
    ):
        open_material(load_recipe("quickstart", [FOLDER]), root=tmp_path)
    recipe = load_recipe("quickstart", ["data.dataset={name: folder, path: pets}"])
    assert open_material(recipe, root=tmp_path).notes == ()
    add_pictures(tmp_path / "pets" / "test")
    assert open_material(recipe, root=tmp_path).notes == (
        "the split 'test' of the data set is not scored: data.test=test scores it once, at the end.",
    )
    scored = open_material(load_recipe("quickstart", [FOLDER]), root=tmp_path)  # the folder's own test pictures
    assert scored.test is not None
    assert len(scored.test) == 5
    assert len(scored.notes) == 1


def test_drawn_splits_have_no_remark(tmp_path: Path) -> None:
    add_pictures(tmp_path / "pets", 10)
    (tmp_path / "pets" / "classes.txt").write_text("ground\ncat\n")
    material = open_material(load_recipe("quickstart", [FOLDER]), root=tmp_path)
    assert material.test is not None
    assert len(material.test) == 2
    assert material.notes == ()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["model={name: fpn, weights: imagenet}", "train.phases=[{epochs: 1, freeze: [encoder]}]"], False),
        (["model=fpn", "train.phases=[{epochs: 1, freeze: [encoder]}]"], True),
        (["model=fpn", "train.phases=[{epochs: 1}, {epochs: 1, freeze: [encoder]}]"], False),
        (["model=unet", "train.phases=[{epochs: 1, freeze: [down]}]"], False),  # there are no weights for it
    ],
)
def test_random_weights_that_are_frozen_from_the_first_step_are_named(words: list[str], named: bool) -> None:
    told = [line for line in remarks(load_recipe("quickstart", words)) if "random weights" in line]
    said = "the first phase freezes encoder with random weights, unless --from brings others; see model.weights."
    assert told == [said] * named
