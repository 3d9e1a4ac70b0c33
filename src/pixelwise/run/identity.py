"""When two recipes are the same training. This is the one rule: for resuming, sweeps, comparisons and results.

Recipes are JSON values here, as run folders keep them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

WORDS = ("title", "about", "stated", "gallery")  # what a recipe says of itself and shows decides nothing


def deciding(recipe: Mapping[str, Any], *without: str) -> dict[str, Any]:
    """All of a recipe that decides a training. without: further parts that do not count, e.g. `hardware`, `train.seed`."""
    left_out = (*WORDS, *without)
    parts = {key: value for key, value in recipe.items() if key not in left_out}
    if isinstance(train := parts.get("train"), Mapping):
        parts["train"] = {key: value for key, value in train.items() if f"train.{key}" not in left_out}
    return parts


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
