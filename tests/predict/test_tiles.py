"""Tiles keep every pixel once, start on the network's grid, and share what they were told to share."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelwise.errors import ShapeError
from pixelwise.predict.tiles import cover, cut


@st.composite
def layouts(draw: st.DrawFn) -> tuple[int, int, int, int]:
    multiple = draw(st.integers(1, 8))
    overlap = draw(st.integers(0, 20))
    tile = draw(st.integers(overlap + multiple, overlap + multiple + 40))
    return draw(st.integers(1, 300)), tile, overlap, multiple


@given(layouts())
def test_every_pixel_is_kept_once_from_inside_its_tile(layout: tuple[int, int, int, int]) -> None:
    length, tile, overlap, multiple = layout
    kept = np.zeros(length, int)
    for span in cover(length, tile, overlap, multiple=multiple):
        kept[span.kept] += 1
        assert 0 <= span.start <= span.first < span.last <= span.stop <= length
        assert span.stop - span.start <= tile
        assert np.array_equal(np.arange(length)[span.read][span.inner], np.arange(length)[span.kept])
    assert (kept == 1).all()


@given(layouts())
def test_neighbours_share_the_overlap_and_each_keeps_half_of_it(layout: tuple[int, int, int, int]) -> None:
    length, tile, overlap, multiple = layout
    spans = cover(length, tile, overlap, multiple=multiple)
    assert spans[0].start == 0
    assert spans[-1].stop == length
    for one, other in pairwise(spans):
        assert other.start % multiple == 0
        assert one.stop - other.start >= overlap
        assert one.last == other.first
        assert other.first - other.start >= overlap // 2
        assert one.stop - one.last >= overlap // 2


def test_what_fits_into_one_tile_is_not_cut() -> None:
    (span,) = cover(512, 512, 64, multiple=32)
    assert (span.read, span.kept, span.inner) == (slice(0, 512),) * 3


def test_tiles_of_a_picture_go_row_by_row() -> None:
    corners = [(rows.start, columns.start) for rows, columns in cut((600, 900), 512, 64, multiple=32)]
    assert corners == [(0, 0), (0, 448), (448, 0), (448, 448)]


@pytest.mark.parametrize(("tile", "overlap"), [(64, 40), (64, 64), (64, 100), (64, -1)])
def test_an_overlap_that_leaves_nothing_is_refused(tile: int, overlap: int) -> None:
    with pytest.raises(ShapeError, match=rf"tiles of {tile} pixels cannot overlap by {overlap}"):
        cover(1000, tile, overlap, multiple=32)
