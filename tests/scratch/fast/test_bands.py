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


corners = st.tuples(st.integers(-4, 4), st.integers(-4, 4))
sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))


@settings(deadline=None)
@given(first=corners, second=corners, size=sizes, dtype=st.sampled_from([np.float32, np.float64]))
def test_cut_out_is_padding_and_slicing(first, second, size, dtype):
    x = np.arange(1, 2 * 5 * 6 * 2 + 1, dtype=dtype).reshape(2, 5, 6, 2)
    wide = np.pad(x, ((0, 0), (20, 20), (20, 20), (0, 0)))
    buffers = Buffers()
    buffers.take("a", (1000,), np.float64)[:] = np.nan  # what was there before must not show through
    for image, (top, left) in ((1, first), (0, first), (0, second), (1, first)):  # nor what the last one left
        part = cut_out(x, slice(image, image + 1), (top, left), size, "a", buffers)
        expected = wide[image : image + 1, 20 + top : 20 + top + size[0], 20 + left : 20 + left + size[1]]
        np.testing.assert_array_equal(part, expected)


def test_cut_out_copies_only_where_it_must():
    x, buffers = np.zeros((2, 5, 6, 2)), Buffers()
    assert np.shares_memory(cut_out(x, slice(0, 2), (1, 2), (3, 4), "a", buffers), x)
    assert not np.shares_memory(cut_out(x, slice(0, 2), (1, 3), (3, 4), "a", buffers), x)
    planes = x.transpose(0, 3, 1, 2).copy().transpose(0, 2, 3, 1)  # each channel of its own
    assert not np.shares_memory(cut_out(planes, slice(0, 2), (1, 2), (3, 4), "a", buffers), planes)


def test_channel_sums():
    x = np.arange(24.0).reshape(2, 2, 3, 2)
    assert channel_sums(x).tolist() == x.sum(axis=(0, 1, 2)).tolist()
