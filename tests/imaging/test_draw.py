"""Drawings: each pixel of a colouring, an overlay and a row is held against a loop written out here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.errors import DataError, ShapeError
from pixelwise.imaging.draw import borders, colourise, legend, number_objects, overlay
from pixelwise.imaging.palettes import VOC_VOID
from pixelwise.rle import RLE
from pixelwise.types import Object

COLOURS = [(0, 0, 0), (200, 10, 30), (20, 120, 220)]


def class_map(height: int, width: int, seed: int, void: int | None = None) -> np.ndarray:
    choices = [0, 1, 2] if void is None else [0, 1, 2, void]
    return np.random.default_rng(seed).choice(choices, (height, width)).astype(np.uint8)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_colourise_looks_up_every_pixel(height: int, width: int, seed: int) -> None:
    indices = class_map(height, width, seed, void=255)
    drawn = colourise(indices, COLOURS, void=255)
    assert drawn.shape == (height, width, 3)
    assert drawn.dtype == np.uint8
    for y in range(height):
        for x in range(width):
            expected = VOC_VOID if indices[y, x] == 255 else COLOURS[indices[y, x]]
            assert tuple(drawn[y, x]) == expected


@pytest.mark.parametrize(("strange", "void"), [(3, None), (3, 255), (254, 255), (255, None), (900, 255)])
def test_colourise_names_an_index_that_is_no_class(strange: int, void: int | None) -> None:
    indices = np.full((2, 2), strange, np.uint16)
    with pytest.raises(DataError, match=rf"contains {strange}, but its values must be 0\.\.2"):
        colourise(indices, COLOURS, void=void)


def test_colourise_without_a_class_names_what_it_read() -> None:
    with pytest.raises(DataError, match=r"contains 1, but its values must be 255 \(void\)"):
        colourise(np.ones((2, 2), np.uint8), (), void=255)


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 99))
def test_borders_are_where_a_neighbour_differs(height: int, width: int, seed: int) -> None:
    indices = class_map(height, width, seed)
    edge = borders(indices)
    for y in range(height):
        for x in range(width):
            right = x + 1 < width and indices[y, x] != indices[y, x + 1]
            below = y + 1 < height and indices[y, x] != indices[y + 1, x]
            assert edge[y, x] == (right or below)


@settings(max_examples=25)
@given(st.integers(1, 520), st.floats(0, 1), st.integers(0, 99))
def test_overlay_blends_and_leaves_clear_classes_alone(height: int, opacity: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, 4, 3), dtype=np.uint8)
    indices = class_map(height, 4, seed, void=255)
    drawn = overlay(image, indices, COLOURS, opacity=opacity, clear=(0,), void=255)
    colour = colourise(indices, COLOURS, void=255).astype(float)
    mixed = image * (1 - opacity) + colour * opacity
    mixed[borders(indices)] = colour[borders(indices)]
    clear = (indices == 0) | (indices == 255)
    mixed[clear] = image[clear]
    assert np.abs(drawn - mixed).max() <= 1.5  # opacity is rounded to 1/256
    assert np.array_equal(drawn[clear], image[clear])


def test_overlay_refuses_sizes_that_differ() -> None:
    with pytest.raises(ShapeError, match="picture is 4×3, its class map 3×4"):
        overlay(np.zeros((3, 4, 3), np.uint8), np.zeros((4, 3), np.uint8), COLOURS)


def test_legend_wraps_and_shows_every_colour() -> None:
    names = ["background", "a rather long class name", "<b>&"]
    wide = legend(names, COLOURS, width=800, void=True)
    narrow = legend(names, COLOURS, width=120, void=True)
    assert wide.shape[1] == 800
    assert narrow.shape[0] > wide.shape[0]
    for picture in (wide, narrow):
        seen = {tuple(pixel) for pixel in picture.reshape(-1, 3)}
        assert {*COLOURS, VOC_VOID} <= seen
    with pytest.raises(ShapeError, match="3 classes but 2 colours"):
        legend(names, COLOURS[:2])


def test_more_objects_than_16_bits_can_number_are_refused() -> None:
    one = Object.of(0, RLE.of(np.ones((1, 1), bool)))
    assert number_objects([one] * 65535, (1, 1)).tolist() == [[1]]
    with pytest.raises(
        DataError, match="65,536 objects in one picture; an instance map of 16 bits numbers at most 65,535"
    ):
        number_objects([one] * 65536, (1, 1))
