"""Errors: where, what was read, what is allowed, what to try; whole on the way between processes."""

import copy
import doctest
from typing import Any

import pytest

from pixelwise import errors
from pixelwise.errors import DataError, PixelwiseError, Problem, RecipeError, did_you_mean, listing, shown, type_fault


def test_the_examples_of_the_docstrings_run() -> None:
    assert doctest.testmod(errors).failed == 0


def test_one_problem_reads_as_a_sentence() -> None:
    error = DataError("has 3 channels, a mask has one.", where="masks/cat.png", hint="Save it as a palette picture.")
    assert str(error) == "masks/cat.png: has 3 channels, a mask has one. Save it as a palette picture."
    assert str(DataError("is missing.")) == "is missing."


def test_several_problems_read_as_a_list_and_keep_their_kind() -> None:
    error = RecipeError.all([Problem("a", "is wrong.", "Mend it."), Problem("", "is missing.")])
    assert isinstance(error, RecipeError)
    assert str(error) == "  - a: is wrong. Mend it.\n  - is missing."
    assert error.args == ("a: is wrong. Mend it.; is missing.",)


@pytest.mark.parametrize("kind", PixelwiseError.__subclasses__())
def test_an_error_survives_the_way_from_a_worker(kind: type[PixelwiseError]) -> None:
    for error in (kind("what.", where="where", hint="hint"), kind.all([Problem("a", "b."), Problem("c", "d.")])):
        again = copy.copy(error)  # by way of __reduce__, as a DataLoader worker sends it
        assert type(again) is kind
        assert again.problems == error.problems
        assert str(again) == str(error)


def test_a_suggestion_only_where_something_is_near() -> None:
    assert did_you_mean("learning_rat", ["learning_rate", "batch"]) == "Did you mean 'learning_rate'?"
    assert did_you_mean("xyz", ["learning_rate"]) == ""
    assert did_you_mean("", []) == ""


def test_a_listing_is_cut_with_the_number_of_the_rest() -> None:
    assert listing("abc") == "a, b, c"
    assert listing((str(n) for n in range(10)), limit=2) == "0, 1 and 8 more"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null"), (True, "true"), (False, "false"), (0, "0"), (1, "1"), ("a", "'a'"), ([1, "b"], "[1, 'b']")],
)
def test_a_value_is_shown_as_a_recipe_writes_it(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_long_value_is_cut() -> None:
    assert shown("x" * 1000) == "'" + "x" * 77 + " …"
    assert shown(10**5000) == "int too long to show"
    assert len(shown(list(range(1000)))) == 80


@pytest.mark.parametrize(
    ("annotation", "value", "sentence"),
    [
        (int, "a", "which is not a valid integer"),
        (int, 1.5, "which is not a valid integer"),
        (int, None, "which is not a valid integer"),
        (float, "a", "which is not a number"),
        (bool, "perhaps", "which is neither true nor false"),
        (str, 3, "which is not a text"),
        (list[int], 3, "which is not a list"),
        (tuple[int, int], 3, "which is not a list"),
        (tuple[int, int], [1, 2, 3], "but it must have at most 2 elements"),
        (tuple[int, int], [1], "an element is missing"),
        (dict[str, int], 3, "which is not a map of keys"),
    ],
)
def test_pydantics_faults_in_our_words(annotation: Any, value: object, sentence: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    with pytest.raises(ValidationError) as refused:
        TypeAdapter(annotation).validate_python(value)
    assert type_fault(refused.value.errors()[0]) == sentence


def test_a_fault_that_is_not_known_keeps_its_own_words() -> None:
    assert type_fault({"type": "new", "msg": "Something else"}) == "something else"
    assert type_fault({"type": "new", "msg": ""}) == ""
