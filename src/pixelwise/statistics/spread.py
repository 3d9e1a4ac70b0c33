"""Mean, spread and t interval of scores over seeds, and of the difference between two groups of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A confidence interval. low ≤ high; level: how often intervals made by this method contain the true value."""

    low: float
    high: float
    level: float = LEVEL

    @property
    def holds_zero(self) -> bool:
        return self.low <= 0.0 <= self.high


@dataclass(frozen=True)
class Spread:
    """Values of one score over seeds.

    sd:        standard deviation with n − 1; None for fewer than two values
    interval:  Student's t interval of the mean; None if `lack` says in words what is missing
    """

    mean: float | None
    sd: float | None
    n: int
    interval: Interval | None
    lack: str = ""


@dataclass(frozen=True)
class Difference:
    """The second group's mean less the first's, and Welch's t interval of it; None if `lack` says what is missing."""

    value: float | None
    interval: Interval | None
    lack: str = ""


def spread(values: Sequence[float | None], level: float = LEVEL) -> Spread:
    """Mean, standard deviation and t interval m ± t · s / √n (Student 1908) of the values that are not None."""
    from scipy.special import stdtrit  # the t of Student's distribution

    known = [value for value in values if value is not None]
    n = len(known)
    if n == 0:
        return Spread(None, None, 0, None, "no score")
    mean = fsum(known) / n
    if n == 1:
        return Spread(mean, None, 1, None, "one seed")
    sd = sqrt(fsum((value - mean) ** 2 for value in known) / (n - 1))
    if sd == 0.0:
        return Spread(mean, 0.0, n, None, f"{n} seeds with the same score")
    half = float(stdtrit(n - 1, 0.5 + level / 2)) * sd / sqrt(n)
    return Spread(mean, sd, n, Interval(mean - half, mean + half, level))


def difference(first: Sequence[float | None], second: Sequence[float | None], level: float = LEVEL) -> Difference:
    """mean(second) − mean(first) with Welch's t interval (Welch 1947: the two may vary by different amounts)."""
    one, other = spread(first, level), spread(second, level)
    if one.mean is None or other.mean is None:
        return Difference(None, None, "there is no score on one side")
    value = other.mean - one.mean
    if one.sd is None or other.sd is None:
        alone = "on both sides" if one.sd is None and other.sd is None else "on one side"
        return Difference(value, None, f"one seed {alone}; an interval over seeds needs at least two on each side")
    if one.sd == other.sd == 0.0:
        return Difference(value, None, "all seeds gave the same score, so their spread is unknown")
    from scipy.special import stdtrit  # here, because it takes time to import

    errors = [told.sd**2 / told.n for told in (one, other) if told.sd is not None]  # squared, of each mean
    freedom = fsum(errors) ** 2 / fsum(e**2 / (told.n - 1) for e, told in zip(errors, (one, other), strict=True))
    half = float(stdtrit(freedom, 0.5 + level / 2)) * sqrt(fsum(errors))
    return Difference(value, Interval(value - half, value + half, level))
