"""Groups of pictures that belong together, such as the frames of one scene: those that names suggest, and their union with
those of likeness.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

PATTERNS: Mapping[str, str] = {
    r"^((?:.*/)?[^/]*\d[^/]*?)[_\-. ]+(?:[A-Za-z]+[_\-. ]*)?\d+[_\-. ]*$": "the part of a name before its last number",
    r"^(.+)/[^/]+$": "the folder",
}
BEFORE_NUMBER = next(iter(PATTERNS))
FEWEST, MOST_SHARE = 5, 0.5  # groups of several pictures; share of all pictures in one of them
GROUPED = 0.8  # share of the pictures that are in groups of several


@dataclass(frozen=True)
class Suggested:
    """Groups that names suggest: the pattern that finds them, what it is in words, and group → places of its names."""

    pattern: str
    what: str
    groups: Mapping[str, tuple[int, ...]]


def suggested_groups(names: Sequence[str], patterns: Iterable[str] = tuple(PATTERNS)) -> Suggested | None:
    """The groups of the first pattern by which most names are in groups of several, and none is in too large a one.

    >>> found = suggested_groups([f"street{scene}_{frame}" for scene in range(6) for frame in range(3)])
    >>> found.what, found.groups["street0"]
    ('the part of a name before its last number', (0, 1, 2))
    """
    for pattern in patterns:
        compiled, groups = re.compile(pattern), dict[str, list[int]]()
        for place, name in enumerate(names):
            if match := compiled.search(name):
                groups.setdefault(match.group(1), []).append(place)
        several = [len(places) for places in groups.values() if len(places) > 1]
        if may_be_groups(several, len(names)) and sum(several) >= GROUPED * len(names):
            return Suggested(pattern, PATTERNS[pattern], {name: tuple(places) for name, places in groups.items()})
    return None


def may_be_groups(sizes: Sequence[int], total: int) -> bool:
    """Whether groups of these sizes can be drawn into splits: there are several, and none has most of the pictures."""
    return len(sizes) >= FEWEST and max(sizes) <= MOST_SHARE * total


def are_classes(groups: Iterable[Sequence[int]], labels: Sequence[int | None]) -> bool:
    """Whether most groups of several are all pictures of one class: then names say the class, not what belongs together.

    groups: places of the pictures in `labels`
    """
    sizes = Counter(labels)
    several = [places for places in groups if len(places) > 1]
    whole = [
        one for one in several if {labels[one[0]]} == {labels[at] for at in one} and sizes[labels[one[0]]] == len(one)
    ]
    return labels[:1] != [None] and 2 * len(whole) > len(several) > 0


def united(names: Iterable[str], group: Callable[[str], str] | None, alike: Mapping[str, str]) -> Callable[[str], str]:
    """Name → its group, where pictures that look alike, and those of one group by name, are in the same.

    alike: name → the first name that looks like it
    """
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    key_of = {name: name if group is None else group(name) for name in names}
    for name, first in alike.items():
        parent[root(key_of[name])] = root(key_of[first])
    return {name: root(key) for name, key in key_of.items()}.__getitem__
