"""The interval over pictures against its definition and against formulas of its own."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.sparse import csr_array
from scipy.stats import binomtest, norm, skew, t

from pixelwise.statistics.jackknife import left_out, score_interval


def without(values: np.ndarray) -> list[float]:
    """The mean of all values but one, for each."""
    return [float(np.delete(values, place).mean()) for place in range(len(values))]


def test_the_states_without_a_picture_add_up() -> None:
    states = np.random.default_rng(0).integers(0, 3, (23, 6))
    again = [np.delete(states, place, axis=0).sum(axis=0) for place in range(23)]
    assert np.array_equal(list(left_out(csr_array(states))), again)


def test_many_pictures_are_left_out_in_groups_that_together_are_all_of_them() -> None:
    states = np.random.default_rng(0).integers(0, 3, (50, 6))
    left = np.array(list(left_out(csr_array(states), groups=7)))
    assert left.shape == (7, 6)
    assert np.array_equal((states.sum(axis=0) - left).sum(axis=0), states.sum(axis=0))
    one_each = np.array(list(left_out(csr_array(np.eye(50, dtype=np.int64)), groups=7)))
    assert set((1 - one_each).sum(axis=1)) == {7, 8}  # of about equal size


@pytest.mark.parametrize("right", [0, 3, 30, 59, 60])
def test_of_right_and_wrong_pictures_it_is_wilsons_interval(right: int) -> None:
    """SciPy's takes the normal quantile and divides by N; a confidence at which both quantiles are equal makes them one."""
    values = np.arange(60) < right
    exact = right in (0, 60)  # then the variance is that of the range, without N − 1
    quantile = t.ppf(0.975, 59) * (1 if exact else np.sqrt(60 / 59))
    level = float(1 - 2 * norm.sf(quantile))
    wilson = binomtest(right, 60).proportion_ci(confidence_level=level, method="wilson")
    interval = score_interval(right / 60, without(values))
    assert (interval.low, interval.high) == pytest.approx((wilson.low, wilson.high), abs=1e-12)


def test_each_end_is_where_one_of_the_two_tests_begins_to_reject() -> None:
    values = np.random.default_rng(3).beta(4, 1, 40)
    x, s = values.mean(), values.std(ddof=1)
    slope = skew(values) * s * np.sqrt(40 / 39)
    factor, bend = t.ppf(0.975, 39) ** 2 / 40, s**2 / (x * (1 - x))

    def ends(variance) -> tuple[float, float]:
        rejects = lambda theta: (x - theta) ** 2 - factor * variance(theta)  # noqa: E731
        return brentq(rejects, 0, x), brentq(rejects, x, 1)

    by_range = ends(lambda theta: bend * theta * (1 - theta))
    by_skewness = ends(lambda theta: s**2 + slope * (theta - x) - bend * (theta - x) ** 2)
    interval = score_interval(float(x), without(values))
    assert interval.low == pytest.approx(min(by_range[0], by_skewness[0]), abs=1e-9)
    assert interval.high == pytest.approx(max(by_range[1], by_skewness[1]), abs=1e-9)


def test_a_score_without_a_range_has_students_interval_and_one_that_follows_the_skewness() -> None:
    values = np.random.default_rng(4).normal(22, 3, 200)
    half = t.ppf(0.975, 199) * values.std(ddof=1) / np.sqrt(200)
    interval = score_interval(float(values.mean()), without(values))
    assert values.mean() - interval.low == pytest.approx(half, rel=0.02)
    assert interval.high - values.mean() == pytest.approx(half, rel=0.02)
    skewed = np.random.default_rng(4).exponential(10, 200) + 5
    long = score_interval(float(skewed.mean()), without(skewed))
    assert long.high - skewed.mean() > skewed.mean() - long.low


def test_fewer_than_twenty_pictures_give_none() -> None:
    values = np.random.default_rng(5).random(19)
    assert score_interval(float(values.mean()), without(values)) is None
    many = np.append(values, 0.5)
    assert score_interval(float(many.mean()), without(many)) is not None
    assert score_interval(float(many.mean()), without(many), pictures=19) is None  # the score uses only 19 of them


@pytest.mark.parametrize("value", [1 / 9, 0.5, 0.999, 21.5, -3.0])
def test_a_score_that_no_picture_changes_has_no_width(value: float) -> None:
    interval = score_interval(value, [value] * 72)
    assert (interval.low, interval.high) == (value, value)


@pytest.mark.parametrize("rounding", [0.0, 2e-16, -2e-16])
def test_scores_of_0_and_1_that_no_picture_changes_may_change_with_other_pictures(rounding: float) -> None:
    for edge in (0.0, 1.0):
        exact, rounded = (score_interval(one, [one] * 72) for one in (edge, edge + rounding))
        assert rounded == exact
        assert exact.high - exact.low > 0.05
        assert edge in (exact.low, exact.high)


def test_groups_give_nearly_the_interval_of_single_pictures() -> None:
    values = np.random.default_rng(6).random(3000) < 0.9
    states = csr_array(np.stack([values, np.ones(3000)], axis=1).astype(np.int64))
    single, grouped = (
        score_interval(float(values.mean()), [one[0] / one[1] for one in left_out(states, groups)], 3000)
        for groups in (3000, 500)
    )
    assert grouped.high - grouped.low == pytest.approx(single.high - single.low, rel=0.1)
