"""`pixelwise start` from the terminal; the trial, which needs torch, is replaced."""

from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest

from pixelwise.cli import app
from pixelwise.errors import RecipeError
from pixelwise.imaging.files import write_image, write_mask
from pixelwise.recipe.load import load_recipe
from pixelwise.start.plan import _with_weights
from pixelwise.start.trial import Estimate


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten pictures with black and white masks, in the working folder."""
    monkeypatch.setattr("pixelwise.start.trial.try_plan", lambda plan, **_: Estimate(90.0, (4.0, 9.0), 1 << 30))
    monkeypatch.setattr("pixelwise.start.plan._with_weights", lambda plan, root: plan)
    monkeypatch.chdir(tmp_path)
    for folder in ("images", "masks"):
        (tmp_path / "pets" / folder).mkdir(parents=True)
    for number in range(10):
        noise = np.random.default_rng(number).integers(0, 256, (4, 5, 3), np.uint8)
        write_image(tmp_path / f"pets/images/{number}.png", noise.repeat(8, axis=0).repeat(8, axis=1))
        mask = np.zeros((32, 40), np.uint8)
        mask[8:20, 8 + number : 20] = 1
        write_mask(tmp_path / f"pets/masks/{number}.png", mask, [(0, 0, 0), (9, 9, 9)])
    return tmp_path / "pets"


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        app(["start", *words])
    return int(end.value.code or 0)


@pytest.mark.usefixtures("pets")
def test_it_says_what_it_found_and_what_to_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pets", "train.batch=2") == 0
    said = capsys.readouterr().out
    assert "10 pictures with masks" in said
    assert "0 is taken as 'background', 1 as 'object'" in said
    assert said.rstrip().splitlines()[-2:] == [
        "  pixelwise train recipe.yaml --out runs/pets",
        "  pixelwise predict runs/pets pets/images --out runs/pets-labelled",
    ]
    recipe = load_recipe(str(tmp_path / "recipe.yaml"))
    assert (recipe.train.batch, recipe.data.dataset.options["path"]) == (2, "pets")
    page = (tmp_path / "pets-report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == 10
    assert "share of the pixels in train" in page


@pytest.mark.usefixtures("pets")
def test_that_there_are_no_pretrained_weights_is_said_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object) -> None:
        hint = "Do one of these: install a package; start from random weights: model.weights=none."
        raise RecipeError("the weights are not on this machine.", where="model.weights", hint=hint)

    monkeypatch.setattr("pixelwise.engine.pretrained.find_weights", absent)
    monkeypatch.setattr("pixelwise.start.plan._with_weights", _with_weights)
    monkeypatch.setattr("pixelwise.start.trial.try_plan", lambda plan, **_: Estimate(90.0, (4.0,), 1 << 30))
    assert run("pets") == 0
    said = capsys.readouterr().out
    assert said.count("From scratch: the pretrained weights are not here.") == 1
    assert "the weights are not on this machine. Do one of these: install a package.\n" in said
    assert said.count("10 pictures with masks") == 1


def test_a_fatal_finding_ends_with_1_and_is_on_the_page(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pets / "masks/3.png").write_bytes(b"")
    assert run("pets") == 1
    assert "Correct the fatal findings first" in capsys.readouterr().out
    assert "pets/masks/3.png" in (pets.parent / "pets-report.html").read_text(encoding="utf-8")


def test_pictures_without_a_mask_are_left_out_and_named(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pets / "masks/3.png").unlink()
    assert run("pets", "data.dataset.unpaired=refuse") == 1  # changed in the way that the message says
    assert run("pets") == 0
    said = capsys.readouterr().out
    assert "1 picture has no mask in masks: 3. The recipe sets unpaired: skip." in said
    assert load_recipe("recipe-2.yaml").data.dataset.options["unpaired"] == "skip"
    (pets / "masks/4.png").rename(pets / "masks/5_mask.png")  # a mask without a picture too
    assert run("pets") == 0
    for number in range(5, 10):
        (pets / f"masks/{number}.png").unlink()
    assert run("pets") == 1  # most are without a mask: something else is wrong


def test_groups_are_not_set_where_nothing_is_drawn(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("images", "masks"):
        for number in range(10):
            split = "val" if number > 7 else "train"
            place = pets / kind / split / f"town{number // 2}"
            place.mkdir(parents=True, exist_ok=True)
            (pets / kind / f"{number}.png").rename(place / f"{number}.png")
    assert run("pets") == 0
    assert "no effect" not in capsys.readouterr().out
    assert load_recipe("recipe.yaml").data.dataset.options["group"] == ""


@pytest.mark.usefixtures("pets")
def test_what_was_typed_wins(tmp_path: Path) -> None:
    assert run("pets", "data.dataset.values={ground: 0, cat: 1}", "data.dataset.val=0.5") == 0
    options = load_recipe(str(tmp_path / "recipe.yaml")).data.dataset.options
    assert (options["values"], options["val"]) == ({"ground": 0, "cat": 1}, 0.5)


def test_a_picture_of_two_splits_is_left_out_of_the_first(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pets") == 0
    drawn = (pets.parent / "pets-report.html").read_text(encoding="utf-8")
    train, val = (next(str(n) for n in range(10) if f">{split}/{n}<" in drawn) for split in ("train", "val"))
    copyfile(pets / f"images/{val}.png", pets / f"images/{train}.png")
    capsys.readouterr()
    assert run("pets") == 0  # the splits are drawn: both go to one side
    assert "2 pictures look alike in 1 group: pictures of one group stay in one split." in capsys.readouterr().out
    assert not load_recipe("recipe-2.yaml").data.exclude
    (pets / "splits").mkdir()  # the splits are given
    (pets / "splits/train.txt").write_text("\n".join(str(n) for n in range(10) if str(n) != val))
    (pets / "splits/val.txt").write_text(val)
    assert run("pets") == 0
    assert f"1 picture is in a later split too and is left out, or its scores would be too good: train/{train}." in (
        capsys.readouterr().out
    )
    assert load_recipe("recipe-3.yaml").data.exclude == (f"train/{train}",)
    assert run("pets", "data.exclude=[]") == 1  # as it was said to be


@pytest.mark.usefixtures("pets")
def test_objects_when_asked(tmp_path: Path) -> None:
    assert run("pets", "--instances") == 0
    recipe = load_recipe("recipe.yaml")
    assert (recipe.task.name, recipe.data.dataset.options["kind"]) == ("separate", "components")
    assert "Each object has its own colour" in (tmp_path / "pets-report.html").read_text(encoding="utf-8")


def test_values_that_are_no_class_are_a_finding_and_the_page_is_written(
    pets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = np.zeros((32, 40), np.uint8)
    mask[8:20, 8:20] = 7
    for number in range(10):
        write_mask(pets / f"masks/{number}.png", mask, [(0, 0, 0), (9, 9, 9)])
    (pets / "classes.txt").write_text("ground\ncat\n", encoding="utf-8")
    assert run("pets") == 1
    assert "values that are not classes: 7" in capsys.readouterr().out
    assert (pets.parent / "pets-report.html").read_text(encoding="utf-8").count("data:image/jpeg") == 10


@pytest.mark.usefixtures("pets")
def test_of_folders_of_classes_each_is_labelled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split in ("train", "val"):
        for number, kind in enumerate(("cat", "dog")):
            for name in range(3):
                noise = np.random.default_rng([name, number, len(split)]).integers(0, 256, (4, 5, 3), np.uint8)
                (tmp_path / "kinds" / split / kind).mkdir(parents=True, exist_ok=True)
                write_image(tmp_path / f"kinds/{split}/{kind}/{name}.png", noise.repeat(8, axis=0).repeat(8, axis=1))
    assert run("kinds") == 0
    assert (
        capsys.readouterr()
        .out.rstrip()
        .endswith("pixelwise predict runs/kinds kinds/val/cat kinds/val/dog --out runs/kinds-labelled")
    )


def test_what_accepted_yaml_accepts_is_shown_apart_and_left_alone(
    pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copyfile(pets / "images/0.png", pets / "images/8.png")
    (pets / "splits").mkdir()
    (pets / "splits/train.txt").write_text("\n".join("01234567"))
    (pets / "splits/val.txt").write_text("8\n9\n")
    (pets / "accepted.yaml").write_text("- {kind: copies, pictures: [train/0, val/8], reason: one scene on two days}\n")
    assert run("pets") == 0
    said = capsys.readouterr().out
    assert "accepted copies" in said
    assert "reason: one scene on two days" in said
    assert "left out" not in said
    assert not load_recipe(str(tmp_path / "recipe.yaml")).data.exclude
    assert "Reason: one scene on two days" in (tmp_path / "pets-report.html").read_text(encoding="utf-8")
    (pets / "accepted.yaml").unlink()
    assert run("pets") == 0
    assert load_recipe(str(tmp_path / "recipe-2.yaml")).data.exclude == ("train/0",)


def test_a_file_of_labels_is_found_in_the_data_folder_too(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "\n".join(f"images/{number}.png,{'ab'[number % 2]}" for number in range(10))
    (pets / "labels.csv").write_text(f"file,label\n{rows}\n", encoding="utf-8")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert run("pets/labels.csv", "--data", str(tmp_path)) == 0
    options = load_recipe("recipe.yaml").data.dataset.options
    assert (options["path"], options["table"]) == ("pets", "labels.csv")
    assert run("nowhere.csv", "--data", str(tmp_path)) == 2
    said = capsys.readouterr().err
    assert (
        f"neither {tmp_path / 'work/nowhere.csv'} (working folder) nor {tmp_path / 'nowhere.csv'} (data folder)" in said
    )
    assert "--path" not in said
