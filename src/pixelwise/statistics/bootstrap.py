"""The bootstrap over pictures: how much a score would change on other pictures of the same kind.

A mean IoU is not a mean of pictures' scores. So whole pictures are drawn with replacement (Efron 1979), their counts are
added, and the score is computed from the sum. The draws depend only on (seed, number of pictures, draw). Two models scored
on the same pictures therefore have the same draws, and their difference is computed draw by draw: the paired bootstrap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.statistics.spread import LEVEL, Interval

DRAWS = 2000
LEAST_PICTURES = 20  # with fewer, what was drawn says little about what was not
CHUNK = 1 << 20  # picture numbers drawn at once: 8 MiB
SUMS = 1 << 21  # counts of summed states at once: 16 MiB


def draw_counts(pictures: int, draws: int, seed: int = 0) -> Iterator[NDArray[np.int64]]:
    """How often each picture is in each draw: chunks (D, N) of int64, whose rows sum to N."""
    generator = np.random.Generator(np.random.PCG64([seed, pictures]))
    rows = max(1, CHUNK // pictures)
    for start in range(0, draws, rows):
        count = min(rows, draws - start)
        chosen = generator.integers(0, pictures, (count, pictures))
        chosen += np.arange(count)[:, None] * pictures
        yield np.bincount(chosen.reshape(-1), minlength=count * pictures).reshape(count, pictures)


def resampled(states: Any, draws: int = DRAWS, seed: int = 0) -> Iterator[NDArray[np.int64]]:
    """The summed state (K,) int64 of each draw.

    states:  (N, K) int64, what each picture adds to the counts; an array, or a SciPy sparse one
    """
    turned = states.T
    rows = max(1, SUMS // max(1, states.shape[1]))
    for counts in draw_counts(states.shape[0], draws, seed):
        for start in range(0, len(counts), rows):
            yield from np.ascontiguousarray((turned @ counts[start : start + rows].T).T)  # whole numbers: exact


def percentile_interval(values: Sequence[float | None], level: float = LEVEL) -> Interval | None:
    """The middle `level` of the values; None if fewer than half of them, or than 100, are known."""
    known = np.array([value for value in values if value is not None], np.float64)
    if len(known) < max(100, len(values) // 2):
        return None
    low, high = np.quantile(known, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(low), float(high), level)
