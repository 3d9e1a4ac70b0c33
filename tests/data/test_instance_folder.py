"""`folder` with instance maps of 16 bits and with connected parts; what `data check` finds in objects."""

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data.checks import check_dataset
from pixelwise.data.folder import folder
from pixelwise.errors import DataError, RecipeError
from pixelwise.recipe.load import check_recipe

SIZE = (40, 50)


@pytest.fixture
def place(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / "cells" / name).mkdir(parents=True)

    def add(name, ids):
        pixels = np.random.default_rng(len(name)).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
        Pillow.fromarray(pixels).save(tmp_path / "cells" / "images" / f"{name}.png")
        Pillow.fromarray(ids).save(tmp_path / "cells" / "masks" / f"{name}.png")
        return tmp_path

    return add


def ids():
    plane = np.zeros(SIZE, np.uint16)
    plane[2:12, 2:10], plane[2:12, 10:20], plane[20:30, 5:15] = 1001, 40000, 1002
    return plane


def test_maps_of_16_bits_are_objects(place):
    place("a", ids())
    root = place("bb", ids() * 0)
    data = folder(root, path="cells", kind="instances")
    assert data.info.classes == ("background", "object")
    samples = {name: data.read(split, i) for split in data.splits() for i, name in enumerate(data.names(split))}
    assert [(one.label, one.mask.area) for one in samples["a"].objects] == [(1, 80), (1, 100), (1, 100)]
    assert samples["a"].mask.max() == 1
    assert samples["bb"].objects == []


def test_numbers_may_say_the_class(place):
    plane = np.zeros(SIZE, np.uint16)
    plane[0:5], plane[10:15], plane[20:25] = 1, 2001, 2002
    place("a", plane)
    root = place("bb", plane)
    data = folder(root, path="cells", kind="instances", divisor=1000, classes=["ground", "road", "car"])
    sample = data.read("train", 0)
    assert [one.label for one in sample.objects] == [2, 2]
    assert [sample.mask[row, 0] for row in (2, 12, 22, 30)] == [1, 2, 2, 0]


def test_values_say_the_class_of_numbers(place):
    plane = np.zeros(SIZE, np.uint16)
    plane[0:5], plane[10:15], plane[20:25], plane[30:35] = 3, 2001, 7002, 2
    root = place("a", plane)
    values = {"ground": [0, 3], "car": 2, "void": 7}
    sample = folder(root, path="cells", kind="instances", divisor=1000, values=values, val=0.0).read("train", 0)
    assert [(one.label, one.crowd) for one in sample.objects] == [(1, True), (1, False)]
    assert [sample.mask[row, 0] for row in (2, 12, 22, 32, 38)] == [0, 1, 255, 1, 0]
    whole = folder(root, path="cells", kind="instances", values={"ground": "0-3", "cell": "> 3"}, val=0.0)
    assert [one.label for one in whole.read("train", 0).objects] == [1, 1]


def test_numbers_without_a_class_are_refused(place):
    plane = np.zeros(SIZE, np.uint16)
    plane[0:5] = 9001
    data = folder(
        place("a", plane), path="cells", kind="instances", divisor=1000, values={"ground": 0, "car": 2}, val=0.0
    )
    with pytest.raises(DataError, match=r"a\.png.* 9"):
        data.read("train", 0)


def test_connected_parts_of_classes_are_objects(place):
    plane = np.zeros(SIZE, np.uint8)
    plane[0:5, 0:5], plane[5:9, 5:9], plane[20:25, 20:25], plane[30:35] = 1, 1, 1, 2
    place("a", plane)
    root = place("bb", plane)
    data = folder(root, path="cells", kind="components", classes=["ground", "cat", "dog"])
    assert [(one.label, one.mask.area) for one in data.read("train", 0).objects] == [(1, 41), (1, 25), (2, 250)]


def test_the_check_finds_what_is_odd(place):
    plane = ids()
    plane[35:38, 40:43] = 5
    plane[25:35, 30:40], plane[2:7, 40:49] = 6, 6
    plane[32, 8] = 1002
    place("a", plane)
    root = place("bb", ids())
    found = {one.check: one.what for one in check_dataset(folder(root, path="cells", kind="instances"))}
    assert found["specks"] == "1 object with fewer than 16 pixels."
    assert found["several objects under one number"].startswith("1 object of parts")
    assert found["unconnected objects"] == "1 object of parts that are not connected."
    assert found["touching objects"] == "6 of 8 objects touch another one, in 2 pictures."


def test_a_mask_of_classes_is_refused_where_objects_are_needed():
    tree = {"task": "separate", "model": "fpn", "data": {"dataset": {"name": "folder", "path": "cells"}}}
    tree["train"] = {"phases": [{"epochs": 1}]}
    said = r"task 'separate' needs .*objects, but data set 'folder' has masks.*Set data\.dataset\.kind=instances or components"
    with pytest.raises(RecipeError, match=said):
        check_recipe(tree, where="recipe")
    tree["data"]["dataset"]["kind"] = "components"
    with pytest.raises(RecipeError) as error:
        check_recipe({**tree, "nonsense": 1}, where="recipe")
    assert "needs" not in str(error.value)
