"""What every shelf owes: what is read off the source without importing is what Python would say after importing."""

import importlib
import inspect
import subprocess
import sys
from typing import Any, get_type_hints

import pytest

from pixelwise.recipe.shelves import SCRATCH
from pixelwise.recipe.shelves import SHELVES as TORCH
from pixelwise.shelf import REQUIRED

SHELVES = TORCH | {shelf.kind: shelf for shelf in SCRATCH.values()}
ITEMS = [(kind, name) for kind, shelf in SHELVES.items() for name in shelf]

every_item = pytest.mark.parametrize(("kind", "name"), ITEMS, ids=[f"{kind}-{name}" for kind, name in ITEMS])


def live(kind, name):
    module, _, function = SHELVES[kind][name].partition(":")
    return getattr(importlib.import_module(module), function)


@every_item
def test_signature_is_the_live_one(kind, name):
    read = SHELVES[kind].signature(name)
    parameters = inspect.signature(live(kind, name)).parameters.values()
    positional = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    assert read.given == tuple(p.name for p in parameters if p.kind in positional)
    options = [p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    assert list(read.options) == [p.name for p in options]
    for option in options:
        expected = REQUIRED if option.default is inspect.Parameter.empty else option.default
        assert read.options[option.name].default == expected
        assert type(read.options[option.name].default) is type(expected)
    assert len(read.given) + len(options) == len(parameters), "no *args or **kwargs: they would hide options"


@every_item
def test_types_are_the_live_ones_and_none_goes_unchecked(kind, name):
    hints = get_type_hints(live(kind, name), include_extras=True)
    for option in SHELVES[kind].signature(name).options.values():
        assert option.type == hints[option.name]
        assert option.type is not Any


@every_item
def test_defaults_pass_their_own_check(kind, name):
    options = SHELVES[kind].signature(name).options
    chosen = {key: option.default for key, option in options.items() if not option.required}
    required = {f"{kind} '{name}' needs the option '{key}'." for key, option in options.items() if option.required}
    assert {problem.what for problem in SHELVES[kind].check(name, chosen)} == required


@every_item
def test_there_is_a_docstring_and_it_is_the_live_one(kind, name):
    read = SHELVES[kind].signature(name).doc
    assert read
    assert read == inspect.cleandoc(live(kind, name).__doc__)


@every_item
def test_declarations_are_the_live_ones_and_complete(kind, name):
    owed = {"task": {"predicts", "heads", "per", "loss", "metrics", "best"}, "model": {"gives"}, "loss": {"takes"}}
    declared = SHELVES[kind].declared(name)
    if declared.get("per") == "objects":  # its models own their losses
        owed["task"] -= {"loss"}
    assert declared == getattr(live(kind, name), "__declares__", {})
    assert {"metric": {"counts"}, **owed}.get(kind.removeprefix("NumPy ").replace("network", "model"), set()) <= set(
        declared
    )


def test_listing_and_checking_never_import_torch():
    program = """
import sys
from pixelwise.recipe.shelves import SHELVES
for shelf in SHELVES.values():
    for name in shelf:
        shelf.signature(name)
        shelf.check(name, {"nonsense": 1})
loud = [name for name in ("torch", "torchvision", "matplotlib", "skimage", "sklearn", "scipy") if name in sys.modules]
sys.exit(", ".join(loud) or 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
