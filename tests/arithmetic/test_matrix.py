"""The matrix against torch's convolutions, both ways, and the course's exercise."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.arithmetic.matrix import convolution_matrix, derive_matrix
from pixelwise.arithmetic.window import Window
from pixelwise.errors import ShapeError


def test_the_course_matrix():
    found = convolution_matrix(Window(3, stride=4, padding=2), (3, 3))
    table = found.symbolic()
    assert found.shape == (4, 9)
    expected = [["0"] * 9 for _ in range(4)]
    expected[0][0], expected[1][2], expected[2][6], expected[3][8] = "w22", "w20", "w02", "w00"
    assert table == expected


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=60, deadline=None)
@given(
    pairs, pairs, st.tuples(st.integers(0, 2), st.integers(0, 2)), pairs, st.sampled_from([1, 2]), st.integers(0, 99)
)
def test_the_matrix_is_torchs_convolution_and_its_transpose_the_transposed_one(
    kernel, stride, padding, dilation, groups, seed
):
    draw = np.random.default_rng(seed)
    size, channels, filters = (7, 8), 2 * groups, 3 * groups
    window = Window(kernel, stride, padding, dilation)
    weight = draw.standard_normal((filters, channels // groups, *kernel))
    matrix = convolution_matrix(window, size, channels, filters, groups).numeric(weight)
    same = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x = draw.standard_normal((channels, *size))
    y = torch.nn.functional.conv2d(torch.from_numpy(x)[None], torch.from_numpy(weight), **same)[0]
    np.testing.assert_allclose(matrix @ x.ravel(), y.numpy().ravel(), atol=1e-12)
    smallest = window.transposed_output_size(window.output_size(size))
    missing = tuple(have - need for have, need in zip(size, smallest, strict=True))
    if all(0 <= more < max(s, d) for more, s, d in zip(missing, stride, dilation, strict=True)):
        z = draw.standard_normal(tuple(y.shape))
        back = torch.nn.functional.conv_transpose2d(
            torch.from_numpy(z)[None], torch.from_numpy(weight), output_padding=missing, **same
        )[0]
        np.testing.assert_allclose(matrix.T @ z.ravel(), back.numpy().ravel(), atol=1e-12)


def test_an_uneven_padding_shifts_nothing():
    window = Window.same(2)
    matrix = convolution_matrix(window, (3, 3)).numeric(np.arange(4.0).reshape(1, 1, 2, 2))
    x = np.arange(9.0).reshape(3, 3)
    padded = np.pad(x, ((0, 1), (0, 1)))
    expected = padded[:-1, 1:] + 2 * padded[1:, :-1] + 3 * padded[1:, 1:]
    np.testing.assert_array_equal((matrix @ x.ravel()).reshape(3, 3), expected)


def test_names_of_several_channels():
    table = convolution_matrix(Window(1), (1, 1), in_channels=2, out_channels=2).symbolic()
    assert table == [["w_0,0,0,0", "w_0,1,0,0"], ["w_1,0,0,0", "w_1,1,0,0"]]


def test_bad_input():
    with pytest.raises(ShapeError, match="cannot be split into 2 groups"):
        convolution_matrix(Window(3), (8, 8), 3, 4, groups=2)
    with pytest.raises(ShapeError, match="needs"):
        convolution_matrix(Window(3), (8, 8)).numeric(np.zeros((1, 1, 2, 2)))
    with pytest.raises(ShapeError, match="entries"):
        convolution_matrix(Window(11), (999, 999), 64, 64)
    with pytest.raises(ShapeError, match="below 1"):
        convolution_matrix(Window(11), (5, 5))


def test_the_transposed_matrix_is_derived_row_by_row():
    found = convolution_matrix(Window(2), (3, 3))
    rows = [list(column) for column in zip(*found.symbolic(), strict=True)]
    lines = derive_matrix(found, rows, transposed=True)
    assert lines[0] == "row 0, x[0, 0]: w00·y[0]"
    assert lines[4] == "row 4, x[1, 1]: w11·y[0] + w10·y[1] + w01·y[2] + w00·y[3]"
    assert len(lines) == 9


def test_numbers_stand_where_the_names_stand():
    found = convolution_matrix(Window((2, 1), (1, 2)), (3, 3), in_channels=2, out_channels=2, groups=2)
    weights = [Fraction(n) for n in (1, -2, 3, Fraction(1, 2))]
    values = np.array([[float(Fraction(cell.replace("−", "-"))) for cell in row] for row in found.written(weights)])
    expected = found.numeric(np.array([float(w) for w in weights]).reshape(2, 1, 2, 1)).toarray()
    np.testing.assert_array_equal(values, expected)
    assert derive_matrix(found, found.written(weights), bias=["b0"] * 4 + ["−1"] * 4)[-1].endswith(" + (−1)")
