"""Ranges as they are written, what they draw, and everything that is refused before the first trial."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelwise.errors import RecipeError
from pixelwise.experiments.settings import Range, read_range, read_space

RATE = "train.optimizer.learning_rate"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("log(1e-4,1e-1)", Range(RATE, "log", 1e-4, 1e-1)),
        ("uniform(0, 1)", Range(RATE, "uniform", 0, 1)),
        ("int(8,64)", Range(RATE, "int", 8, 64)),
        ("logint(8,64)", Range(RATE, "logint", 8, 64)),
        ("choice(32,[1, 2],'a,b')", Range(RATE, "choice", choices=("32", "[1, 2]", "'a,b'"))),
        ("0.1", None),
        ("[{name: flip, p: 0.5}]", None),
    ],
)
def test_what_is_written_is_read(written: str, expected: Range | None) -> None:
    assert read_range(RATE, written) == expected
    if expected is not None:
        assert read_range(RATE, expected.written) == expected


@given(st.floats(0, 1), st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
def test_a_drawn_number_is_short_and_lies_within_the_range(part: float, length: float, low: float) -> None:
    one = Range("a", "uniform", low, low + length)
    drawn = min(one.high, low + part * length)
    text = one.text(drawn)
    assert one.low <= float(text) <= one.high
    assert float(text) == pytest.approx(drawn, rel=1e-3, abs=1e-300)


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ([], "no range is given, so there is nothing to search"),
        (["train.batch=8"], "no range is given, so there is nothing to search"),
        (["train.bach=int(4,8)"], "train.bach: unknown key"),
        (["model.widht=int(4,8)"], "Did you mean 'width'?"),
        (["train.batch=int(8,8)"], "train.batch: read 'int(8,8)'; the first end must be less than the second."),
        (["train.batch=int(9,8)"], "the first end must be less"),
        (["train.batch=int(1.5,8)"], "read '1.5', which is not a whole number."),
        (["train.batch=int(0,8)"], "train.batch: read 0, but it must be greater than or equal to 1."),
        (["train.batch=uniform(2,8)"], "train.batch: read 2.0, which is not a valid integer."),
        ([f"{RATE}=log(0,1)"], "a logarithmic range must begin above 0. Use uniform(...)"),
        ([f"{RATE}=log(-1,1)"], "a logarithmic range must begin above 0."),
        ([f"{RATE}=log(1e-4)"], "log needs two ends."),
        ([f"{RATE}=log(a,b)"], "read 'a', which is not a number."),
        (
            [f"{RATE}=lgo(1e-4,1)"],
            "unknown range 'lgo'; choose from uniform, log, int, logint, choice. Did you mean 'log'?",
        ),
        (["train.batch=choice(8)"], "a choice needs at least two values. For a single value write train.batch=8."),
        (["train.batch=choice(8,8)"], "train.batch: takes the value 8 twice."),
        (["train.batch=choice(8,)"], "train.batch: a value between two commas is empty."),
        (["train.batch=choice(8,x)"], "train.batch: read 'x', which is not a valid integer."),
        (["train.batch=int(1,2)", "train.batch=8"], "train.batch: is given twice."),
        (["int(1,2)"], "a search needs words of the form a.b=RANGE or a.b=VALUE."),
    ],
)  # fmt: skip
def test_what_is_refused(texts: list[str], sentence: str) -> None:
    with pytest.raises(RecipeError) as refused:
        read_space("quickstart", texts)
    assert sentence in str(refused.value)


def test_choices_that_do_not_go_together_are_refused_at_once() -> None:
    with pytest.raises(RecipeError, match="depth"):
        read_space("quickstart", ["model=choice(unet,basic_fcn)", "model.depth=int(1,2)"])


def test_a_point_of_the_space_is_a_recipe() -> None:
    space = read_space("quickstart", ["train.batch=4", f"{RATE}=log(1e-4,1e-1)", "model.width=int(2,8)"])
    recipe = space.recipe_at({RATE: "0.001235", "model.width": "5"})
    assert (recipe.train.batch, recipe.model.options["width"]) == (4, 5)
    assert recipe.train.optimizer.options["learning_rate"] == 0.001235
