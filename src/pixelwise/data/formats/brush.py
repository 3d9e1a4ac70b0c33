"""The run lengths of Label Studio's brush: bits that pack the RGBA values of a picture, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np

from pixelwise.errors import DataError
from pixelwise.rle import RLE

CHANNELS = 4  # of which the last one, opacity, is the mask


def brush_runs(packed: Any, size: tuple[int, int], where: str) -> list[int]:
    """COCO's run lengths of a brush's mask of `size` (H, W).

    The bits are: 32 for the number of values, 5 for the bits of a value less 1, four times 4 for the bits of lengths less 1.
    Then blocks: 1 bit, set where one value is repeated; 2 for which of the four lengths follows; the length less 1; then the
    value, or as many values. Raises DataError if the list is not of bytes, ends too soon, or is for another picture.
    """
    if not isinstance(packed, list) or not all(type(one) is int and 0 <= one < 256 for one in packed):
        raise DataError("a brush is a list of bytes (format rle).", where=where)
    bits = _Bits(bytes(packed), where)
    count, expected = bits.take(32), size[0] * size[1] * CHANNELS
    if count != expected:
        what = f"a brush has {count:,} values, its picture of {size[1]}×{size[0]} needs {expected:,}."
        raise DataError(what, where=where, hint="Was the picture resized after it was labelled?")
    word = bits.take(5) + 1
    lengths = [bits.take(4) + 1 for _ in range(4)]
    values = np.zeros(count, np.uint8)
    at = 0
    while at < count:
        repeated = bits.take(1)
        end = at + 1 + bits.take(lengths[bits.take(2)])
        if end > count:
            raise DataError("a brush has more values than pixels.", where=where)
        if repeated:
            values[at:end] = bits.take(word) > 0
        else:
            values[at:end] = [bits.take(word) > 0 for _ in range(end - at)]
        at = end
    mask = values.reshape(*size, CHANNELS)[..., -1]
    return [int(run) for run in RLE.of(mask).counts]


class _Bits:
    """Whole numbers from a row of bits, highest bit first."""

    def __init__(self, packed: bytes, where: str) -> None:
        self._packed, self._at, self._where = packed, 0, where

    def take(self, count: int) -> int:
        first, last = self._at >> 3, (self._at + count + 7) >> 3
        if last > len(self._packed):
            raise DataError("a brush ends too soon.", where=self._where)
        value = int.from_bytes(self._packed[first:last], "big") >> (8 * last - self._at - count)
        self._at += count
        return value & ((1 << count) - 1)
