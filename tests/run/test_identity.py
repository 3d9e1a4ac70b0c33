"""One rule for when two recipes are the same training."""

from pixelwise.recipe.load import load_recipe
from pixelwise.run.identity import deciding, differences


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
