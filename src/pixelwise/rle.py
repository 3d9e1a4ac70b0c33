"""Masks as run lengths, one for each object in a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pixelwise.errors import DataError

Box = tuple[float, float, float, float]  # x0 y0 x1 y1 in pixels; x1 and y1 are exclusive


@dataclass(frozen=True, eq=False)
class RLE:
    """A mask as run lengths, in the order of COCO's uncompressed form: column by column, the first run is of zeros.

    size:    (H, W)
    counts:  uint32, lengths of the runs of zeros and ones in turn; the first is 0 where the first pixel is a one

    >>> RLE.of([[0, 1, 1], [0, 0, 1]]).counts.tolist()
    [2, 1, 1, 2]
    """

    size: tuple[int, int]
    counts: NDArray[np.uint32]

    def __post_init__(self) -> None:
        if self.counts.dtype != np.uint32 or self.counts.ndim != 1:
            raise DataError(f"run lengths are one row of uint32, not {self.counts.shape} {self.counts.dtype}")
        height, width = self.size
        if (total := int(self.counts.sum(dtype=np.uint64))) != height * width:
            raise DataError(f"the runs of a {width}×{height} mask have {height * width} pixels; these have {total}")

    @classmethod
    def of(cls, mask: ArrayLike) -> RLE:
        """The run lengths of a mask (H, W); every value but 0 counts as one."""
        array = np.asarray(mask)
        if array.ndim != 2:
            raise DataError(f"a mask is (H, W), this one is {array.shape}")
        flat = (array.T != 0).ravel()
        ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        counts = np.diff(ends, prepend=0, append=flat.size)
        first = [0] if flat[:1].any() else []
        return cls((array.shape[0], array.shape[1]), np.array([*first, *counts], np.uint32))

    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool"""
        ones = np.arange(len(self.counts)) % 2 == 1
        return np.repeat(ones, self.counts).reshape(self.size[::-1]).T

    @classmethod
    def from_coco(cls, size: tuple[int, int], counts: str | list[int]) -> RLE:
        """The mask of COCO's run lengths: a list of counts, or their compressed form, a text. Raises DataError."""
        if isinstance(counts, str):
            counts = _unpacked(counts)
        if not all(type(count) is int and 0 <= count < 2**32 for count in counts):
            raise DataError("run lengths are whole numbers of at least 0")
        runs = [*counts]
        while 0 in runs[1:]:  # a run of no length joins its neighbours
            place = runs.index(0, 1)
            runs[place - 1 : place + 2] = [sum(runs[place - 1 : place + 2])]
        return cls(size, np.array(runs, np.uint32))

    def to_coco(self) -> dict[str, Any]:
        """The mask in the compressed form of pycocotools: size, and counts as bytes."""
        from pycocotools import mask as coco

        made: dict[str, Any] = coco.frPyObjects({"size": [*self.size], "counts": self.counts.tolist()}, *self.size)
        return made

    @property
    def area(self) -> int:
        """The number of ones."""
        return int(self.counts[1::2].sum(dtype=np.int64))

    @property
    def box(self) -> Box:
        """The smallest box that contains every one; all zeros for an empty mask."""
        ends = np.cumsum(self.counts, dtype=np.int64)
        starts, ends = ends[:-1:2], ends[1::2]  # of the runs of ones
        starts, ends = starts[starts < ends], ends[starts < ends]
        if not len(starts):
            return (0.0, 0.0, 0.0, 0.0)
        height, lasts = self.size[0], ends - 1
        wraps = starts // height != lasts // height  # a run over the end of a column touches both edges
        top = 0 if wraps.any() else (starts % height).min()
        bottom = height if wraps.any() else (lasts % height).max() + 1
        return (float(starts[0] // height), float(top), float(lasts[-1] // height + 1), float(bottom))


def _unpacked(text: str) -> list[int]:
    """The counts of a compressed text: 5 bits a letter, and from the fourth count on differences to the second before."""
    counts: list[int] = []
    value = bits = 0
    for letter in text:
        code = ord(letter) - 48
        if not 0 <= code < 64 or bits > 60:
            raise DataError(f"compressed run lengths do not have the letter {letter!r} here")
        value |= (code & 31) << bits
        bits += 5
        if not code & 32:
            if code & 16:
                value -= 1 << bits
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = bits = 0
    if bits:
        raise DataError("compressed run lengths are cut short")
    return counts


def runs_by_value(plane: NDArray[Any]) -> dict[int, RLE]:
    """The mask of every value in a plane (H, W) of whole numbers, in one pass over it, for any number of values.

    >>> {value: mask.area for value, mask in runs_by_value(np.array([[0, 7, 7], [0, 0, 7]])).items()}
    {0: 3, 7: 3}
    """
    if plane.ndim != 2 or plane.dtype.kind not in "iu":
        raise DataError(f"a plane of whole numbers is (H, W), this one is {plane.shape} {plane.dtype}")
    if not plane.size:
        return {}
    flat = plane.T.ravel()
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    ends = np.append(starts[1:], flat.size)
    values = flat[starts]
    order = np.argsort(values, kind="stable")
    firsts = np.flatnonzero(values[order][1:] != values[order][:-1]) + 1
    found = {}
    for runs in np.split(order, firsts):
        edges = np.stack([starts[runs], ends[runs]], axis=1).ravel()
        counts = np.diff(edges, prepend=0, append=flat.size)
        counts = counts if counts[-1] else counts[:-1]
        found[int(values[runs[0]])] = RLE((plane.shape[0], plane.shape[1]), counts.astype(np.uint32))
    return found
