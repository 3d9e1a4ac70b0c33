"""How often each pair (truth, prediction) occurs: exact, in chunks that stay in the processor's cache.

Two ways that give the same whole numbers:
* `count_pixels`: one histogram entry a pixel.
* `count_runs`:   one entry a run of equal pixels, weighted by its length. Label maps are made of regions, so there are
                  far fewer runs than pixels, and the loop over the histogram, which cannot be vectorised, gets short.

`count_pairs` looks at each chunk and takes the shorter way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint16] | NDArray[np.uint32] | NDArray[np.uint64]
Counts = NDArray[np.int64]

CHUNK = 1 << 17  # pixels: 256 KiB of 16-bit codes and 1 MiB of what bincount makes of them fit a level-2 cache
RUNS_PAY = 4  # pixels a run from which counting runs is faster (benchmarks/confusion.json: `crossover`)


def count_pairs(truth: NDArray[Any], prediction: NDArray[Any], rows: int, columns: int) -> Counts:
    """(rows, columns) int64: how often each (truth, prediction) occurs.

    truth, prediction:  unsigned whole numbers of equal shape, truth in 0..rows−1, prediction in 0..columns−1; larger
                        ones would be counted in the wrong place, so callers check
    """
    truth, prediction = truth.reshape(-1), prediction.reshape(-1)
    cells = rows * columns
    kind: Any = np.uint16 if cells <= 1 << 16 else np.uint32 if cells <= 1 << 32 else np.uint64
    chunk = max(CHUNK, 4 * cells)  # a table larger than a chunk would cost more to add than the chunk to count
    total = np.zeros(cells, np.int64)
    for start in range(0, truth.size, chunk):
        codes: Codes = np.multiply(truth[start : start + chunk], kind(columns), dtype=kind)
        np.add(codes, prediction[start : start + chunk], out=codes, casting="unsafe")
        ends = codes[1:] != codes[:-1]  # a run ends where the next pixel differs
        if np.count_nonzero(ends) * RUNS_PAY < codes.size:
            count_runs(codes, ends, total)
        else:
            count_pixels(codes, total)
    return total.reshape(rows, columns)


def count_pixels(codes: Codes, total: Counts) -> None:
    """Add the histogram of `codes` to `total`."""
    total += np.bincount(codes, minlength=len(total))


def count_runs(codes: Codes, ends: NDArray[np.bool_], total: Counts) -> None:
    """Add the same histogram, made of runs. ends: (n − 1,) whether each code differs from the next one."""
    last = np.append(np.flatnonzero(ends), codes.size - 1)
    lengths = np.diff(last, prepend=-1)
    # bincount adds weights in float64, which is exact for whole numbers up to 2⁵³
    total += np.bincount(codes[last], weights=lengths, minlength=len(total)).astype(np.int64)
