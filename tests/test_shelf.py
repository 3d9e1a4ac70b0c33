"""Reading signatures without importing, and every refusal with its suggestion."""

import re
import sys
from typing import Annotated, Any, Literal

import annotated_types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise import shelf as shelf_module
from pixelwise.errors import RecipeError
from pixelwise.outside import find_source
from pixelwise.shelf import REQUIRED, Shelf, declares

SOURCE = '''
"""A module whose import would be noticed."""
from typing import Annotated, Any, Literal
from annotated_types import Ge, Le
raise SystemExit("imported")

Mode = Literal["fast", "exact"]
WIDTH = 64

@shelf.declares(gives="pixel")
@anything
def net(in_channels, /, out_channels, *, width: int = WIDTH, depth: Annotated[int, Ge(1), Le(9)] = 4, mode: Mode = "fast",
        rate: float = -1.5, pair: tuple[int, int] = (1, 2), many: tuple[float, ...] = (), names: list[str] | None = None,
        table: dict[str, int] = {}, switch: bool = False, other=None, path: str):
    """A net.

    It has options.
    """
    return in_channels

def plain(x):
    return x

async def waits(x):
    return x
'''

BUILDS = '''
from typing import Annotated
from annotated_types import Ge

def pair(first, *, size: tuple[int, int] = (1, 1), rate: Annotated[float, Ge(0)] = 0.5):
    """Keeps what it gets. size, rate: as they came."""
    return first, size, rate
'''


