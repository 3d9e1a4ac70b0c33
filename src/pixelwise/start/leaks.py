"""Leaves pictures that are in two splits out of the earlier one; otherwise scores on the later one are too good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pixelwise.data.base import Dataset
from pixelwise.data.checks.accepted import Entry
from pixelwise.data.checks.repeats import leaked
from pixelwise.data.checks.survey import Survey
from pixelwise.data.exclude import excluding
from pixelwise.recipe.override import apply_overrides

MOST = 0.2  # of a split: where more of it is elsewhere too, the splits themselves are wrong


def without_leaks(dataset: Dataset, seen: Survey, accepted: Sequence[Entry] = ()) -> tuple[Dataset, Survey, list[str]]:
    """The data set and its facts without such pictures, and their names; all of them where a split would lose too many.

    accepted: what somebody accepted; such copies stay
    """
    gone: list[str] = []
    rest = seen
    while found := leaked(rest, accepted):
        gone += found
        rest = replace(rest, facts=tuple(facts for facts in rest.facts if facts.where not in found))
    lost = Counter(name.partition("/")[0] for name in gone)
    if any(count > MOST * len(seen.of(split)) for split, count in lost.items()):
        return dataset, seen, []
    return excluding(dataset, gone), rest, gone


def typed_exclude(changes: Sequence[str]) -> list[str]:
    """The names in the words `data.exclude=[...]`."""
    words = [word for word in changes if word.partition("=")[0] == "data.exclude"]
    value = apply_overrides({}, words).get("data", {}).get("exclude")
    return [str(name) for name in value] if isinstance(value, list) else []
