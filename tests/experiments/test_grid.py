"""A grid as it is written: values, names, and every fault of every run at once."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelwise.errors import RecipeError
from pixelwise.experiments.settings import _value_in_name, plan, short_keys, split_values

Plain = st.text("abc019.-_ ", min_size=1).map(str.strip).filter(bool)
Values = st.one_of(
    Plain, st.lists(Plain, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"), Plain.map(lambda v: f"'{v},{v}'")
)


@given(st.lists(Values, min_size=1, max_size=6))
def test_values_are_split_where_they_were_joined(values: list[str]) -> None:
    assert split_values(",".join(values)) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("32,64", ["32", "64"]),
        ("[32, 48],null", ["[32, 48]", "null"]),
        ("{name: step, at: [1, 2]},cosine", ["{name: step, at: [1, 2]}", "cosine"]),
        ("'a,b',c", ["'a,b'", "c"]),
        ("['a],b', c],d", ["['a],b', c]", "d"]),
        ("it's,that's", ["it's", "that's"]),
        ("", [""]),
    ],
)
def test_values_by_example(text: str, values: list[str]) -> None:
    assert split_values(text) == values


def test_the_grid_turns_its_last_factor_fastest() -> None:
    factors, runs = plan("quickstart", ["data.dataset.size=32,64", "train.batch=4", "train.seed=0,1"])
    assert [run.name for run in runs] == ["size=32,seed=0", "size=32,seed=1", "size=64,seed=0", "size=64,seed=1"]
    assert [(run.recipe.data.dataset.options["size"], run.recipe.train.seed) for run in runs] == [
        (32, 0), (32, 1), (64, 0), (64, 1),
    ]  # fmt: skip
    assert all(run.recipe.train.batch == 4 for run in runs)
    assert list(factors.values()) == [("32", "64"), ("4",), ("0", "1")]
    assert [run.name for run in plan("quickstart", ["train.seed=3"])[1]] == ["run"]


def test_names_are_plain_and_different() -> None:
    _, runs = plan("quickstart", ["augment=[],[{name: flip, p: 0.25}]", "train.best='a/../b','a b'"])
    names = [run.name for run in runs]
    assert len(set(names)) == len(names)
    assert not any(letter in name for name in names for letter in "/ '[]{}")
    assert short_keys(["a.p.0", "b.0", "c.seed"]) == {"a.p.0": "p.0", "b.0": "b.0", "c.seed": "seed"}


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("0.001", "0.001"),
        ("[64, 80]", "64-80"),
        ("null", "null"),
        ("{}", "empty"),
        ("unet", "unet"),
        ("{name: unet, width: 8}", "unet-width-8"),
        ("[{name: flip, p: 0.25}, crop]", "flip-p-0.25-crop"),
        ("[{epochs: 3}]", "epochs-3"),
        ("{name: weighted_sum, parts: [dice, {name: focal, gamma: 2}]}", "weighted_sum-dice-[0-9a-f]{6}"),
        ("[{name: scale_crop, size: [56, 72], scale: [0.0625, 0.0625]}]", "scale_crop-56-72-[0-9a-f]{6}"),
        (f"[{', '.join(map(str, range(40)))}]", "0-1-2-3-4-5-6-7-[0-9a-f]{6}-4-35-36-37-38-39"),  # as before
    ],
)
def test_a_value_in_a_name_is_short_and_that_of_plain_values_as_before(value: str, name: str) -> None:
    assert re.fullmatch(name, _value_in_name(value))


@pytest.mark.parametrize(
    ("texts", "sentences"),
    [
        (["train.seed="], ["train.seed: takes no value."]),
        (["train.batch=8,,9", "train.seed"], ["a value between two commas is empty.", "'train.seed': a sweep needs words"]),
        (["train.batch=8", "train.batch=9"], ["train.batch: is given twice. Write all its values in one setting"]),
        (["train.clip=1e-3,.001"], ["takes the value 1e-3 twice, once written .001."]),
        (["title=one,two"], ["title=one and title=two are the same recipe. One of their factors changes nothing."]),
        (["train.bach=4,8"], ["quickstart: train.bach: unknown key;", "Did you mean 'batch'?"]),
        (["train.batch=a,b,8", "model.depht=1"], ["read 'a'", "read 'b'", "has no option 'depht'"]),
        (["train.batch=[8,16"], ["line 1, column"]),
        (["train.seed=" + ",".join(map(str, range(40))), "train.batch=" + ",".join(map(str, range(1, 40)))], ["1,560 runs"]),
    ],
)  # fmt: skip
def test_every_fault_is_told_once(texts: list[str], sentences: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        plan("quickstart", texts)
    said = str(caught.value)
    for sentence in sentences:
        assert said.count(sentence) == 1, said
