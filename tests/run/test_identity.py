"""One rule for when two recipes are the same training."""

from pixelwise.recipe.load import load_recipe
from pixelwise.run.identity import deciding, differences, is_place, without_place


def record(*overrides):
    return load_recipe("quickstart", overrides).model_dump(mode="json")


def test_what_a_recipe_says_of_itself_decides_nothing():
    assert deciding(record()) == deciding(record("title=Other", "about=more", "stated=[]", "gallery=3"))
    assert deciding(record()) != deciding(record("train.batch=3"))


def test_further_parts_can_be_left_out():
    assert deciding(record()) != deciding(record("train.seed=7"))
    assert deciding(record(), "train.seed") == deciding(record("train.seed=7"), "train.seed")
    assert "hardware" not in deciding(record(), "hardware")
    assert deciding({"title": "damaged", "train": None}) == {"train": None}


def test_every_difference_comes_with_its_path():
    before, after = deciding(record()), deciding(record("train.phases=[{epochs: 3}]", "model.width=9", "loss=focal"))
    found = {path: (old, new) for path, old, new in differences(before, after)}
    assert found["model.width"][1] == 9
    assert found["train.phases.0.epochs"] == (14, 3)
    assert found["loss.name"] == ("cross_entropy", "focal")
    assert "title" not in found


def test_a_path_is_a_place_where_the_recipe_without_its_place_lacks_it():
    dataset = {
        "name": "first",
        "of": {"name": "longtail", "of": {"name": "folder", "path": "a", "fit": "p"}, "factor": 9},
    }
    recipe = {"data": {"dataset": dataset, "path": "not of the data set"}, "model": {"name": "unet", "path": "b"}}
    gone = {path for path, *_ in differences(recipe, without_place(recipe))}
    assert gone == {"data.dataset.of.of.path"}
    every = {f"{where}.{key}" for where, told in _maps(recipe) for key in told}
    assert {path for path in every if is_place(path)} == gone


def _maps(tree, where=""):
    yield where, tree
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _maps(value, f"{where}.{key}" if where else key)
