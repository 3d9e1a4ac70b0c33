"""`pixelwise list` and `show`: everything on every shelf can be listed and shown without importing it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Le

from pixelwise.cli import app
from pixelwise.cli.shelves import PLURALS, find_kind, type_words
from pixelwise.errors import RecipeError
from pixelwise.recipe.load import check_recipe, load_recipe
from pixelwise.recipe.shelves import SHELVES
from pixelwise.recipe.shipped import shipped_recipes
from pixelwise.yaml_text import parse_text


def output_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as end:
        app(words)
    assert not end.value.code
    return capsys.readouterr().out


def test_list_names_everything_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    contents = json.loads(output_of(capsys, "list", "--json"))
    assert set(contents) == set(PLURALS.values())
    assert set(contents["recipes"]) == set(shipped_recipes())
    for kind, shelf in SHELVES.items():
        assert set(contents[PLURALS[kind]]) == set(shelf)
    assert all(line for lines in contents.values() for line in lines.values()), "each has a first line"
    shown = output_of(capsys, "list")
    assert all(name in shown for lines in contents.values() for name in lines)


def test_list_of_one_kind(capsys: pytest.CaptureFixture[str]) -> None:
    shown = output_of(capsys, "list", "models")
    assert "unet" in shown
    assert "quickstart" not in shown


@pytest.mark.parametrize("kind", list(SHELVES))
def test_show_tells_every_option_of_everything(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name, target in SHELVES[kind].items():
        record = json.loads(output_of(capsys, "show", kind, name, "--json"))
        options = SHELVES[kind].signature(name).options
        assert record["target"] == target
        assert record["about"]
        assert {option["name"] for option in record["options"]} == set(options)
        shown = output_of(capsys, "show", PLURALS[kind], name)
        assert all(option in shown for option in options)


def test_show_recipe_gives_its_card_and_text_that_loads_again(capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads(output_of(capsys, "show", "recipe", "quickstart", "--json"))
    again = check_recipe(parse_text(record["yaml"], where="yaml"))
    assert again.model_dump(mode="json") == record["recipe"] == load_recipe("quickstart").model_dump(mode="json")
    assert "pixelwise train quickstart" in record["card"]
    shown = output_of(capsys, "show", "recipe", "quickstart")
    assert record["yaml"].rstrip() in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["list", "modles"], r"unknown kind 'modles'.*Did you mean 'models'\?"),
        (["show", "model", "unett"], r"unknown model 'unett'.*Did you mean 'unet'\?"),
        (["show", "recipe", "quikstart"], r"recipe 'quikstart' was not found.*Did you mean 'quickstart'\?"),
    ],
)
def test_unknown_words_are_refused_with_a_suggestion(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        app(words)
    assert end.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_nothing_of_it_imports_torch() -> None:
    words = [["list"], ["list", "nothing"], ["show", "recipe", "quickstart"], ["show", "model", "nothing"]]
    words += [["show", kind, name] for kind, shelf in SHELVES.items() for name in shelf]
    program = (
        "import sys; from pixelwise.cli import app\n"
        f"for words in {words!r}:\n"
        "    try: app(words)\n"
        "    except SystemExit: pass\n"
        "    assert not {'torch', 'torchvision', 'matplotlib', 'skimage'} & set(sys.modules), words"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("word", ["model", "models", "Models"])
def test_kinds_are_known_in_both_numbers(word: str) -> None:
    assert find_kind(word) == "model"


def test_data_sets_may_be_two_words() -> None:
    assert find_kind("data sets") == find_kind("data-set") == "dataset"
    with pytest.raises(RecipeError, match="unknown kind ''"):
        find_kind("")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int, "int"),
        (Annotated[int, Ge(1), Le(8)], "int, at least 1, at most 8"),
        (Annotated[float, Gt(0)] | None, "float, more than 0 | null"),
        (Literal["ignore", "background"], "ignore | background"),
        (list[str], "list of str"),
        (tuple[float, float], "[float, float]"),
        (tuple[int, ...], "[int, ...]"),
        (Any, ""),
    ],
)
def test_types_are_put_into_words(kind: Any, words: str) -> None:
    assert type_words(kind) == words
