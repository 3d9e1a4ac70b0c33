"""Masks as run lengths, one for each object in a picture."""

from __future__ import annotations

from dataclasses import dataclass

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
