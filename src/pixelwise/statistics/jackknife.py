"""The interval of a score over pictures: what the same weights would score on other pictures of the same kind.

A mean IoU is a function of counts that add up over pictures, not a mean of the pictures' scores. The jackknife (Tukey 1958)
leaves out each of the N pictures in turn. With x₋ᵢ the score without picture i and m the mean of these, the influences
dᵢ = (N − 1)(m − x₋ᵢ) give the variance of one picture s² = Σ dᵢ² / (N − 1), and its slope k = N/(N − 1) · Σ dᵢ³ / Σ dᵢ².

A score near 0 or 1 cannot move as far in one direction as in the other, so the interval is that of a score test (Wilson
1927): it contains every θ with (x − θ)² ≤ t² V(θ) / N, where t is Student's quantile. The variance V is known at θ = x, where
it is s². How it changes with θ is taken from the range of the score, and from the skewness of the influences (of a sum, the
third moment is the slope of the second):

    range:     V(θ) = s² θ(1 − θ) / (x(1 − x))
    skewness:  V(θ) = s² + k (θ − x) − s² (θ − x)² / (x(1 − x))

Each end of the interval is the outer one of the two. Of pictures that are right or wrong both are Wilson's interval. A score
that is not in 0..1, such as a PSNR, has V(θ) = s² and V(θ) = s² + k (θ − x).

A score that no picture changes has s² = 0. At 0 or 1 every picture was wrong, or right, and others may differ: V(θ) = θ(1 − θ),
which is Wilson's interval again. Between 0 and 1, or without a range, the score does not depend on the pictures (the mean AP of
one guess for all pixels is 1 / classes on any of them), and the interval has no width.

benchmarks/interval_coverage.py compares this interval with others in drawn data sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.statistics.bootstrap import LEAST_PICTURES
from pixelwise.statistics.spread import LEVEL, Interval

GROUPS = 2000  # more pictures are left out in so many random groups
EQUAL = 1e-20  # variances below are rounding
EDGE = 1e-9  # so near to 0 or 1, a score that no picture changes is 0 or 1 up to rounding


def random_groups(pictures: int, groups: int = GROUPS) -> NDArray[np.int64]:
    """(N,), the group in which each picture is left out: alone, or of more pictures than groups a random one."""
    if pictures <= groups:
        return np.arange(pictures)
    # not in their order, in which neighbours may be alike
    return np.random.Generator(np.random.PCG64([0, pictures])).permutation(pictures) % groups


def left_out(states: Any, groups: int = GROUPS) -> Iterator[NDArray[np.int64]]:
    """The summed state (K,) int64 without each picture, or without each of `groups` random groups of pictures.

    states:  (N, K) int64, SciPy sparse in rows: what each picture adds to the counts
    """
    from scipy.sparse import csr_array

    pictures = states.shape[0]
    if pictures > groups:
        group = random_groups(pictures, groups)
        states = csr_array((np.ones(pictures, np.int64), (group, np.arange(pictures)))) @ states
    total = np.asarray(states.sum(axis=0), np.int64).reshape(-1)
    for start, end in zip(states.indptr[:-1], states.indptr[1:], strict=True):
        state = total.copy()
        state[states.indices[start:end]] -= states.data[start:end]
        yield state


def score_interval(
    value: float, without: Sequence[float], pictures: int | None = None, level: float = LEVEL
) -> Interval | None:
    """The interval of a score from its values without each picture.

    pictures:  how many the score counts, if fewer than all: accuracy over rare classes; default: all
    None for fewer than LEAST_PICTURES.
    """
    from scipy.special import stdtrit  # the t of Student's distribution

    pictures = len(without) if pictures is None else pictures
    if min(len(without), pictures) < LEAST_PICTURES:
        return None
    left = np.asarray(without, np.float64)
    is_share = bool(0 <= value <= 1 and (left >= 0).all() and (left <= 1).all())
    influences = (len(left) - 1) * (left.mean() - left)
    variance = float((influences**2).sum()) / (len(left) - 1)
    quantile = float(stdtrit(min(len(left), pictures) - 1, 0.5 + level / 2))
    spare = value * (1 - value)  # the variance of pictures that are right or wrong
    if variance < EQUAL:
        if min(abs(value), abs(1 - value)) > EDGE:
            return Interval(value, value, level)
        edge = float(round(value))
        return Interval(*_ends(edge, quantile**2 / pictures, 0.0, 1 - 2 * edge, -1.0), level)
    slope = len(left) / (len(left) - 1) * float((influences**3).sum() / (influences**2).sum())
    shrink = variance / spare if is_share and spare else 0.0
    slopes = (shrink * (1 - 2 * value), slope)
    ends = [_ends(value, quantile**2 / len(left), variance, slope, -shrink) for slope in slopes]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    return Interval(max(low, 0.0), min(high, 1.0), level) if is_share else Interval(low, high, level)


def _ends(value: float, factor: float, at: float, slope: float, bend: float) -> tuple[float, float]:
    """The θ = value + h with h² = factor · (at + slope · h + bend · h²)."""
    a, b, c = 1 - factor * bend, -factor * slope, -factor * at
    root = sqrt(max(b * b - 4 * a * c, 0.0))
    return value + (-b - root) / (2 * a), value + (-b + root) / (2 * a)
