"""Parts of a model by name, compared with the definition by prefixes."""

from __future__ import annotations

import random
from fnmatch import fnmatchcase

import pytest

from pixelwise.engine.origin import _matches
from pixelwise.models.parts import lies_within, part_of, places


def drawn(generator: random.Random) -> str:
    return ".".join(generator.choice(("a", "aa", "b", "1", "10")) for _ in range(generator.randint(1, 4)))


@pytest.mark.parametrize("seed", range(200))
def test_a_part_is_a_prefix_of_whole_words(seed: int) -> None:
    generator = random.Random(seed)
    name, parts = drawn(generator), [drawn(generator) for _ in range(4)]
    within = [part for part in parts if name == part or name.startswith(f"{part}.")]
    assert part_of(name, parts) == max(within, key=len, default=None)
    assert lies_within(name, parts) == bool(within)
    assert [place for place in parts if place in list(places(name))] == within


@pytest.mark.parametrize("seed", range(200))
def test_exceptions_are_parts_or_patterns(seed: int) -> None:
    generator = random.Random(seed)
    name, pattern = drawn(generator), drawn(generator).replace("b", "*").replace("1", "[01]")
    assert _matches(name, [pattern]) == (fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*"))
