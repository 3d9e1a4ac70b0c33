"""The parts that the runs use, and the works that their sources cite. Sources are read, never imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from pixelwise.errors import PixelwiseError
from pixelwise.outside import find_source
from pixelwise.recipe.engines import shelves
from pixelwise.report.record import Record
from pixelwise.shelf import Shelf
from pixelwise.shown import kind_by_task
from pixelwise.yaml_text import read_file

# `Lin et al. 2017`, `Wu & He 2018`, `He, Zhang, Ren & Sun 2016`: names, then a year within a few letters
CITATION = re.compile(r"[A-Z][\w’'-]+(?:(?:,| &| and) [A-Z][\w’'-]+)*(?: et al\.)?,? \(?(?:19|20)\d\d\b")
INITIALISERS = ("xavier_uniform", "he_normal", "small_scores", "linear_classifiers", "near_equal_scores")
KINDS = {  # kind of a shelf → the part of Related work that speaks of it
    "dataset": "data",
    "task": "task",
    "model": "networks",
    "encoder": "networks",
    "loss": "losses",
    "optimizer": "training",
    "schedule": "training",
    "augmentation": "training",
    "metric": "scores",
}


@dataclass(frozen=True)
class Used:
    """Something from a shelf that a recipe uses. options: all of them, defaults written out."""

    kind: str
    name: str
    options: Mapping[str, Any]


def kind_of(record: Record) -> str:
    """The kind of prediction of a run; version 0.1 did not record it."""
    return str(record.setup.get("kind") or kind_by_task(record.setup))


def used(record: Record) -> list[Used]:
    """Everything from a shelf in a run's recipe, in its order; what is within something else follows it."""
    recipe = record.setup.get("recipe") or {}
    there = shelves(str(recipe.get("engine") or "torch"))
    phases = (recipe.get("train") or {}).get("phases") or ()
    train = recipe.get("train") or {}
    found = [
        *_items("dataset", (recipe.get("data") or {}).get("dataset"), there),
        *_items("task", recipe.get("task"), there),
        *_items("model", recipe.get("model"), there),
        *_items("loss", recipe.get("loss"), there),
        *(one for phase in phases for one in _items("loss", phase.get("loss"), there)),
        *_items("augmentation", recipe.get("augment"), there),
        *_items("optimizer", train.get("optimizer"), there),
        *(one for part in (train, *phases) for one in _items("schedule", part.get("schedule"), there)),
        *_items("metric", recipe.get("metrics"), there),
    ]
    return [one for place, one in enumerate(found) if one not in found[:place]]


def _items(kind: str, value: Any, there: Mapping[str, Shelf]) -> Iterator[Used]:
    """The items in a value of a recipe: one, a list of them, or a map head → item."""
    if isinstance(value, str) and value:
        value = {"name": value}
    if isinstance(value, list | tuple):
        for one in value:
            yield from _items(kind, one, there)
    elif isinstance(value, Mapping) and isinstance(name := value.get("name"), str):
        options = {key: option for key, option in value.items() if key != "name"}
        shelf = there[kind]
        if name in tuple(shelf):  # of a name outside the package, the source is not read
            given = {key: option.default for key, option in shelf.signature(name).options.items()}
            yield Used(kind, name, {**given, **options})
        inner = {"model": "encoder", "dataset": "of", "loss": "parts"}.get(kind, "")
        yield from _items("encoder" if kind == "model" else kind, options.get(inner), there)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _items(kind, one, there)


def citations(one: Used, engine: str = "torch") -> list[str]:
    """The works that the source of something names, as it writes them: `Lin et al. 2017`, each once."""
    shelf = shelves(engine)[one.kind]
    with suppress(PixelwiseError, KeyError):
        target = shelf[one.name]
        module, _, _ = target.partition(":")
        alone = sum(other.partition(":")[0] == module for other in map(shelf.__getitem__, shelf)) == 1
        text = " ".join(_docstrings(target, alone).split())
        return list(dict.fromkeys(found.replace("(", "") for found in CITATION.findall(text)))
    return []


def initialisers(one: Used, engine: str = "torch") -> list[str]:
    """The functions that draw weights and are called in what a model's builder uses of its module."""
    with suppress(PixelwiseError, KeyError):
        called = [node.func for part in _parts(shelves(engine)[one.kind][one.name]) for node in ast.walk(part)
                  if isinstance(node, ast.Call)]  # fmt: skip
        named = {getattr(function, "id", getattr(function, "attr", "")) for function in called}
        return [name for name in INITIALISERS if name in named]
    return []


def _docstrings(target: str, with_module: bool) -> str:
    """The docstrings of a builder and of all that it uses in its module, and the module's where it has one builder only."""
    texts = [ast.get_docstring(part) for part in _parts(target)]
    if with_module:
        texts.append(ast.get_docstring(_module(target.partition(":")[0])))
    return " ".join(filter(None, texts))


def _parts(target: str) -> list[ast.FunctionDef | ast.ClassDef]:
    """A builder, and the functions and classes of its module that it uses."""
    module, _, function = target.partition(":")
    there = {part.name: part for part in _module(module).body if isinstance(part, ast.FunctionDef | ast.ClassDef)}
    names, found = [function], []
    for name in names:  # grows while it is read
        if name in there:
            found.append(there[name])
            inside = [node.id for node in ast.walk(there[name]) if isinstance(node, ast.Name)]
            names += [one for one in dict.fromkeys(inside) if one not in names]
    return found


@cache
def _module(name: str) -> ast.Module:
    source = find_source(name)
    return ast.Module([], []) if source is None else ast.parse(read_file(source))
