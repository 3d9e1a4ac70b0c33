"""Class weights against scikit-learn, sums written out, and what they must keep for any counts."""

from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.utils.class_weight import compute_class_weight

from pixelwise.errors import DataError
from pixelwise.losses.weights import effective_number, inverse_frequency, median_frequency, rarity


def counts_below(most):
    return arrays.arrays(np.int64, st.integers(1, 12), elements=st.integers(0, most - 1)).filter(lambda n: n.any())


some_counts = counts_below(10**9 + 1)
FORMULAS = [
    inverse_frequency,
    median_frequency,
    lambda counts: effective_number(counts, 0.999),
    lambda n: rarity(n, 0.5),
]


def test_inverse_frequency_is_scikit_learns_balanced():
    counts = np.array([50, 30, 20], np.int64)
    labels = np.repeat([0, 1, 2], counts)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(inverse_frequency(counts), expected)


@given(some_counts)
def test_inverse_frequency_has_mean_one_over_the_pixels(counts):
    assert (inverse_frequency(counts) * counts).sum() / counts.sum() == pytest.approx(1)


@given(some_counts)
def test_median_frequency_is_the_median_over_each(counts):
    present = [int(n) for n in counts if n]
    expected = [median(present) / n for n in present]
    np.testing.assert_allclose(median_frequency(counts)[counts > 0], expected)


@given(counts_below(10**4), st.floats(0.0, 0.9999))
def test_effective_number_is_the_sum_of_the_paper(counts, beta):
    """E_n = Σ_{j<n} β^j: the expected number of distinct things among n drawn (Cui et al. 2019, section 3.2)."""
    present = counts[counts > 0]
    expected = np.array([1 / np.power(beta, np.arange(n)).sum() for n in present])
    expected *= len(present) / expected.sum()
    np.testing.assert_allclose(effective_number(counts, beta)[counts > 0], expected, rtol=1e-6)


def test_effective_number_between_its_two_ends():
    counts = np.array([1000, 10, 100], np.int64)
    np.testing.assert_array_equal(effective_number(counts, 0.0), np.ones(3))
    nearly = effective_number(counts, 1 - 1e-9)
    np.testing.assert_allclose(nearly / nearly[0], [1, 100, 10], rtol=1e-5)


def test_effective_number_of_many_pixels_is_a_null_setting_as_the_docstring_warns():
    np.testing.assert_allclose(effective_number(np.array([10**7, 10**5]), 0.999), [1, 1])


@pytest.mark.parametrize("formula", FORMULAS)
@given(counts=some_counts)
def test_weights_are_positive_finite_and_rarer_never_weighs_less(formula, counts):
    weights = formula(counts)
    assert weights.shape == counts.shape
    assert np.isfinite(weights).all()
    assert (weights > 0).all()
    order = np.argsort(counts[counts > 0])
    assert (np.diff(weights[counts > 0][order]) <= 1e-12 * weights.max()).all()


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_class_without_a_pixel_weighs_as_the_rarest(formula):
    weights = formula(np.array([100, 0, 10], np.int64))
    assert weights[1] == weights[2] == weights.max()


@pytest.mark.parametrize("formula", FORMULAS)
def test_counts_that_mean_nothing_are_refused(formula):
    with pytest.raises(DataError, match="no pixel of the training set"):
        formula(np.zeros(3, np.int64))
    for bad in (np.ones((2, 2), np.int64), np.array([0.5, 1.0]), np.array([-1, 3])):
        with pytest.raises(DataError, match="whole numbers"):
            formula(bad)


def test_beta_out_of_bounds_is_refused():
    with pytest.raises(DataError, match="below 1"):
        effective_number(np.array([1, 2]), 1.0)


def test_rarity_is_the_formula_of_the_paper_with_a_mean_of_one_over_the_pixels():
    counts = np.array([700, 250, 50], np.int64)
    frequency = counts / counts.sum()
    expected = 1 / (0.5 * frequency + 0.5 / 3)
    got = rarity(counts, 0.5)
    np.testing.assert_allclose(got / got[0], expected / expected[0])
    np.testing.assert_allclose(frequency @ got, 1)
    np.testing.assert_allclose(rarity(counts, 1.0), np.ones(3))
    np.testing.assert_allclose(rarity(counts, 1e-9), 1 / (3 * frequency), rtol=1e-6)


def test_rarity_of_a_class_that_never_occurs_is_that_of_the_rarest():
    assert rarity(np.array([5, 0, 1], np.int64), 0.5).argmax() in (1, 2)
    with pytest.raises(DataError, match="above 0"):
        rarity(np.array([5, 1], np.int64), 0.0)
