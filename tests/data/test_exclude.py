"""`data.exclude`: pictures left out of any data set by name."""

import json

import pytest

from pixelwise.data import DATASETS
from pixelwise.data.cache import open_split
from pixelwise.data.exclude import Excluding, excluding
from pixelwise.engine.build import open_material
from pixelwise.engine.train import train
from pixelwise.errors import DataError
from pixelwise.experiments.runner import open_data
from pixelwise.recipe.load import as_yaml, check_recipe
from pixelwise.run.identity import run_key
from pixelwise.yaml_text import parse_text


def recipe_for(pictures, **data):
    return check_recipe(
        {
            "title": "t",
            "task": "segment",
            "data": {"dataset": {"name": "folder", "path": str(pictures.path)}, **data},
            "model": {"name": "unet", "width": 4, "depth": 1},
            "train": {"phases": [{"epochs": 1}]},
        }
    )


def test_the_samples_that_are_left_are_those_of_the_whole(pictures):
    whole = pictures.open()
    data = Excluding(whole, ["train/p1", "val/p0", "train/p1"])
    assert data.names("train") == ("p0", "p2", "p3")
    assert data.names("val") == ("p1",)
    assert data.read("train", 1).name == "p2"
    assert (data.read("train", 1).image == whole.read("train", 2).image).all()
    assert data.sources("train", 2) == whole.sources("train", 3)
    assert (data.excluded("train"), data.excluded("val")) == (("p1",), ("p0",))
    assert data.note() == "data.exclude leaves out 2 pictures: train 1, val 1."


def test_without_names_the_data_set_is_itself(pictures):
    whole = pictures.open()
    assert excluding(whole, ()) is whole


def test_every_name_that_matches_nothing_is_told_with_the_one_that_is_meant(pictures):
    with pytest.raises(DataError) as caught:
        Excluding(pictures.open(), ["train/p11", "p3", "vall/p1", "val/p3", "val/p0"])
    problems = [str(problem) for problem in caught.value.problems]
    assert problems == [
        "data.exclude: the split 'train' of zoo has no picture 'p11'; it has p0, p1, p2 and 1 more. "
        "Did you mean 'train/p1'?",
        "data.exclude: read 'p3'; write split/name, where the split is one of train, val. Did you mean 'train/p3'?",
        "data.exclude: read 'vall/p1'; write split/name, where the split is one of train, val. "
        "Did you mean 'train/p1' or 'val/p1'?",
        "data.exclude: the split 'val' of zoo has no picture 'p3'; it has p0, p1. Did you mean 'train/p3'?",
    ]


def test_a_split_left_empty_is_refused_before_a_run_folder_exists(pictures, tmp_path):
    recipe = recipe_for(pictures, exclude=["val/p0", "val/p1"])
    with pytest.raises(DataError, match=r"data\.exclude: leaves no picture in the split 'val' of zoo: it names all 2"):
        list(train(recipe, tmp_path / "run", data=tmp_path))
    assert not (tmp_path / "run").exists()
    with pytest.raises(DataError, match="leaves no picture"):
        open_data(recipe, tmp_path)


def test_the_cache_keeps_both_and_shares_what_loses_nothing(pictures, tmp_path):
    whole = pictures.open()
    less = Excluding(whole, ["train/p1"])
    opened = {
        (name, split): open_split(data, split, None, folder=tmp_path)
        for name, data in (("whole", whole), ("less", less))
        for split in ("train", "val")
    }
    assert opened["whole", "train"].key != opened["less", "train"].key
    assert opened["whole", "train"].entry.is_dir()
    assert len(opened["less", "train"]) == 3
    assert opened["whole", "val"].entry == opened["less", "val"].entry


def test_it_is_part_of_a_training_and_reported(pictures, tmp_path):
    recipe = recipe_for(pictures, exclude=["train/p1"])
    material = open_material(recipe, root=tmp_path)
    assert "data.exclude leaves out 1 picture: train 1." in material.notes
    assert material.train.names == ("p0", "p2", "p3")
    assert recipe.model_dump(mode="json")["data"]["exclude"] == ["train/p1"]
    assert check_recipe(parse_text(as_yaml(recipe), "recipe")) == recipe
    records = [{"recipe": one.model_dump(mode="json"), "data": {}} for one in (recipe, recipe_for(pictures))]
    assert run_key(records[0]) != run_key(records[1])


def test_a_recipe_without_exclusions_is_written_as_before(pictures):
    recipe = recipe_for(pictures, exclude=[])
    assert "exclude" not in as_yaml(recipe)
    assert "exclude" not in json.dumps(recipe.model_dump(mode="json"))


def test_frequencies_are_counted_again(small_cifar):
    whole = DATASETS.build("cifar10", small_cifar.root)
    gone = [
        f"train/{name}" for name, label in zip(whole.names("train"), whole.labels("train"), strict=True) if label == 3
    ]
    data = Excluding(whole, gone[1:])
    assert data.info.frequencies[3] == 1
    assert data.info.frequencies[2] == whole.info.frequencies[2]
    assert len(data.labels("train")) == len(data.names("train"))
