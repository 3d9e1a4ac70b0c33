"""SECURITY.md: every promise has tests, which exist; and two promises that only the source can show."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROMISES = [row for row in re.findall(r"^\| (.*) \|$", TEXT, re.M) if row != "promise | tests"]
PUBLISHED = "models/published.py"
SOURCES = {path.relative_to(ROOT / "src/pixelwise").as_posix(): path for path in (ROOT / "src").rglob("*.py")}


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_there_are_promises() -> None:
    assert len(PROMISES) > 10


@pytest.mark.parametrize("promise", PROMISES, ids=lambda row: row[:40])
def test_a_promise_names_tests_that_exist(promise: str) -> None:
    what, _, tests = promise.rpartition(" | ")
    assert what
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
    assert len(named) == tests.count("`") // 2 > 0
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"


def test_nothing_unpickles() -> None:
    assert SOURCES
    readers = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "torch.load"}
    assert {name: found for name, path in SOURCES.items() if (found := imported(path) & readers)} == {}
    for name, path in SOURCES.items():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"allow_pickle=True", text), name
        loads = re.findall(
            r"\btorch\.load\(.*", text
        )  # published weights are the one exception that SECURITY.md states
        assert len(loads) == (name == PUBLISHED) == sum("weights_only=True)" in load for load in loads), name
        assert text.count("np.load(") == text.count("allow_pickle=False"), name


def test_only_fetching_and_published_weights_use_the_network() -> None:
    network = {
        "socket",
        "ssl",
        "http",
        "http.client",
        "urllib.request",
        "requests",
        "urllib3",
        "httpx",
        "aiohttp",
        "pooch",
        "huggingface_hub.hf_hub_download",
        "torch.hub",
    }
    assert {name for name, path in SOURCES.items() if imported(path) & network} == {"data/fetch.py", PUBLISHED}
