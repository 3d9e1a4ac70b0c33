"""Grey, nearest palette colours and palettes, against naive loops and by their promises."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.errors import DataError, ShapeError
from pixelwise.imaging import colour

LEVEL = st.integers(0, 255)
COLOUR = st.tuples(LEVEL, LEVEL, LEVEL)


def drawn(shape=(5, 7, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def naive_nearest(image, palette):
    distances = ((image[:, :, None].astype(np.int64) - np.array(palette)) ** 2).sum(-1)
    return distances.argmin(-1)  # the first of equal ones


def test_grey_is_the_mean_of_the_channels():
    image = drawn((64, 64, 3))
    exact = image.astype(np.float64).mean(axis=2)
    assert np.array_equal(colour.grey_sum(image), np.rint(3 * exact))
    assert np.array_equal(colour.grey(image), np.rint(exact).astype(np.uint8)[:, :, None].repeat(3, axis=2))


@settings(max_examples=6, deadline=None)  # a table of all 2²⁴ colours is made for each
@given(st.lists(COLOUR, min_size=1, max_size=5, unique=True), st.integers(0, 2**32 - 1))
def test_nearest_colours_as_a_naive_search_finds_them(palette, seed):
    image = drawn((24, 24, 3), seed)
    image[0, : len(palette)] = palette
    assert np.array_equal(colour.nearest_colours(image, palette), naive_nearest(image, palette))


def test_a_tie_goes_to_the_lowest_index():
    palette = ((0, 0, 10), (0, 0, 0), (0, 10, 0), (10, 0, 0))
    image = np.array([[[0, 0, 5], [5, 5, 5], [5, 5, 0], [0, 5, 0]]], np.uint8)
    assert colour.nearest_colours(image, palette).tolist() == [[0, 0, 1, 1]]
    assert np.array_equal(colour.nearest_colours(image, palette), naive_nearest(image, palette))


def test_the_largest_palette_and_the_ends_of_the_range():
    palette = [tuple(c) for c in np.unique(drawn((400, 3)), axis=0)[:256].tolist()]
    image = drawn((16, 16, 3), 1)
    image[0, 0], image[0, 1] = 0, 255
    assert np.array_equal(colour.nearest_colours(image, palette), naive_nearest(image, palette))
    with pytest.raises(ShapeError, match="1 to 256 colours"):
        colour.nearest_table((*palette, (1, 2, 3)))


def test_painting_gives_back_a_picture_of_palette_colours():
    palette = ((0, 0, 0), (250, 10, 20), (7, 200, 7))
    indices = np.random.default_rng(0).integers(0, 3, (6, 5)).astype(np.uint8)
    image = colour.paint(indices, palette)
    assert image.shape == (6, 5, 3)
    assert np.array_equal(colour.nearest_colours(image, palette), indices)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (4, 4, 4)])
def test_pictures_of_one_or_four_channels_are_refused(shape):
    for function in (colour.grey, lambda image: colour.nearest_colours(image, ((0, 0, 0),))):
        with pytest.raises(ShapeError, match=r"a picture is \(H, W, 3\) uint8.*read_image"):
            function(np.zeros(shape, np.uint8))


def test_k_means_finds_the_colours_that_are_there():
    centres = np.array([[20, 20, 20], [200, 30, 40], [40, 180, 60], [230, 230, 230]])
    generator = np.random.default_rng(0)
    pixels = centres[generator.integers(0, 4, 2000)] + generator.integers(-3, 4, (2000, 3))
    images = pixels.astype(np.uint8).reshape(2, 50, 20, 3)
    palette = colour.find_palette(images, 4, seed=0)
    assert np.abs(np.array(palette) - centres[[0, 1, 2, 3]]).max() <= 1  # darkest first
    assert colour.find_palette(images, 4, seed=0) == palette
    assert all(type(value) is int for c in palette for value in c)


def test_fewer_colours_than_asked_for():
    images = np.zeros((2, 8, 8, 3), np.uint8)
    images[0, 0, 0] = 9
    with pytest.raises(
        DataError, match=r"task.colours: .* have 2 different colours, but a palette of 3 was asked for.*colours=2"
    ):
        colour.find_palette(images, 3, seed=0)


def test_a_rare_colour_in_many_pixels_is_not_lost_by_the_draw(monkeypatch):
    monkeypatch.setattr(colour, "PIXELS", 50)
    images = np.zeros((1, 40, 40, 3), np.uint8)
    images[0, 3, 3], images[0, 7, 9] = (255, 0, 0), (0, 255, 0)
    assert set(colour.find_palette(images, 3, seed=0)) == {(0, 0, 0), (255, 0, 0), (0, 255, 0)}


@pytest.mark.parametrize("text", ['["#000000", "#ff8000", [1, 2, 3]]', "#000000\n#ff8000\n\n#010203\n"])
def test_palette_files(tmp_path, text):
    file = tmp_path / "palette.txt"
    file.write_text(text)
    assert colour.read_palette(file) == ((0, 0, 0), (255, 128, 0), (1, 2, 3))


@given(st.lists(COLOUR, min_size=1, max_size=30, unique=True))
def test_colours_as_text_go_round(palette):
    text = json.dumps([colour.as_hex(c) for c in palette])
    assert colour.parse_palette(json.loads(text), "here") == tuple(palette)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a list of colours"),
        ("[]", "not a list of colours"),
        ('{"a": 1}', "not a list of colours"),
        ("[1, 2", "line 1, column 6: a bracket is opened and not closed"),
        ("#12345\n", r"read '#12345'; a colour must be '#rrggbb'"),
        ("red\n", "contains 'red', not a list of colours"),
        ("#000000\nred\n", "read 'red'"),
        ("- #000000\n- #ffffff", "read null; a colour must be '#rrggbb'"),
        ("[" * 99, "nested more than"),
        ("[[1, 2, 256]]", r"read \[1, 2, 256\]"),
        ("[[1, 2, true]]", "three whole numbers"),
        ("#000000\n#000000\n", "more than once: #000000"),
    ],
)
def test_palette_files_that_are_none(tmp_path, text, said):
    file = tmp_path / "palette.txt"
    file.write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        colour.read_palette(file)
    assert str(file) in str(caught.value)


def test_a_palette_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        colour.read_palette(tmp_path / "none.json")
