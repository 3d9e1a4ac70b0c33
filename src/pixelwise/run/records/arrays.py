"""The arrays of a safetensors file. Its index of names, types, shapes and places is checked before anything is made of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import RunError, listing
from pixelwise.run.records.array_schema import ArrayIndex
from pixelwise.run.records.json_text import parse_json
from pixelwise.run.records.values import check_record

MOST_INDEX = 1 << 24  # bytes of the index
TYPES = {  # as safetensors names them; little-endian
    **{f"F{bits}": f"<f{bits // 8}" for bits in (16, 32, 64)},
    **{f"I{bits}": f"<i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"<u{bits // 8}" for bits in (8, 16, 32, 64)},
    "BOOL": "?",
}


def read_arrays(content: bytes, where: str) -> dict[str, NDArray[Any]]:
    """The arrays by name, as read-only views of `content`. Raises RunError if index and content disagree."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(MOST_INDEX, len(content) - 8):
        raise RunError("is not a safetensors file: it has no index.", where=where)
    index = parse_json(content[8 : 8 + length], where=f"{where}: index")
    if isinstance(index, dict):
        index.pop("__metadata__", None)
    check_record(index, ArrayIndex, where=f"{where}: index")
    arrays, end = {}, 0
    for name, entry in sorted(index.items(), key=lambda item: item[1]["data_offsets"]):
        kind, shape, (begin, stop) = np.dtype(TYPES[entry["dtype"]]), entry["shape"], entry["data_offsets"]
        size = kind.itemsize * math.prod(shape)
        if begin != end or stop - begin != size or 8 + length + stop > len(content):
            what = f"the array {name!r} of {size} bytes lies at {begin} to {stop} of {len(content) - 8 - length}."
            raise RunError(what, where=where)
        arrays[name] = np.frombuffer(content, kind, math.prod(shape), 8 + length + begin).reshape(shape)
        end = stop
    if 8 + length + end != len(content):
        raise RunError(f"has {len(content) - 8 - length - end} bytes that belong to no array.", where=where)
    return arrays


def read_words(content: bytes, where: str) -> dict[str, str]:
    """The metadata of a safetensors file whose arrays were read, e.g. its licence; only texts."""
    index = parse_json(content[8 : 8 + int.from_bytes(content[:8], "little")], where=f"{where}: index")
    words = index.get("__metadata__") if isinstance(index, dict) else None
    return {key: text for key, text in words.items() if isinstance(text, str)} if isinstance(words, dict) else {}


def check_finite(arrays: dict[str, NDArray[Any]], where: str, *, infinite: bool = False, hint: str = "") -> None:
    """Raise RunError where an array has a value that is not a number, or not finite; `infinite` values may be allowed."""
    strange = np.isnan if infinite else lambda array: ~np.isfinite(array)
    broken = [name for name, array in arrays.items() if array.dtype.kind == "f" and strange(array).any()]
    if broken:
        values = "NaN" if infinite else "NaN or infinite values"
        raise RunError(f"has {values} in {listing(broken, 4)}.", where=where, hint=hint)
