"""Overrides on the command line: `train.batch=8`, `model=unet`, `augment.0.p=.2`."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from pixelwise.errors import Problem, RecipeError, shown
from pixelwise.yaml_text import parse_text


def apply_overrides(tree: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of the tree with every `path=value` set; values are YAML. Raises RecipeError with every problem."""
    changed = copy.deepcopy(dict(tree))
    problems = []
    for text in overrides:
        path, sign, value = text.partition("=")
        if not sign or not path or not all(path.split(".")):
            problems.append(Problem(shown(text), "an override has the form a.b=c, e.g. train.batch=8."))
            continue
        try:
            _set(changed, path.split("."), parse_text(value, where=shown(text)))
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
            if not part.isdecimal() or len(part) > 9 or int(part) >= len(tree):
                raise _no_element(tree, path[:depth], part)
            key: Any = int(part)
        elif isinstance(tree, dict):
            key = part
            if not last and tree.get(key) is None:
                tree[key] = {}
        else:
            raise RecipeError(f"'{'.'.join(path[:depth])}' has no keys below it.", where=where)
        if last:
            tree[key] = value
        else:
            if isinstance(tree[key], str):  # `unet` is short for `{name: unet}`, so that `model.width=32` can follow
                tree[key] = {"name": tree[key]}
            tree = tree[key]


def _no_element(found: Sequence[Any], path: Sequence[str], part: str) -> RecipeError:
    there = {0: "the list is empty", 1: "the list has one element, 0"}.get(
        len(found), f"the list has the elements 0 to {len(found) - 1}"
    )
    return RecipeError(
        f"unknown element '{part}'; {there}.",
        where=".".join((*path, part)),
        hint=f"A list is set as a whole by {'.'.join(path)}=[...].",
    )
