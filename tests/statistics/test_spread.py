"""Spread and intervals, held against SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pixelwise.statistics.spread import difference, spread

Values = st.lists(st.floats(0, 1, allow_subnormal=False).map(lambda x: round(x, 6)), min_size=2, max_size=8).filter(
    lambda values: np.std(values) > 1e-6
)


@given(Values)
def test_the_t_interval_is_scipys(values: list[float]) -> None:
    told = spread(values)
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert (told.interval.low, told.interval.high) == pytest.approx((low, high))
    assert told.mean == pytest.approx(np.mean(values))
    assert told.sd == pytest.approx(np.std(values, ddof=1))


@given(Values, Values)
def test_welchs_interval_is_scipys(first: list[float], second: list[float]) -> None:
    told = difference(first, second)
    expected = stats.ttest_ind(second, first, equal_var=False).confidence_interval(0.95)
    assert (told.interval.low, told.interval.high) == pytest.approx((expected.low, expected.high))
    assert told.value == pytest.approx(np.mean(second) - np.mean(first))


@pytest.mark.parametrize(
    ("values", "n", "mean", "lack"),
    [
        ([], 0, None, "no score"),
        ([None], 0, None, "no score"),
        ([0.5, None], 1, 0.5, "one seed"),
        ([0.5, 0.5], 2, 0.5, "2 seeds with the same score"),
    ],
)
def test_too_little_is_said_in_words(values: list[float | None], n: int, mean: float | None, lack: str) -> None:
    told = spread(values)
    assert (told.n, told.mean, told.interval, told.lack) == (n, mean, None, lack)


@pytest.mark.parametrize(
    ("first", "second", "value", "words"),
    [
        ([0.1], [0.3], 0.2, "one seed on both sides"),
        ([0.1, 0.2], [0.35], 0.2, "one seed on one side"),
        ([0.1, 0.1], [0.2, 0.2], 0.1, "all seeds gave the same score"),
        ([], [0.2], None, "no score on one side"),
    ],
)
def test_a_difference_without_an_interval_says_why(
    first: list[float], second: list[float], value: float | None, words: str
) -> None:
    told = difference(first, second)
    assert told.value == (None if value is None else pytest.approx(value))
    assert told.interval is None
    assert words in told.lack
