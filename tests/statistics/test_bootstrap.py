"""The bootstrap against its definition: whole pictures, the same draws for every model."""

import tracemalloc

import numpy as np
import pytest
from scipy.sparse import csr_array

from pixelwise.statistics import bootstrap
from pixelwise.statistics.bootstrap import draw_counts, percentile_interval, resampled


def test_every_draw_takes_as_many_pictures_as_there_are() -> None:
    counts = np.concatenate(list(draw_counts(30, 500)))
    assert counts.shape == (500, 30)
    assert (counts.sum(axis=1) == 30).all()
    assert abs(counts.mean() - 1) < 1e-9
    # each picture is left out of a draw with (1 − 1/30)³⁰ ≈ .362
    assert abs((counts == 0).mean() - (1 - 1 / 30) ** 30) < 0.01


def test_the_draws_depend_on_seed_and_pictures_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(draw_counts(7, 40, seed=3)))
    assert np.array_equal(whole, np.concatenate(list(draw_counts(7, 40, seed=3))))
    assert not np.array_equal(whole, np.concatenate(list(draw_counts(7, 40, seed=4))))
    monkeypatch.setattr(bootstrap, "CHUNK", 20)  # in chunks of two draws
    assert np.array_equal(whole, np.concatenate(list(draw_counts(7, 40, seed=3))))


def test_resampled_states_are_sums_over_drawn_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    states = np.random.default_rng(0).integers(0, 1 << 40, (9, 5))
    drawn = np.concatenate(list(draw_counts(9, 25)))
    naive = [sum(int(n) * row for n, row in zip(counts, states, strict=True)) for counts in drawn]
    assert np.array_equal(list(resampled(states, 25)), naive)
    assert np.array_equal(list(resampled(csr_array(states), 25)), naive)
    monkeypatch.setattr(bootstrap, "SUMS", 11)  # two draws at once
    assert np.array_equal(list(resampled(csr_array(states), 25)), naive)


def test_the_memory_of_large_states_does_not_grow_with_the_draws() -> None:
    """States of average precision: 22 tables of 2 × 1,024 counts, of which a picture has some hundred."""
    generator, size = np.random.default_rng(0), 22 * 2 * 1024
    places = (np.repeat(np.arange(50), 100), generator.integers(0, size, 5000))
    states = csr_array((np.ones(5000, np.int64), places), shape=(50, size))
    tracemalloc.start()
    try:
        pixels = {int(state.sum()) for state in resampled(states, 300)}
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert pixels == {5000}
    assert peak < 4 * 8 * bootstrap.SUMS < 300 * size * 8


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    values = np.random.default_rng(1).integers(0, 1000, (400, 1))
    means = [float(state[0]) / 400 for state in resampled(values, 4000)]
    interval = percentile_interval(means)
    half = 1.96 * values.std() / 20
    assert interval.low == pytest.approx(values.mean() - half, rel=0.03)
    assert interval.high == pytest.approx(values.mean() + half, rel=0.03)


def test_few_known_draws_give_no_interval() -> None:
    assert percentile_interval([None] * 200) is None
    assert percentile_interval([0.1] * 50) is None
    assert percentile_interval([0.1] * 300 + [None] * 100).low == 0.1
