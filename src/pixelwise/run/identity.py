"""When two recipes are the same training. This is the one rule: for resuming, sweeps, comparisons and results.

Recipes are JSON values here, as run folders keep them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pixelwise.run.normalisation import with_defaults

WORDS = ("title", "about", "stated", "gallery")  # what a recipe says of itself and shows decides nothing


def deciding(recipe: Mapping[str, Any], *without: str) -> dict[str, Any]:
    """All of a recipe that decides a training. without: further parts that do not count, e.g. `hardware`, `train.seed`."""
    left_out = (*WORDS, *without)
    parts = {key: value for key, value in with_defaults(recipe).items() if key not in left_out}
    if isinstance(train := parts.get("train"), Mapping):
        parts["train"] = {key: value for key, value in train.items() if f"train.{key}" not in left_out}
    return parts


def without_place(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe without where its data set lies (`data.dataset.path`): the keys of the pictures say which ones they are."""
    data = recipe.get("data")
    if not isinstance(data, Mapping):
        return dict(recipe)
    return {**recipe, "data": {**data, "dataset": _placeless(data.get("dataset"))}}


def _placeless(item: Any) -> Any:
    """A data set as a recipe names it, and the one that it wraps, without their option `path`."""
    if not isinstance(item, Mapping):
        return item
    return {key: _placeless(value) if key == "of" else value for key, value in item.items() if key != "path"}


def is_place(path: str) -> bool:
    """Whether a path in a recipe names what `without_place` leaves out.

    >>> is_place("data.dataset.path"), is_place("data.dataset.of.of.path"), is_place("data.dataset.size")
    (True, True, False)
    """
    return re.fullmatch(r"data\.dataset(\.of)*\.path", path) is not None


def run_key(setup: Mapping[str, Any]) -> str:
    """A SHA-256 of what decides a training, apart from its seed: its recipe, and the pictures of its splits."""
    splits = (setup.get("data") or {}).get("splits") or {}
    keys = {name: split.get("key") for name, split in splits.items()}
    recipe = without_place(deciding(setup.get("recipe") or {}, "train.seed"))
    told = json.dumps([recipe, keys], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def differences(before: Any, after: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(path, before, after) of every value that differs."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            yield from differences(before.get(key), after.get(key), f"{where}.{key}" if where else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{where}.{index}")
    elif before != after:
        yield where, before, after
