"""The data set `annotated`: what tasks it fits, its splits, and the cache."""

import numpy as np
import pytest

from drawn_exports import as_yolo
from pixelwise.data import DATASETS
from pixelwise.data.cache import open_split
from pixelwise.errors import RecipeError
from pixelwise.recipe.load import load_recipe


def recipe(recipe_name, kind):
    dataset = f"data.dataset={{name: annotated, path: pets, kind: {kind}}}"
    return load_recipe(recipe_name, [dataset])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("voc2007/basic_fcn", "objects"),
        ("penn_fudan/mask_rcnn_lite0", "objects"),
        ("penn_fudan/watershed_unet", "objects"),
        ("flowers17/lite0_classes", "labels"),
    ],
)
def test_recipes_take_it_in_place_of_their_own_data(name, kind):
    assert recipe(name, kind).data.dataset.name == "annotated"


def test_labels_have_to_be_asked_for():
    with pytest.raises(RecipeError, match=r"task 'classify' needs labels.*Set data\.dataset\.kind=labels"):
        recipe("flowers17/lite0_classes", "objects")


def test_the_cache_follows_the_labels(folder, tmp_path):
    as_yolo(folder)
    options = {"path": str(folder.path), "format": "auto"}

    def masks():
        data = DATASETS.build("annotated", tmp_path, **options)
        entry = open_split(data, "train", size=None, folder=tmp_path / "cache")
        return entry.key, entry[0].mask

    key, mask = masks()
    assert (mask == 2).any()
    assert masks()[0] == key
    text = folder.path / "train/labels/a.txt"
    text.write_text("\n".join(line for line in text.read_text().splitlines() if line[0] == "0"))
    other, mask = masks()
    assert other != key
    assert not (mask == 2).any()


def test_splits_are_drawn_where_the_export_says_none(folder, tmp_path):
    as_yolo(folder)
    for number in range(10):
        folder.picture(f"train/images/p{number}_0.png")
        folder.picture(f"train/images/p{number}_1.png")
    folder.text("data.yaml", "train: train/images\nnames: [cat, dog]\n")
    data = DATASETS.build("annotated", tmp_path, path=str(folder.path), group=r"^(p\d+)_", val=0.3)
    names = {split: {name.partition("_")[0] for name in data.names(split)} for split in data.splits()}
    assert not names["train"] & names["val"]
    assert len(data.names("val")) == round(0.3 * 21)
    assert "30 % for 'val' are drawn from the pictures of 'train'." in str(data.notices()[0])
    told = DATASETS.build("annotated", tmp_path, path=str(folder.path), val=0.0, seed=3)
    assert told.splits() == ("train",)
    assert "data.dataset.val=0.0 and data.dataset.seed=3: no effect" in told.remarks()[0]
    assert np.array_equal(told.read("train", 0).image, data.read("train", 0).image)
