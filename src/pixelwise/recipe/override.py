"""Overrides on the command line: `train.batch=8`, `model=unet`, `augment.0.p=.2`."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from pixelwise.errors import Problem, RecipeError
from pixelwise.recipe.yaml_text import parse_text


def apply_overrides(tree: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of the tree with every `path=value` set; values are YAML. Raises RecipeError with every problem."""
    changed = copy.deepcopy(dict(tree))
    problems = []
    for text in overrides:
        path, sign, value = text.partition("=")
        if not sign or not path or not all(path.split(".")):
            problems.append(Problem(f"'{text}'", "an override has the form a.b=c, e.g. train.batch=8."))
            continue
        try:
            _set(changed, path.split("."), parse_text(value, where=f"'{text}'"))
        except RecipeError as error:
            problems += error.problems
    if problems:
        raise RecipeError.all(problems)
    return changed


def _set(tree: Any, path: Sequence[str], value: Any) -> None:
    """Walk to the path's parent, making maps on the way, and set the last part."""
    for depth, part in enumerate(path):
        last = depth == len(path) - 1
        where = ".".join(path[: depth + 1])
        if isinstance(tree, list):
            if not part.isdecimal() or int(part) >= len(tree):
                raise RecipeError(f"read '{part}'; the list there has elements 0 to {len(tree) - 1}.", where=where)
            key: Any = int(part)
        elif isinstance(tree, dict):
            key = part
            if not last and not isinstance(tree.get(key), dict | list):
                # `model: unet` is short for `model: {name: unet}`, so that `model.width=32` can follow
                tree[key] = {"name": tree[key]} if isinstance(tree.get(key), str) else {}
        else:
            raise RecipeError(f"there is nothing below '{'.'.join(path[:depth])}'.", where=where)
        if last:
            tree[key] = value
        else:
            tree = tree[key]
