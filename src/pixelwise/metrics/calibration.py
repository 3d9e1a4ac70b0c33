"""Whether a confidence of .8 is right in 80 of 100 cases: calibration, counted in whole numbers.

Confidence is kept as a whole number of 2⁻³² parts, so that sums are exact whatever the order. Intervals are those of Guo,
Pleiss, Sun & Weinberger 2017: `BINS` of equal width over 0..1; here the lower end belongs to an interval.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
UNIT = 1 << 32  # a sum over 2³¹ pictures still fits 64 bits

Bins = NDArray[np.int64]  # (BINS, 3): pictures, hits, summed confidence in units


def confidence_row(confidence: float) -> tuple[int, int]:
    """The interval of a confidence in 0..1, and the confidence in whole units."""
    units = min(UNIT, max(0, round(confidence * UNIT)))
    return min(BINS - 1, units * BINS // UNIT), units


def calibration_error(bins: Bins) -> float | None:
    """Σ_b n_b / n · |accuracy_b − mean confidence_b|, the expected calibration error; None where nothing was counted.

    A quotient of whole numbers, Σ_b |hits_b · UNIT − confidence_b| / (n · UNIT), rounded once.
    """
    rows = bins.tolist()  # Python's whole numbers, which do not overflow
    n = sum(count for count, _, _ in rows)
    return sum(abs(hits * UNIT - units) for _, hits, units in rows) / (n * UNIT) if n else None


def reliability(bins: Bins) -> list[dict[str, Any]]:
    """One record an interval: its ends, how many pictures lie in it, their mean confidence and accuracy."""
    return [
        {
            "from": index / BINS,
            "to": (index + 1) / BINS,
            "n": count,
            "confidence": units / (count * UNIT) if count else None,
            "accuracy": hits / count if count else None,
        }
        for index, (count, hits, units) in enumerate(bins.tolist())
    ]
