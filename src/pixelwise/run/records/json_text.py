"""The one reader of the JSON that lies in folders. It is stricter than Python's: no NaN or infinity, no repeated keys,
limits on size and depth, no numbers or characters that could not be written again.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pixelwise.errors import RunError, shown
from pixelwise.run.records.plain import read_plain

LIMIT = 1 << 25  # bytes of a file
DEPTH = 40  # levels of maps and lists
WHOLE = 1 << 63  # whole numbers are smaller, as in an array of int64
_HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # the others stand for bytes of file names that are not UTF-8
_MAYBE_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_LARGE = re.compile("[0-9]{19}|[eE][+]?[0-9]{3}")  # numbers that are looked at one by one


def read_json(path: Path) -> Any:
    """The value in a JSON file. Raises RunError that says which file, and what is wrong with it."""
    return parse_json(read_plain(path, LIMIT), where=str(path))


def parse_json(content: bytes, where: str) -> Any:
    """The value of a JSON text in UTF-8."""
    try:
        text = content.decode("utf-8")
        numbers: dict[str, Any] = {"parse_int": _whole, "parse_float": _real} if _LARGE.search(text) else {}
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_refuse, **numbers)
        if text.count("[") + text.count("{") > DEPTH:
            _check_depth(value)
        if _MAYBE_HALF.search(text):
            _check_text(value)
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 text: byte {error.start} is 0x{content[error.start]:02x}."
        raise RunError(what, where=where) from error
    except RecursionError as error:
        raise RunError(f"is nested more than {DEPTH} levels deep.", where=where) from error
    except ValueError as error:
        raise RunError(f"is not a readable JSON file: {error}.", where=where) from error
    return value


def _pairs(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {shown(twice)} is given twice")
    return found


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not a number of JSON")


def _whole(text: str) -> int:
    if len(text) > 40 or not -WHOLE <= int(text) < WHOLE:
        raise ValueError(f"{shown(text)} is not a whole number of 64 bits")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{shown(text)} is too large for a floating-point number")
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise ValueError(f"maps and lists are nested more than {DEPTH} deep")


def _check_text(value: Any) -> None:
    if _HALF.search(json.dumps(value, ensure_ascii=False)):
        raise ValueError("half a surrogate pair (\\ud800 to \\udfff) is not a character")
