"""From the values in index masks to classes: a table by number, range or bound; and advice about values that do not fit."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.pairing.classes import VOID
from pixelwise.errors import DataError, did_you_mean, listing, shown
from pixelwise.types import RGB, IndexMap

MOST = 1 << 16  # values that a mask of 16 bits may have
BOUND = re.compile(r"^(>=|<=|>|<)\s*(\d{1,5})$")
RANGE = re.compile(r"^(\d{1,5})\s*-\s*(\d{1,5})$")
Values = Mapping[str, Any]  # class → a value, a list of values, or a range such as "1-7" or "> 0"


@dataclass(frozen=True, eq=False)
class ValueTable:
    """The class of each value.

    table:  (65536,) int32, −1 for values that mean nothing
    words:  class → its values, as they were written
    """

    table: NDArray[np.int32]
    words: Mapping[str, Any]

    @property
    def takes_any(self) -> bool:
        """Whether every value of a mask of 8 bits has a class, so that blurred values have one too."""
        return bool((self.table[:256] >= 0).all())

    @property
    def told(self) -> str:
        """`ground 0, disc 255`"""
        return listing([f"{name} {_word(values)}" for name, values in self.words.items()], 12)

    def settings(self) -> dict[str, Any]:
        """What decides the classes, as JSON values."""
        return dict(self.words)


def value_table(values: Values, classes: Sequence[str], void: int | None, where: str) -> ValueTable:
    """The table of `values`. `void` is the index of its entry `void`.

    Raises DataError for a name that is not a class, a class without values, and a value of two classes.
    """
    table = np.full(MOST, -1, np.int32)
    for name, words in values.items():
        if name != VOID and name not in classes:
            what = f"values has '{name}', which is not a class; the classes are {listing(classes)}."
            raise DataError(what, where=where, hint=did_you_mean(name, [*classes, VOID]))
        index = void if name == VOID else classes.index(name)
        assert index is not None  # a folder with an entry `void` has an index for it
        for word in words if isinstance(words, list) else [words]:
            part = _part(word, where)
            if (table[part] >= 0).any() and (table[part] != index).any():
                raise DataError(f"values gives {_word(word)} to two classes, one of them '{name}'.", where=where)
            table[part] = index
    if missing := [name for name in classes if name not in values]:
        raise DataError(f"values does not say which value is {listing(missing)}.", where=where)
    return ValueTable(table, dict(values))


def _part(word: Any, where: str) -> slice:
    """The values that a word means."""
    text = str(word).strip() if isinstance(word, int | str) and not isinstance(word, bool) else ""
    if text.isascii() and text.isdigit() and int(text) < MOST:
        return slice(int(text), int(text) + 1)
    if match := RANGE.match(text):
        return slice(int(match[1]), int(match[2]) + 1)
    if match := BOUND.match(text):
        sign, value = match[1], int(match[2])
        return slice(value + (sign == ">"), MOST) if sign[0] == ">" else slice(0, value + (sign == "<="))
    what = f"values has {shown(word)}; a value is a whole number of 0 to 65535."
    raise DataError(what, where=where, hint="Or write a range such as '1-7', or a bound such as '> 0'.")


def _word(word: Any) -> str:
    return " ".join(map(str, word)) if isinstance(word, list) else str(word)


def look_up(mask: IndexMap, table: ValueTable) -> tuple[IndexMap, dict[int | RGB, int]]:
    """The classes of a mask's values, and the values that mean nothing with their number of pixels."""
    found = table.table[mask]
    classes: IndexMap = found.astype(np.uint8) if int(table.table.max()) < 256 else found.astype(np.uint16)
    if int(found.min(initial=0)) >= 0:
        return classes, {}
    strange, counts = np.unique(mask[found < 0], return_counts=True)
    return classes, {int(value): int(count) for value, count in zip(strange, counts, strict=True)}


def advise(values: Collection[int], classes: Sequence[str], void: int | None) -> str:
    """What to do about masks that have these values, where some are neither a class nor void.

    Never what would make every object void: 255 is only called void where another value is an object.
    """
    strange = sorted(value for value in values if value >= len(classes) and value != void)
    first, objects = 0 in values, [value for value in values if 0 < value < len(classes)]
    if strange == [255] and not objects and first:
        return "255 is the only value besides 0, so these are black and white masks of two classes: name two classes."
    if strange == [255] and not objects:
        return "Every pixel has the value 255. Are these the masks, and were their objects drawn?"
    if strange == [255]:
        return "If 255 means 'not labelled', set void: 255."
    if strange == [len(classes)] and not first and void is None:
        return "Values begin at 1: set void: 0, and class 1 is the first one."
    present = sorted(value for value in values if value != void)
    if len(present) == len(classes):
        pairs = ", ".join(f"{name}: {value}" for name, value in zip(classes, present, strict=True))
        return f"Say which value is which class, e.g. values: {{{pairs}}}."
    if len(present) < len(classes):
        return (
            "Say which value is which class with the option values, or with a number before each name in classes.txt."
        )
    return "Correct the masks, name the missing classes, or say with the option values which values belong to a class."
