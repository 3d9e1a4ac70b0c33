"""Transposed convolutions, pooling and the gradients by hand, against torch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from pixelwise.arithmetic.exercise.linear_piece import exact
from pixelwise.arithmetic.exercise.pooling import Pooling
from pixelwise.arithmetic.exercise.reading import parse_exercise
from pixelwise.arithmetic.exercise.sliding import Sliding
from pixelwise.arithmetic.exercise.working import work
from pixelwise.arithmetic.window import Window
from pixelwise.errors import RecipeError, ShapeError


def numbers(value: object) -> np.ndarray:
    return np.asarray(value).astype(float)


def leaf(value: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(value, dtype=float)).requires_grad_()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 9999), st.integers(1, 2), st.integers(1, 2), st.booleans())
def test_convolutions_both_ways_and_their_gradients_are_torchs(seed, filters, channels, transposed):
    draw = np.random.default_rng(seed)
    picture, kernels = draw.integers(-3, 4, (channels, 4, 5)), draw.integers(-2, 3, (filters, channels, 3, 2))
    bias = draw.integers(-2, 3, filters)
    stride, padding = (2, 1), (1, 0)
    sliding = Sliding(
        exact(picture), exact(kernels), Window((3, 2), stride, padding), exact(bias), (1, 0) if transposed else None
    )
    x, w, b = leaf(picture[None]), leaf(kernels), leaf(bias)
    if transposed:
        y = functional.conv_transpose2d(x, w.transpose(0, 1), b, stride, padding, (1, 0))
    else:
        y = functional.conv2d(x, w, b, stride, padding)
    np.testing.assert_array_equal(numbers(sliding.forward().value), y[0].detach().numpy())
    upstream = draw.integers(-2, 3, y.shape)
    y.backward(torch.from_numpy(upstream.astype(float)))
    weights, shifts, inner = sliding.backward(exact(upstream[0]))
    np.testing.assert_array_equal(numbers(weights.value), w.grad.numpy())
    np.testing.assert_array_equal(numbers(shifts.value), b.grad.numpy())
    np.testing.assert_array_equal(numbers(inner.value), x.grad[0].numpy())


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 9999), st.sampled_from(["max", "average"]), st.integers(0, 1))
def test_pooling_and_its_gradient_are_torchs(seed, how, padding):
    draw = np.random.default_rng(seed)
    picture = draw.permutation(40).reshape(2, 4, 5) - 20  # no equal values: torch may choose another one of equals
    pooling = Pooling(exact(picture), Window((2, 3), (1, 2), padding), how)
    x = leaf(picture[None])
    pool = functional.max_pool2d if how == "max" else functional.avg_pool2d
    y = pool(x, (2, 3), (1, 2), padding)
    np.testing.assert_allclose(numbers(pooling.forward().value), y[0].detach().numpy())
    upstream = draw.integers(-2, 3, y.shape)
    y.backward(torch.from_numpy(upstream.astype(float)))
    np.testing.assert_allclose(numbers(pooling.backward(exact(upstream[0])).value), x.grad[0].numpy(), atol=1e-12)


def test_the_gradient_goes_back_through_the_whole_chain():
    text = """
input:
 1 2 0
 0 1 3
 2 -1 1
filter:
 1 0
 0 1
filter2:
 1 -1
 1 -1
gradient:
 2

 3
do:
 convolve bias 0,1
 relu
 max pool 2
 backward
"""
    panels = work(parse_exercise(text))
    x, b = leaf([[[[1, 2, 0], [0, 1, 3], [2, -1, 1]]]]), leaf([0, 1])
    w = leaf([[[[1, 0], [0, 1]]], [[[1, -1], [1, -1]]]])
    y = functional.max_pool2d(functional.relu(functional.conv2d(x, w, b)), 2)
    y.backward(torch.tensor([[[[2.0]], [[3.0]]]], dtype=torch.float64))
    assert [panel.title for panel in panels[3:]] == [
        "Gradient of the max-pooling's input",
        "Gradient of the ReLU's input",
        "Gradient of the convolution's weights",
        "Gradient of the convolution's bias",
        "Gradient of the convolution's input",
    ]
    for panel, expected in zip(panels[5:], (w.grad, b.grad, x.grad[0]), strict=True):
        np.testing.assert_array_equal(numbers(panel.value), expected.numpy())


def test_equal_values_hand_the_gradient_to_the_first_one():
    pooling = Pooling(exact([[[1, 1], [1, 1]]]), Window(2), "max")
    assert numbers(pooling.backward(exact([[[5]]])).value).tolist() == [[[5, 0], [0, 0]]]


def test_words_about_cells_that_are_left():
    text = "input:\n 1 2\n 3 4\nfilter:\n 1 1\n 1 1\ndo:\n convolve padding 1\n convolve\n transposed convolve"
    wide, narrow, painted = work(parse_exercise(text))
    assert wide.words == ("3×3 windows fit.",)
    assert narrow.words == ("One window fits; the other cells stay ×.",)
    assert painted.words[0].startswith("Each of the 2×2 input cells paints")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input: 1\nfilter: 1\nfilter2: 1 2\ndo:\n convolve", "the filters are 1×1×1, 1×1×2"),
        ("input: 1\nfilter: 1\ndo:\n convolve bias 1,2", "read 2 biases for 1 filters"),
        ("input: 1\ndo:\n backward", "`backward` needs a step before it"),
        ("input: 1\ndo:\n max pool 1x1x1", "cannot read 'max pool 1x1x1'"),
        ("W1: 1 2\nb1: 1\ndo:\n pieces", "needs a network with one input"),
        ("do:\n pieces", "needs `W1:`"),
    ],
)
def test_bad_exercises(text, message):
    with pytest.raises(RecipeError, match=message):
        parse_exercise(text)


def test_a_gradient_of_another_size_and_too_much_padding_are_refused():
    with pytest.raises(RecipeError, match="the gradient is 1×1×2, the last result 1×1×1"):
        work(parse_exercise("input: 1\nfilter: 1\ngradient: 1 2\ndo:\n convolve\n backward"))
    with pytest.raises(ShapeError, match="more than half"):
        Pooling(exact([[[1]]]), Window(1, padding=1), "max")