FAULTY = {
    "computed": "def net(x, *, rate: float = 1 / 255): ...",
    "broken": "def net(x, *, rate = 1",
    "called": "@declares(gives=place())\ndef net(x): ...",
    "unpacked": "@declares(**claims)\ndef net(x): ...",
    "unknown": "@declares(givs='pixel')\ndef net(x): ...",
    "vague": "@declares(gives='pixels')\ndef net(x): ...",
    "single": "@declares(counts='labels')\ndef net(x): ...",
    "bounded": "from limits import Odd\ndef net(x, *, rate: Annotated[int, Odd(1)] = 1): ...",
}


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A shelf over a package outside the house, of which one module must not be imported."""
    package = tmp_path / "outside"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "quiet.py").write_text(SOURCE)
    (package / "builds.py").write_text(BUILDS)
    monkeypatch.syspath_prepend(tmp_path)
    yield Shelf("model", {"net": "outside.quiet:net", "plain": "outside.quiet:plain", "pair": "outside.builds:pair"})
    for name in [name for name in sys.modules if name.split(".")[0] == "outside"]:
        del sys.modules[name]


def test_a_signature_is_read_without_importing(shelf):
    signature = shelf.signature("net")
    assert signature.given == ("in_channels", "out_channels")
    assert signature.doc.startswith("A net.")
    assert {name: option.default for name, option in signature.options.items()} == {
        "width": 64,
        "depth": 4,
        "mode": "fast",
        "rate": -1.5,
        "pair": (1, 2),
        "many": (),
        "names": None,
        "table": {},
        "switch": False,
        "other": None,
        "path": REQUIRED,
    }
    assert {name: option.type for name, option in signature.options.items()} == {
        "width": int,
        "depth": Annotated[int, annotated_types.Ge(1), annotated_types.Le(9)],
        "mode": Literal["fast", "exact"],
        "rate": float,
        "pair": tuple[int, int],
        "many": tuple[float, ...],
        "names": list[str] | None,
        "table": dict[str, int],
        "switch": bool,
        "other": Any,
        "path": str,
    }
    assert signature.options["path"].required
    assert "outside.quiet" not in sys.modules


def test_it_is_a_table_of_contents(shelf):
    assert list(shelf) == ["net", "plain", "pair"]
    assert len(shelf) == 3
    assert shelf["net"] == "outside.quiet:net"
    assert shelf["elsewhere.module:net"] == "elsewhere.module:net"


def test_an_unknown_name_comes_with_the_known_and_the_nearest(shelf):
    with pytest.raises(RecipeError, match=r"unknown model 'nett'; choose from net, pair, plain.*Did you mean 'net'\?"):
        shelf["nett"]


@pytest.mark.parametrize(
    ("options", "where", "what"),
    [
        ({"widht": 8, "path": ""}, "model.widht", "has no option 'widht'.*Did you mean 'width'"),
        ({"width": "wide", "path": ""}, "model.width", r"read 'wide', .*valid integer.*declared as int"),
        ({"width": True, "path": ""}, "model.width", "not a number"),
        ({"pair": [1, True], "path": ""}, "model.pair", r"read \[1, True\], in which true is not a number"),
        ({"many": [1, 2, False], "path": ""}, "model.many", "in which false is not a number"),
        ({"table": {"a": True}, "path": ""}, "model.table", "in which true is not a number"),
        ({"depth": 0, "path": ""}, "model.depth", r"read 0, .*greater than or equal to 1.*Ge\(1\)"),
        ({"mode": "slow", "path": ""}, "model.mode", "'fast' or 'exact'"),
        ({"pair": [1, 2, 3], "path": ""}, "model.pair", "at most 2"),
        ({}, "model", "needs the option 'path'"),
    ],
)
def test_every_refusal_says_where_what_and_what_is_allowed(shelf, options, where, what):
    (problem,) = shelf.check("net", options, where="model")
    assert problem.where == where
    assert re.search(what, str(problem), re.DOTALL)


def test_all_problems_come_at_once(shelf):
    problems = shelf.check("net", {"widht": 8, "depth": 0, "mode": "slow"}, where="model")
    assert [problem.where for problem in problems] == ["model.widht", "model.depth", "model.mode", "model"]
    assert shelf.check("plain", {"width": 3})[0].what == "model 'plain' has no option 'width'; it has: none."


def test_what_is_allowed_passes(shelf):
    good = {"path": "x", "pair": [3, 4], "many": [1, 2.5], "names": ["a"], "table": {"a": 1}, "other": object()}
    assert shelf.check("net", good) == []


def test_build_imports_converts_and_calls(shelf):
    assert shelf.build("pair", "given", size=[3, 4]) == ("given", (3, 4), 0.5)
    assert shelf.build("outside.builds:pair", 1, rate=2) == (1, (1, 1), 2.0)


def test_build_refuses_before_it_imports(shelf):
    with pytest.raises(RecipeError, match=r"model 'net'\.depth: read 0"):
        shelf.build("net", 3, 2, depth=0, path="x")
    assert "outside.quiet" not in sys.modules


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("nowhere.at_all:net", "module 'nowhere.at_all'.*was not found.*Install its package"),
        ("outside.missing:net", "module 'outside.missing'"),
        ("outside.builds:pear", r"has no function 'pear'.*Did you mean 'pair'\?"),
        ("math:sqrt", "module 'math'|has no function"),
    ],
)
def test_targets_that_lead_nowhere(shelf, target, what):
    with pytest.raises(RecipeError, match=what):
        shelf.signature(target)
    assert len(shelf.check(target, {}, where="model.name")) == 1


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("computed", r"option 'rate': the default `1 / 255` would have to be computed"),
        ("broken", "not readable Python"),
        ("called", r"outside.called:net: `declares\(gives=place\(\)\)` would have to be computed"),
        ("unpacked", r"`declares\(\*\*claims\)` would have to be computed"),
        ("unknown", "declares has no keyword 'givs'.*Did you mean 'gives'"),
        ("vague", r"declares\(gives='pixels'\): a word must be one of pixel, picture, objects. Did you mean 'pixel'"),
        ("single", r"declares\(counts='labels'\): the value must be a tuple of texts"),
    ],
)
def test_sources_that_cannot_be_read_as_a_builder(shelf, tmp_path, name, what):
    (tmp_path / "outside" / f"{name}.py").write_text(FAULTY[name])
    with pytest.raises(RecipeError, match=what):
        shelf.signature(f"outside.{name}:net")


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        ("Annotated[str, Ge(1)]", "x"),
        ("Annotated[int, Ge('x')]", 1),
        ("Literal[[1]]", True),
        ("Literal[()]", 1),
        ("Literal[what]", 1),
        ("tuple[..., int]", 1),
        ("list[" * 300 + "int" + "]" * 300, 1),
        ("(" * 300 + "int" + ")" * 300, 1),
    ],
)
def test_an_annotation_that_cannot_be_checked_is_one_problem(shelf, tmp_path, annotation, value):
    (tmp_path / "outside" / "odd.py").write_text(f"def net(x, *, option: {annotation}): ...")
    (
        shelf_module._read.cache_clear(),
        shelf_module._find_function.cache_clear(),
        shelf_module._read_signature.cache_clear(),
    )
    assert len(shelf.check("outside.odd:net", {"option": value}, where="model")) == 1


def test_a_declaration_is_read_without_importing(shelf):
    assert shelf.declared("net") == shelf.declared("outside.quiet:net") == {"gives": "pixel"}
    assert shelf.declared("plain") == {}
    assert "outside.quiet" not in sys.modules


def test_a_builder_holds_what_it_declares():
    @declares(counts=("labels",), needs=())
    def metric(info): ...

    assert metric.__declares__ == {"counts": ("labels",), "needs": ()}
    with pytest.raises(RecipeError, match=r"must be a text or a map of texts"):
        declares(loss=3)


def test_a_bound_that_is_not_known_is_left_to_the_builder(shelf, tmp_path):
    (tmp_path / "outside" / "bounded.py").write_text(FAULTY["bounded"])
    assert shelf.signature("outside.bounded:net").options["rate"].type is int


def test_sources_are_found_without_importing_their_packages(shelf, tmp_path):
    assert find_source("outside.quiet") == tmp_path / "outside" / "quiet.py"
    assert find_source("outside") == tmp_path / "outside" / "__init__.py"
    assert find_source("outside.nothing") is None
    assert "outside" not in sys.modules


@settings(max_examples=30, deadline=None)
@given(st.text(min_size=1).filter(lambda text: ":" not in text))
def test_any_unknown_name_is_our_own_error(name):
    with pytest.raises(RecipeError):
        Shelf("model", {"unet": "a:b"})[name if name != "unet" else "unett"]
