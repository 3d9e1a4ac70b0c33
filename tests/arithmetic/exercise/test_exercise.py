"""Exercises by hand: the course's answers, torch as the oracle, every form of showing, and bad input."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.arithmetic.exercise.linear_piece import exact
from pixelwise.arithmetic.exercise.pooling import Pooling
from pixelwise.arithmetic.exercise.reading import parse_exercise, parse_yaml, read_exercise
from pixelwise.arithmetic.exercise.showing import as_json, as_latex, as_page, as_text
from pixelwise.arithmetic.exercise.sliding import Sliding
from pixelwise.arithmetic.exercise.working import work
from pixelwise.arithmetic.window import Window
from pixelwise.errors import RecipeError, ShapeError

COURSE = """
title: The second channel of the course's exercise  # its first channel is lost
input:
  1  0 -1  0  1
  1  0 -1  0 -1
 -1  1  1  1  0
  0  0  1  0  0
  1 -1  0 -1  1
filter:
  1  1  1
  0  0  0
 -1 -1 -1
do:
  convolve
  max pool 2 stride 1
  convolve dilation 2
  best patch -1 1
  detects
"""
NET = "W1: 1.5 .5\nb1: 0 1\nW2:\n 1 2\n 2 1\nb2: 0 1\nW3: 1 1\nb3: -1\nat:\n 2\n -1\n 1\n"


def answer(panel):
    return panel.value.astype(float).tolist()


def test_the_course_exercise():
    convolution, pool, dilated, patch, detected = work(parse_exercise(COURSE))
    assert answer(convolution) == [[[-1, -4, -2], [-1, -2, -3], [1, 5, 2]]]
    assert answer(pool) == [[[-1, -2], [5, 5]]]
    assert answer(dilated) == [[[-1]]]
    assert patch.results[0].cells == (("1", "1", "1"), ("×", "×", "×"), ("−1", "−1", "−1"))
    assert "The activation is then 6" in patch.words[1]
    assert detected.words[0].startswith("channel 1: a horizontal edge, brighter above")
    assert convolution.results[-1].cells[0] == ("−1", "−4", "−2", "×", "×")
    assert convolution.results[-1].cells[4] == ("×",) * 5
    assert sum(cell == "×" for row in dilated.results[0].cells for cell in row) == 24


def test_the_other_filter_of_the_course_sees_vertical_edges():
    _, panel = work(parse_exercise("filter:\n 1 0 -1\n 1 0 -1\n 1 0 -1\ndo:\n best patch\n detects"))
    assert "a vertical edge, brighter on its left" in panel.words[0]


def test_the_course_relu_network():
    panels = work(parse_exercise(NET))
    assert [panel.words[3] for panel in panels] == [
        "near x₀: h(x) = 6·x + 3",
        "near x₀: h(x) = 1.5·x + 3",
        "near x₀: h(x) = 6·x + 3",
    ]
    assert panels[1].words[4] == "the same units stay active for −2 ≤ x ≤ 0"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 9999), st.integers(1, 3), st.integers(1, 2), st.integers(0, 2), st.integers(1, 2))
def test_convolutions_and_pools_are_torchs(seed, channels, stride, padding, dilation):
    draw = np.random.default_rng(seed)
    picture, kernel = draw.integers(-3, 4, (channels, 6, 7)), draw.integers(-2, 3, (channels, 3, 2))
    panel = Sliding(
        exact(picture), exact(kernel[None]), Window((3, 2), stride, padding, dilation), exact([2])
    ).forward()
    x, w = torch.from_numpy(picture)[None].double(), torch.from_numpy(kernel)[None].double()
    y = torch.nn.functional.conv2d(x, w, torch.tensor([2.0]).double(), stride, padding, dilation)[0]
    np.testing.assert_array_equal(panel.value.astype(float), y.numpy())
    assert len(panel.frames) == y[0].numel()
    p = torch.nn.functional.max_pool2d(x, 2, stride)[0]
    np.testing.assert_array_equal(
        Pooling(exact(picture), Window(2, stride), "max").forward().value.astype(float), p.numpy()
    )


def test_channels_are_shown_apart_and_summed():
    text = "input:\n 1 2\n 3 4\n\n 5 6\n 7 8\nfilter:\n 1\n\n -1\ndo:\n convolve bias 1/2\n relu"
    convolution, relu = work(parse_exercise(text))
    assert [grid.name for grid in convolution.results] == ["channel 1", "channel 2", "sum of the channels + bias 0.5"]
    assert convolution.frames[0].sums == ("channel 1: 1·1 = 1", "channel 2: 5·(−1) = −5", "sum: 1 + (−5) + 0.5 = −3.5")
    assert answer(relu) == [[[0, 0], [0, 0]]]


def test_padding_is_drawn_around_the_input():
    text = "input:\n 1 2\n 3 4\nfilter:\n 1 1\n 1 1\ndo:\n convolve padding 1 stride 2"
    (panel,) = work(parse_exercise(text))
    assert panel.operands[0].cells[0] == ("0",) * 4
    assert answer(panel) == [[[1, 2], [3, 4]]]


def test_yaml_holds_the_same(tmp_path):
    yaml = "input: [[1, 2], [3, 4]]\nfilter: |\n  1 0\n  0 1\ndo: [convolve, relu]\n"
    assert answer(work(parse_yaml(yaml))[0]) == [[[5]]]
    file = tmp_path / "net.yaml"
    file.write_text("W1: [[2]]\nb1: [0.1]\nat: [[1], [2]]\n")
    panels = work(read_exercise(file))
    assert str(panels[0].value[0, 0]) == "2"
    assert panels[0].words[1] == "near x₀: h(x) = 2·x + 0.1"


class Balance(HTMLParser):
    """Checks that every tag is closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.cells = [], 0

    def handle_starttag(self, tag, attributes):
        assert "src" not in dict(attributes)
        self.cells += tag == "td"
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_every_form_of_showing():
    exercise = parse_exercise(COURSE + NET)
    panels = work(exercise)
    text = as_text(exercise.title, panels)
    assert "−1  −4  −2   ×   ×" in text
    assert "row 0, column 0" not in text
    assert "channel 1: 1·1 + 0·1 + (−1)·1" in as_text(exercise.title, panels, derive=True)
    latex = as_latex(exercise.title, panels)
    assert r"-1 & -4 & -2 & \times & \times \\ \hline" in latex
    assert latex.count(r"\begin{array}") == latex.count(r"\end{array}") == 8
    found = json.loads(json.dumps(as_json(exercise.title, panels)))
    assert found["steps"][0]["answer"] == [[[-1, -4, -2], [-1, -2, -3], [1, 5, 2]]]
    page = as_page("<b>& title", panels)
    reader = Balance()
    reader.feed(page)
    assert reader.open == []
    assert reader.cells > 100
    assert "<b>& title" not in page
    assert "http" not in page


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input:\n 1 2\n 3\nfilter:\n 1\ndo:\n convolve", r"input \(line 1\): the rows have 1, 2 numbers"),
        ("input:\n 1 x\nfilter:\n 1\ndo:\n convolve", r"input \(line 1\): .*finite numbers"),
        ("input:\n 1\n\n 2\nfilter:\n 1\ndo:\n convolve", "the input has 2 channels, the filter 1"),
        ("inputs:\n 1", "line 1: unknown section 'inputs'.*Did you mean 'input'"),
        ("filter a:\n 1 2", "line 1: unknown section 'filter a'.*Did you mean 'filter'"),
        ("input:\n 1\n 2\n\n 2\nfilter:\n 1\ndo:\n convolve", "the channels have 2, 1 rows"),
        ("1 2 3", "line 1: read '1 2 3' before any section"),
        ("input: 1\ninput: 2", "line 2: 'input' is given twice"),
        ("input: 1\nfilter: 1\ndo:\n convolv stride 2", "unknown step 'convolv stride 2'.*Did you mean 'convolve'"),
        ("input: 1\nfilter: 1\ndo:\n convolve strid 2", "cannot read 'convolve strid 2'. It is written: convolve"),
        ("input: 1\nfilter: 1\ndo:\n convolve stride 0", "stride must be at least 1"),
        ("input: 1\ndo:\n max pool", "cannot read 'max pool'"),
        ("input: 1\ndo:\n convolve", "needs `input:` and `filter:`"),
        ("input: 1\ndo:\n best patch -1 1", "needs `filter:`"),
        ("filter: 1\ndo:\n best patch 1 -1", "cannot read 'best patch 1 -1'"),
        ("filter: 1\ndo:\n relu", "needs `input:`"),
        ("input: 1", "the exercise asks for nothing"),
        ("W1: 1\nat: 1", "'b1' is missing"),
        ("W1: 1\nb1: 1", "needs `at:`"),
    ],
)
def test_bad_exercises(text, message):
    with pytest.raises(RecipeError, match=f"(?s){message}"):
        parse_exercise(text)


def test_bad_files_and_windows(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read"):
        read_exercise(tmp_path / "none.txt")
    file = tmp_path / "exercise.yaml"
    for content, message in (
        ("a: [", "line 1, column 5: a bracket is opened and not closed"),
        ("do: [relu]\ndo: [relu]", "the key 'do' is given twice"),
        ("[1]", "is a mapping"),
        ("do: relu", "is a list"),
        ("input: [[[[1]],[[2]]], [[[1]],[[2]]]]\ndo: [relu]", "levels of numbers"),
    ):
        file.write_text(content)
        with pytest.raises(RecipeError, match=f"exercise.yaml.*{message}"):
            read_exercise(file)
    with pytest.raises(ShapeError, match="height: a kernel of 3 covers 3"):
        work(parse_exercise("input:\n 1 2\nfilter:\n 1\n 2\n 3\ndo:\n convolve"))
    with pytest.raises(ShapeError, match="at most 10,000 windows"):
        Sliding(exact(np.zeros((1, 1, 1), int)), exact([[[[1]]]]), Window(1, padding=60), exact([0])).forward()
