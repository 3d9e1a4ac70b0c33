"""Window against brute force, against torch, and in its words to a user."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pixelwise.arithmetic.window import (
    Window,
    output_length,
    same_padding,
    transposed_output_length,
)
from pixelwise.errors import ShapeError

small = st.integers(1, 6)


@settings(deadline=None)
@given(st.integers(1, 40), small, small, st.integers(0, 4), st.integers(1, 3), st.integers(0, 1))
def test_output_length_counts_the_places_where_the_window_fits(length, kernel, stride, padding, dilation, extra):
    padded = length + 2 * padding + extra
    places = len(range(0, padded - dilation * (kernel - 1), stride))
    if places < 1:
        with pytest.raises(ShapeError, match="below 1"):
            output_length(length, kernel, stride, padding, dilation, extra)
    else:
        assert output_length(length, kernel, stride, padding, dilation, extra) == places


@settings(deadline=None)
@given(small, small, small, st.integers(0, 3), st.integers(1, 3))
def test_the_transposed_length_is_the_smallest_that_gives_the_output(outputs, kernel, stride, padding, dilation):
    assume((outputs - 1) * stride + dilation * (kernel - 1) + 1 > 2 * padding)
    needed = transposed_output_length(outputs, kernel, stride, padding, dilation)
    assert output_length(needed, kernel, stride, padding, dilation) >= outputs
    if needed > 1:
        assert output_length(needed, kernel, stride, padding, dilation) == outputs
        with_less = (needed - 1 + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        assert with_less < outputs


@pytest.mark.parametrize("wanted", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_random_settings_give_the_shapes_of_torch(wanted):
    draw = np.random.default_rng(0)
    met = 0
    for _ in range(wanted):
        (kh, kw), (sh, sw), (dh, dw) = draw.integers(1, 6, 2), draw.integers(1, 5, 2), draw.integers(1, 4, 2)
        (ph, pw), (height, width) = draw.integers(0, 5, 2), draw.integers(1, 17, 2)
        window = Window((kh, kw), (sh, sw), (ph, pw), (dh, dw))
        settings = {"stride": window.stride, "padding": window.padding, "dilation": window.dilation}
        picture = torch.zeros(1, 1, int(height), int(width))
        kernel = torch.zeros(1, 1, int(kh), int(kw))
        try:
            ours = window.output_size((int(height), int(width)))
        except ShapeError:
            with pytest.raises(RuntimeError):
                torch.nn.functional.conv2d(picture, kernel, **settings)
        else:
            assert tuple(torch.nn.functional.conv2d(picture, kernel, **settings).shape[2:]) == ours
            met += 1
        more = int(draw.integers(0, 4))
        try:
            theirs = torch.nn.functional.conv_transpose2d(picture, kernel, **settings, output_padding=more)
        except RuntimeError:
            theirs = torch.empty(0)
        if theirs.numel() == 0:  # torch hands out pictures without a pixel; we refuse them
            with pytest.raises(ShapeError):
                window.transposed_output_size((int(height), int(width)), more)
        else:
            assert tuple(theirs.shape[2:]) == window.transposed_output_size((int(height), int(width)), more)
    assert met > wanted / 2


def test_sizes_of_the_colourizer_down_and_up():
    assert Window(3, 2, 1).output_size((32, 32)) == (16, 16)
    assert Window(4, 2, 2).output_size((32, 32)) == (17, 17)
    assert Window(3, 2, 1).transposed_output_size((8, 8), 1) == (16, 16)
    assert transposed_output_length(16, 5, 2, 2, 1, 1) == 32


def test_the_floor_of_the_course_network():
    assert output_length(246, kernel=3, stride=2) == 122  # 121.5 places besides the first
    assert output_length(122, kernel=13, stride=10) == 11


@settings(deadline=None)
@given(small, st.integers(1, 3), st.integers(1, 30))
def test_same_keeps_the_size(kernel, dilation, length):
    window = Window.same(kernel, dilation)
    assert window.output_size((length, length)) == (length, length)
    before, after = same_padding(kernel, dilation)
    assert after - before in (0, 1)


@settings(deadline=None)
@given(small, small, st.integers(1, 3), st.integers(1, 30))
def test_same_transposed_multiplies_by_the_stride(kernel, stride, dilation, length):
    if stride == dilation == 1 and kernel % 2 == 0:
        with pytest.raises(ShapeError, match="no padding lets"):
            Window.same_transposed(kernel, stride, dilation)
        return
    window, more = Window.same_transposed(kernel, stride, dilation)
    assert window.transposed_output_size((length, length), more) == (length * stride, length * stride)
    down = Window.same(kernel, dilation, stride)
    assert down.output_size((length, length)) == (-(-length // stride), -(-length // stride))


def test_a_numpy_size_is_checked_as_well():
    with pytest.raises(ShapeError, match="below 1"):
        Window(5).output_size(tuple(np.array([3, 9])))


def test_the_error_does_the_sum_and_says_what_fits():
    with pytest.raises(ShapeError) as caught:
        Window(5, dilation=2).output_size((32, 4))
    text = str(caught.value)
    assert text.startswith("width: a kernel of 5 with dilation 2 covers 9, but the input is 4 long")
    assert "floor((4 + 2·0 − 2·(5 − 1) − 1)/1) + 1 = -4" in text
    assert "an input of at least 9, a kernel of at most 2, or padding of at least 3" in text
    assert Window(5, dilation=2).output_size((9, 9)) == (1, 1)
    assert Window(2, dilation=2).output_size((4, 4)) == (2, 2)
    assert Window(5, dilation=2, padding=3).output_size((4, 4)) == (2, 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernel": 0}, "kernel must be at least 1, not 0"),
        ({"kernel": 3, "padding": -1}, "padding must be at least 0, not -1"),
        ({"kernel": 2.5}, "kernel must be a whole number, not 2.5"),
        ({"kernel": True}, "kernel must be a whole number, not True"),
        ({"kernel": (1, 2, 3)}, "has 3 members"),
    ],
)
def test_impossible_windows_are_refused(settings, message):
    with pytest.raises(ShapeError, match=message):
        Window(**settings)


def test_output_padding_must_stay_below_stride_or_dilation():
    with pytest.raises(ShapeError, match=r"below max\(stride, dilation\) = 2"):
        Window(4, 2, 2).transposed_output_size((8, 8), 2)
    with pytest.raises(ShapeError, match="leaves no rows"):
        Window(1, 1, 4).transposed_output_size((3, 3))
