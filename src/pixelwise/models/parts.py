"""Parts of a model by their names: `encoder.stem` is in `encoder`, `encoder2` is not. torch is not needed."""

from __future__ import annotations

from collections.abc import Collection, Iterator


def places(name: str) -> Iterator[str]:
    """A module's or array's own name, then every part that it is in, from the innermost to the outermost.

    >>> list(places("encoder.stem.weight"))
    ['encoder.stem.weight', 'encoder.stem', 'encoder']
    """
    yield name
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def part_of(name: str, parts: Collection[str]) -> str | None:
    """The part that a module or array is, or is in; the innermost of several. None if it is not in a part."""
    return next((place for place in places(name) if place in parts), None)


def lies_within(name: str, parts: Collection[str]) -> bool:
    """Whether a module or array is one of the parts, or is in one."""
    return part_of(name, parts) is not None
