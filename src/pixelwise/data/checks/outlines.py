"""Whether a mask was resized smoothly or stored with loss: between two classes it then has values that mean other classes.

A row or column is a sequence of runs of one value. A transition leads from one long run to the next; in a mask that was drawn,
or resized by nearest neighbour, nearly all are direct. Interpolation and JPEG put short runs of other values between them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pixelwise.types import IndexMap

Values = IndexMap | NDArray[np.int64]  # of a mask: indices, or packed colours
SHORT = 3  # pixels: the longest run that may be a value between two others
WIDEST = 16  # pixels between two long runs that are a transition: two blocks of JPEG; more is a pattern of thin objects
FEWEST = 12  # transitions that a mask needs to be judged
SMOOTH = 0.3  # share of the transitions that are not direct, from which a mask is called smooth


def smooth_share(mask: IndexMap, void: int | None = None) -> float:
    """The share of transitions between classes two or more apart that are not direct; 0 where there are too few of them.

    Values next to each other, such as 0 and 1, have nothing between them: such masks are not judged.
    """
    counts = _transitions(mask, void) + _transitions(mask.T, void)
    return float(counts[0] / counts[1]) if counts[1] >= FEWEST else 0.0


def between(mask: Values) -> NDArray[np.bool_]:
    """(H, W): the pixels that are in a short run along their row or along their column."""
    return _in_short_runs(mask) | _in_short_runs(mask.T).T


def _runs(mask: Values) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Start in the flat mask, value and length of the runs of all rows."""
    flat = np.ascontiguousarray(mask).reshape(-1)
    begins = np.ones(len(flat), bool)
    np.not_equal(flat[1:], flat[:-1], out=begins[1:])
    begins[:: mask.shape[1]] = True
    starts = np.flatnonzero(begins)
    return starts, flat[starts].astype(np.int64), np.diff(starts, append=len(flat))


def _long(starts: NDArray[np.int64], lengths: NDArray[np.int64], width: int) -> NDArray[np.bool_]:
    """Which runs are long. Those at the border of the picture count as long, because they may continue outside of it."""
    long: NDArray[np.bool_] = (lengths > SHORT) | (starts % width == 0) | ((starts + lengths) % width == 0)
    return long


def _transitions(mask: IndexMap, void: int | None) -> NDArray[np.int64]:
    """(number of transitions that are not direct, number of all transitions) along the rows."""
    starts, values, lengths = _runs(mask)
    long = np.flatnonzero(_long(starts, lengths, mask.shape[1]))
    first, last = long[:-1], long[1:]
    voids = np.concatenate([[0], np.cumsum(values == (-1 if void is None else void))])
    counted = (starts[first] // mask.shape[1] == starts[last] // mask.shape[1]) & (voids[last + 1] == voids[first])
    counted &= (np.abs(values[first] - values[last]) > 1) & (starts[last] - starts[first] - lengths[first] <= WIDEST)
    counted &= np.minimum(lengths[first], lengths[last]) > SHORT  # no short run, not even one at the border
    return np.array([np.count_nonzero(counted & (last - first > 1)), np.count_nonzero(counted)])


def _in_short_runs(mask: Values) -> NDArray[np.bool_]:
    starts, _, lengths = _runs(mask)
    found: NDArray[np.bool_] = np.repeat(~_long(starts, lengths, mask.shape[1]), lengths)
    return found.reshape(mask.shape)
