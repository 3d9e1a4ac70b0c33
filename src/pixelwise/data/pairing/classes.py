"""`classes.txt`: a name per line, optionally with the value before it and the colour after it.

    ground               7 road              road 128 64 128          road:128,64,128::     (CVAT's labelmap.txt)
    disc                 0 void              man #dc143c

Lines that begin with # are comments; a first line such as `Pixel Value, Class` is a header.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pixelwise.data.pairing.lists import MOST_BYTES
from pixelwise.errors import DataError
from pixelwise.types import RGB
from pixelwise.yaml_text import read_file

RED_GREEN_BLUE = re.compile(r"^(.*?)[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})$")
LABELMAP = re.compile(r"^([^:]+):(\d{1,3}),(\d{1,3}),(\d{1,3}):[^:]*:[^:]*$")
HEX = re.compile(r"^(.*?)[\s,;:]+#([0-9a-fA-F]{6})$")
VALUE = re.compile(r"^(\d{1,5})(?:\s*[:,;=]\s*|\s+)(\S.*)$")
HEADER = {"value", "values", "pixel", "id", "ids", "index", "class", "classes", "name", "names", "label", "labels", "color",
          "colour", "rgb", "red", "green", "blue", "r", "g", "b"}  # fmt: skip
NUMBERS = "Give names that end in numbers with the option `classes`."
VOID = "void"  # the name behind a value that means "not labelled"


@dataclass(frozen=True)
class Classes:
    """What classes.txt says.

    names:    in order, without `void`
    colours:  one per class, or None
    values:   value in the masks → name, where the lines begin with values
    """

    names: tuple[str, ...]
    colours: tuple[RGB, ...] | None = None
    values: dict[int, str] | None = None


@dataclass(frozen=True)
class _Line:
    """A line that is not a comment: its number in the file, and its parts."""

    number: int
    name: str
    colour: RGB | None = None
    value: int | None = None


def read_classes(file: Path) -> Classes:
    """The classes of a file. Raises DataError with the line if some lines have a colour or a value and others do not."""
    texts = [
        (number, line.strip()) for number, line in enumerate(read_file(file, DataError, MOST_BYTES).splitlines(), 1)
    ]
    texts = [(number, text) for number, text in texts if text and not text.startswith("#")]
    if len(texts) > 1 and set(re.findall(r"[a-z]+", texts[0][1].lower())) <= HEADER and _is_table(texts[1][1]):
        del texts[0]
    lines = [_read(number, text, file) for number, text in texts]
    if not lines:
        raise DataError("has no class; write one name per line.", where=str(file))
    plain = [line for line in lines if line.colour is None]
    if plain and len(plain) < len(lines):
        count = f"{len(lines) - len(plain)} of {len(lines)} lines have one"
        what = f"line {plain[0].number} ('{plain[0].name}') has no colour, and {count}."
        hint = f"Write red, green and blue after every name, or after none. {NUMBERS}"
        raise DataError(what, where=str(file), hint=hint)
    values = None
    if all(VALUE.match(line.name) for line in lines):
        lines, values = _with_values(lines, file)
    names = tuple(dict.fromkeys(line.name for line in lines)) if values else tuple(line.name for line in lines)
    by_name = {line.name: line.colour for line in reversed(lines) if line.colour is not None}
    return Classes(names, tuple(by_name[name] for name in names) if by_name else None, values)


def _is_table(text: str) -> bool:
    """Whether a line has a value or a colour beside its name, as lines below a header have."""
    return any(pattern.match(text) for pattern in (VALUE, RED_GREEN_BLUE, LABELMAP, HEX))


def _read(number: int, text: str, file: Path) -> _Line:
    if match := HEX.match(text):
        red, green, blue = bytes.fromhex(match[2])
        return _Line(number, match[1], (red, green, blue))
    if match := LABELMAP.match(text) or RED_GREEN_BLUE.match(text):
        name, *rgb = match.groups()
        return _Line(number, name, as_colour([*map(int, rgb)], f"{file}, line {number}", NUMBERS))
    return _Line(number, text)


def _with_values(lines: Sequence[_Line], file: Path) -> tuple[list[_Line], dict[int, str]]:
    """The lines with their values split off, void left out; value → name. A name may have several values."""
    values: dict[int, str] = {}
    kept = []
    for line in lines:
        match = VALUE.match(line.name)
        assert match is not None  # the caller has checked it
        value, name = int(match[1]), match[2].strip()
        if value in values or value > 65535:
            what = f"line {line.number} gives the value {value} {'again' if value in values else '; values are 0 to 65535'}."
            raise DataError(what.replace(" ;", ";"), where=str(file))
        values[value] = name
        if name != VOID:
            kept.append(_Line(line.number, name, line.colour, value))
    return kept, values


def as_colour(value: Sequence[int], where: str, hint: str = "") -> RGB:
    """Red, green and blue. Raises DataError for anything else."""
    if len(value) != 3 or not all(0 <= channel <= 255 for channel in value):
        raise DataError(
            f"read the colour {list(value)}; a colour is [red, green, blue], 0 to 255.", where=where, hint=hint
        )
    red, green, blue = value
    return red, green, blue
