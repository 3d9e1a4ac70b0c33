"""A sequence that is made when it is first read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

Element = TypeVar("Element")


class Deferred(Sequence[Element]):
    """Elements that are made when the first one is read, such as the objects of a picture, which most tasks do not read.

    make:  gives the elements
    """

    def __init__(self, make: Callable[[], Sequence[Element]]) -> None:
        self._make = make

    @cached_property
    def made(self) -> tuple[Element, ...]:
        return tuple(self._make())

    def __getitem__(self, index: Any) -> Any:
        return self.made[index]

    def __len__(self) -> int:
        return len(self.made)

    def __reduce__(self) -> tuple[Any, ...]:  # another process gets the elements themselves
        return (tuple, (self.made,))
