"""Bands cover every row of every picture once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.scratch.fast.bands import bands, channel_sums, cut_out
from pixelwise.scratch.fast.workspace import Buffers


@settings(deadline=None)
@given(first=st.integers(0, 5), count=st.integers(1, 9), height=st.integers(1, 20), budget=st.integers(1, 4000))
def test_bands_cover_everything_once(first, count, height, budget):
    seen = np.zeros((first + count, height), int)
    for band in bands(slice(first, first + count), height, 100, budget):
        seen[band.pictures, band.top : band.top + band.rows] += 1
        assert band.count * band.rows * 100 <= max(100, 1.5 * budget)
    assert (seen[first:] == 1).all()
    assert not seen[:first].any()


@settings(deadline=None)
@given(top=st.integers(-4, 4), left=st.integers(-4, 4), rows=st.integers(1, 12), columns=st.integers(1, 12))
def test_cut_out_is_padding_and_slicing(top, left, rows, columns):
    x = np.arange(1.0, 2 * 5 * 6 * 2 + 1).reshape(2, 5, 6, 2)
    wide = np.pad(x, ((0, 0), (20, 20), (20, 20), (0, 0)))
    buffers = Buffers()
    buffers.take("a", (1000,), np.float64)[:] = np.nan  # what was there before must not show through
    part = cut_out(x, slice(1, 2), (top, left), (rows, columns), "a", buffers)
    np.testing.assert_array_equal(part, wide[1:2, 20 + top : 20 + top + rows, 20 + left : 20 + left + columns])


def test_channel_sums():
    x = np.arange(24.0).reshape(2, 2, 3, 2)
    assert channel_sums(x).tolist() == x.sum(axis=(0, 1, 2)).tolist()
