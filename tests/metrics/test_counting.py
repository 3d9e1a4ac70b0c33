"""Fast counting against the loop that anyone would write."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.metrics import confusion
from pixelwise.metrics.confusion import count_pairs, count_pixels, count_runs


def naive(truth, prediction, rows, columns):
    counts = np.zeros((rows, columns), np.int64)
    for t, p in zip(truth.ravel().tolist(), prediction.ravel().tolist(), strict=True):
        counts[t, p] += 1
    return counts


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    size=st.tuples(st.integers(0, 40), st.integers(1, 40)),
    rows=st.sampled_from([1, 2, 22, 200, 256]),
    columns=st.sampled_from([1, 2, 21, 32, 33, 150, 256]),
    coarse=st.integers(1, 9),
)
def test_any_labels_in_regions_or_noise(seed, size, rows, columns, coarse):
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, rows, size, dtype=np.uint8).repeat(coarse, axis=1)
    prediction = generator.integers(0, columns, size, dtype=np.uint8).repeat(coarse, axis=1)
    assert np.array_equal(count_pairs(truth, prediction, rows, columns), naive(truth, prediction, rows, columns))


@pytest.mark.parametrize(("rows", "columns"), [(301, 300), (1001, 7), (3, 70_000)])
def test_wide_labels(rows, columns):
    generator = np.random.default_rng(0)
    truth = generator.integers(0, rows, 500, dtype=np.uint16)
    prediction = generator.integers(0, min(columns, 65_535), 500, dtype=np.uint16)
    assert np.array_equal(count_pairs(truth, prediction, rows, columns), naive(truth, prediction, rows, columns))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_runs_and_pixels_count_the_same(labels):
    codes = np.array(labels, np.uint16)
    by_pixel, by_run = np.zeros(6, np.int64), np.zeros(6, np.int64)
    count_pixels(codes, by_pixel)
    count_runs(codes, codes[1:] != codes[:-1], by_run)
    assert np.array_equal(by_pixel, by_run)
    assert by_pixel.sum() == len(labels)


def test_chunks_join_without_a_seam(monkeypatch):
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, 1000, dtype=np.uint8).repeat(3)
    prediction = generator.integers(0, 3, 3000, dtype=np.uint8)
    expected = count_pairs(truth, prediction, 3, 3)
    monkeypatch.setattr(confusion, "CHUNK", 37)
    assert np.array_equal(count_pairs(truth, prediction, 3, 3), expected)
    assert np.array_equal(count_pairs(truth, truth, 3, 3), np.diag(np.bincount(truth)))


def test_slices_that_are_not_contiguous():
    generator = np.random.default_rng(0)
    both = generator.integers(0, 4, (20, 30, 2), dtype=np.uint8)
    truth, prediction = both[::2, :, 0], both[::2, :, 1]
    assert np.array_equal(count_pairs(truth, prediction, 4, 4), naive(truth, prediction, 4, 4))
