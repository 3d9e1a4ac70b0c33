"""The linear piece against the course's answers, and against the network itself."""

from fractions import Fraction
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.arithmetic.exercise.linear_piece import linear_piece, segments, show, within
from pixelwise.arithmetic.exercise.reading import parse_exercise
from pixelwise.arithmetic.exercise.working import work
from pixelwise.errors import ShapeError

COURSE = (([1.5, 0.5], [[1, 2], [2, 1]], [1, 1]), ([0, 1], [0, 1], [-1]))


@pytest.mark.parametrize(
    ("point", "weight", "bias", "interval"),
    [(2, 6, 3, "0 ≤ x"), (-1, Fraction(3, 2), 3, "−2 ≤ x ≤ 0"), (1, 6, 3, "0 ≤ x")],
)
def test_the_course_network(point, weight, bias, interval):
    piece = linear_piece(*COURSE, point)
    assert (piece.weight[0, 0], piece.bias[0]) == (weight, bias)
    assert piece.interval_text == interval
    assert not piece.on_border


def forward(weights, biases, x):
    for number, (matrix, shift) in enumerate(zip(weights, biases, strict=True)):
        x = matrix @ x + shift
        if number < len(weights) - 1:
            x = np.maximum(x, 0)
    return x


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_the_piece_is_the_network_everywhere_in_its_region(seed, inputs):
    draw = np.random.default_rng(seed)
    sizes = [inputs, 4, 3, 2]
    weights = [draw.integers(-3, 4, (after, before)) for before, after in pairwise(sizes)]
    biases = [draw.integers(-2, 3, after) for after in sizes[1:]]
    x = draw.integers(-4, 5, inputs)
    piece = linear_piece(weights, biases, x)
    assert (piece.value == forward(weights, biases, x)).all()
    if inputs == 1:
        low, high = piece.interval
        ends = [low if low is not None else x[0] - 5, high if high is not None else x[0] + 5]
        for end in ends:
            assert (piece.weight @ [end] + piece.bias == forward(weights, biases, np.array([end]))).all()
        for outside in [end for end in piece.interval if end is not None]:
            step = Fraction(1, 10**6) if outside == high else -Fraction(1, 10**6)
            assert linear_piece(weights, biases, outside + step).active != piece.active


def test_many_inputs_have_an_active_set_and_no_interval():
    piece = linear_piece([[[1, -1], [1, 1]], [[2, 3]]], [[0, 0], [1]], [1, 2])
    assert piece.active == ((False, True),)
    assert piece.interval is None
    assert str(piece) == "h(x) = [[3, 3]]·x + [1]"


def test_a_point_on_a_border_says_so():
    assert linear_piece(*COURSE, 0).on_border


def test_with_several_inputs_both_sides_of_a_border_are_given():
    """h = relu(x − y) + relu(2x + y − 1): at (1, 1) only the first unit is 0."""
    text = "W1:\n 1 -1\n 2 1\nb1: 0 -1\nW2: 1 1\nb2: 0\nat:\n 1 1"
    panel = work(parse_exercise(text))[0]
    words = "\n".join(panel.words)
    assert "x₀ is a kink" in words
    assert "where [1, −1]·(x − x₀) < 0: h(x) = [[2, 1]]·x + [−1]" in words
    assert "where [1, −1]·(x − x₀) > 0: h(x) = [[3, 0]]·x + [−1]" in words
    assert "several borders" not in words
    crossing = work(parse_exercise("W1:\n 1 0\n 0 1\nb1: 0 0\nW2: 1 1\nb2: 0\nat:\n 0 0"))[0]
    assert any("several borders meet at x₀" in line for line in crossing.words)


def test_numbers_are_shown_as_people_write_them():
    assert [show(Fraction(n)) for n in ("3", "-1/2", "1/3")] == ["3", "−0.5", "1/3"]


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="layer 2: the weight is 1 by 3, but 2 inputs and 1 biases need 1 by 2"):
        linear_piece([[[1], [2]], [[1, 2, 3]]], [[0, 0], [0]], 1)
    with pytest.raises(ShapeError, match="each layer needs one of each"):
        linear_piece([[[1]]], [], 1)
    with pytest.raises(ShapeError, match="finite numbers"):
        linear_piece([[[float("nan")]]], [[0]], 1)


def test_both_sides_of_a_kink():
    left, right = (linear_piece(*COURSE, 0, side) for side in (-1, 1))
    assert (str(left), str(right)) == ("h(x) = 1.5·x + 3", "h(x) = 6·x + 3")
    assert (left.interval_text, right.interval_text) == ("−2 ≤ x ≤ 0", "0 ≤ x")


def test_the_products_end_in_w_and_b():
    lines = linear_piece(*COURSE, -1).products
    assert lines[:3] == ("D1 = diag(0, 1)", "D2 = diag(1, 1)", "W1 = [[1.5], [0.5]], b1 = [0, 1]")
    assert lines[-2:] == ("W = W3·D2·W2·D1·W1 = [[1.5]]", "b = W3·D2·(W2·D1·b1 + b2) + b3 = [4] + [−1] = [3]")


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000))
def test_all_pieces_together_are_the_network(seed):
    draw = np.random.default_rng(seed)
    sizes = [1, 4, 3, 2]
    weights = [draw.integers(-3, 4, (after, before)) for before, after in pairwise(sizes)]
    biases = [draw.integers(-2, 3, after) for after in sizes[1:]]
    pieces = segments(weights, biases)
    assert pieces[0].low is pieces[-1].high is None
    assert all(one.high == two.low for one, two in pairwise(pieces))
    for piece in pieces:
        ends = [end for end in (piece.low, piece.high) if end is not None]
        for x in [*ends, within(piece.low, piece.high)]:
            assert (piece.weight[:, 0] * x + piece.bias == forward(weights, biases, np.array([x]))).all()
    for one, two in pairwise(pieces):
        assert (one.weight != two.weight).any()


def test_columns_as_the_course_writes_them():
    text = "W1:\n 1.5\n 0.5\nb1:\n 0\n 1\nW2:\n 1 2\n 2 1\nb2:\n 0\n 1\nW3: 1 1\nb3: -1\nat:\n 0\n 2\ndo:\n pieces\n"
    pieces, kink, piece = work(parse_exercise(text))
    assert pieces.words[-1] == "kinks: x = −2 (h = 0), x = 0 (h = 3)"
    assert ElementTree.fromstring(pieces.drawing).tag.endswith("svg")
    assert kink.value is None
    assert kink.words[0].startswith("x₀ is a kink")
    assert "near x₀: h(x) = 6·x + 3" in piece.words
    both = work(parse_exercise("W1:\n 1 -1\n 1 1\nb1:\n 0\n 0\nW2: 2 3\nb2: 1\nat:\n 1\n 2"))
    assert len(both) == 1  # one point of two inputs, as a column
