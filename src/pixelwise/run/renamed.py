"""Options whose names have changed: recipes of earlier runs are read under the present names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# (place in a recipe, item) → its options, earlier name → present name
RENAMED: Mapping[tuple[str, str], Mapping[str, str]] = {("model", "linear_probe"): {"norm": "standardise"}}


def with_present_names(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe with the present names of its options. An earlier name beside the present one stays, and is then refused.

    >>> with_present_names({"model": {"name": "linear_probe", "norm": "batch"}})
    {'model': {'name': 'linear_probe', 'standardise': 'batch'}}
    """
    found = dict(recipe)
    for (place, name), options in RENAMED.items():
        item = found.get(place)
        if isinstance(item, Mapping) and item.get("name") == name:
            present = {key: now for key, now in options.items() if now not in item}
            found[place] = {present.get(key, key): value for key, value in item.items()}
    return found
