"""Convolution and its transpose against torch in float64, a naive loop, and central differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.errors import ShapeError
from pixelwise.scratch.functional import conv2d, conv2d_backward, conv_transpose2d, conv_transpose2d_backward
from pixelwise.scratch.gradcheck import gradcheck

PAIRS = {
    "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
    "padding": st.tuples(st.integers(0, 3), st.integers(0, 3)),
    "dilation": st.tuples(st.integers(1, 2), st.integers(1, 3)),
}


def relative(ours: np.ndarray, theirs: torch.Tensor) -> float:
    reference = theirs.detach().numpy()
    assert ours.shape == reference.shape
    return float(np.abs(ours - reference).max() / max(np.abs(reference).max(), 1e-300))


def leaves(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]


@settings(max_examples=80, deadline=None)
@given(
    **PAIRS,
    groups=st.sampled_from([1, 2, 3]),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    size=st.tuples(st.integers(7, 10), st.integers(7, 11)),
    count=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_conv2d_is_torch(stride, padding, dilation, groups, kernel, size, count, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 6, *size))
    weight = rng.standard_normal((9 if groups == 3 else 4, 6 // groups, *kernel))
    bias = rng.standard_normal(len(weight))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    out, cache = conv2d(x, weight, bias, **options)
    tensors = leaves(x, weight, bias)
    expected = torch.nn.functional.conv2d(*tensors, **options)
    assert relative(out, expected) < 1e-10
    dout = rng.standard_normal(out.shape)
    expected.backward(torch.from_numpy(dout))
    for ours, tensor in zip(conv2d_backward(dout, cache), tensors, strict=True):
        assert relative(ours, tensor.grad) < 1e-10


@settings(max_examples=80, deadline=None)
@given(
    **PAIRS,
    more=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    groups=st.sampled_from([1, 2, 3]),
    kernel=st.tuples(st.integers(2, 4), st.integers(3, 4)),
    size=st.tuples(st.integers(7, 8), st.integers(7, 9)),
    seed=st.integers(0, 2**32 - 1),
)
def test_conv_transpose2d_is_torch(stride, padding, dilation, more, groups, kernel, size, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, 6, *size))
    weight = rng.standard_normal((6, 2, *kernel))
    bias = rng.standard_normal(2 * groups)
    more = tuple(min(m, max(s, d) - 1) for m, s, d in zip(more, stride, dilation, strict=True))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "output_padding": more}
    out, cache = conv_transpose2d(x, weight, bias, **options)
    tensors = leaves(x, weight, bias)
    expected = torch.nn.functional.conv_transpose2d(*tensors, **options)
    assert relative(out, expected) < 1e-10
    dout = rng.standard_normal(out.shape)
    expected.backward(torch.from_numpy(dout))
    for ours, tensor in zip(conv_transpose2d_backward(dout, cache), tensors, strict=True):
        assert relative(ours, tensor.grad) < 1e-10


def naive_conv2d(x, weight, bias, stride, padding, dilation):
    """Seven loops, as the formula stands: the slow twin."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    count, channels, height, width = x.shape
    outputs, _, rows, columns = weight.shape
    h = (height - dilation * (rows - 1) - 1) // stride + 1
    w = (width - dilation * (columns - 1) - 1) // stride + 1
    out = np.zeros((count, outputs, h, w))
    for n, o, y, z in np.ndindex(out.shape):
        total = bias[o]
        for c, i, j in np.ndindex(channels, rows, columns):
            total += weight[o, c, i, j] * x[n, c, y * stride + i * dilation, z * stride + j * dilation]
        out[n, o, y, z] = total
    return out


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 2, 1)])
def test_conv2d_is_the_naive_loop(stride, padding, dilation):
    rng = np.random.default_rng(0)
    x, weight, bias = rng.standard_normal((2, 3, 7, 6)), rng.standard_normal((4, 3, 3, 2)), rng.standard_normal(4)
    out, _ = conv2d(x, weight, bias, stride=stride, padding=padding, dilation=dilation)
    np.testing.assert_allclose(out, naive_conv2d(x, weight, bias, stride, padding, dilation), rtol=1e-12)


def test_transposed_convolution_is_the_transpose():
    """⟨conv(x), y⟩ = ⟨x, convᵀ(y)⟩ with one and the same weight."""
    rng = np.random.default_rng(0)
    x, weight, y = (rng.standard_normal(shape) for shape in ((2, 3, 9, 8), (5, 3, 3, 2), (2, 5, 5, 4)))
    forward, _ = conv2d(x, weight, stride=2, padding=(1, 0))
    back, _ = conv_transpose2d(y, weight, stride=2, padding=(1, 0))
    assert forward.shape == y.shape
    assert back.shape == x.shape
    assert np.isclose((forward * y).sum(), (x * back).sum())


@pytest.mark.parametrize("pair", [(conv2d, conv2d_backward), (conv_transpose2d, conv_transpose2d_backward)])
def test_gradients_are_central_differences(pair):
    forward, backward = pair
    rng = np.random.default_rng(0)
    x, weight, bias = rng.standard_normal((2, 4, 6, 5)), rng.standard_normal((4, 2, 3, 2)), rng.standard_normal(4)
    options = {"stride": (2, 1), "padding": 1, "dilation": (1, 2), "groups": 2}
    out, cache = forward(x, weight, bias, **options)
    probe = rng.standard_normal(out.shape)
    dx, dweight, dbias = backward(probe, cache)
    checks = gradcheck(
        lambda: float((forward(x, weight, bias, **options)[0] * probe).sum()),
        {"x": x, "weight": weight, "bias": bias},
        {"x": dx, "weight": dweight, "bias": dbias},
    )
    assert checks[0].error < 1e-7, checks[0]


def test_no_bias_no_gradient_and_float32_stays_float32():
    x, weight = np.ones((1, 2, 4, 4), np.float32), np.ones((3, 2, 3, 3), np.float32)
    out, cache = conv2d(x, weight)
    dx, dweight, dbias = conv2d_backward(out, cache)
    assert dbias is None
    assert {a.dtype for a in (out, dx, dweight)} == {np.dtype(np.float32)}
    out, cache = conv_transpose2d(x, np.ones((2, 3, 3, 3), np.float32))
    assert conv_transpose2d_backward(out, cache)[2] is None
    assert out.dtype == np.float32


@pytest.mark.parametrize("pair", [(conv2d, conv2d_backward), (conv_transpose2d, conv_transpose2d_backward)])
def test_a_cache_is_a_value(pair):
    """A second forward does not spoil the first cache, and a cache may be used twice."""
    forward, backward = pair
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 5, 5)), rng.standard_normal((3, 3, 3, 3))
    out, cache = forward(x, weight)
    dout = rng.standard_normal(out.shape)
    first = backward(dout, cache)
    forward(rng.standard_normal(x.shape), weight)
    second = backward(dout, cache)
    for a, b in zip(first[:2], second[:2], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("x", "weight", "bias", "options", "words"),
    [
        ((3, 8, 8), (4, 3, 3, 3), None, {}, "a batch of pictures is (N, C, H, W). For a single picture, use x[None]"),
        ((1, 3, 8, 8), (4, 3, 3), None, {}, "a convolution's weight must be (O, C/groups, kH, kW)"),
        ((1, 3, 8, 8), (4, 2, 3, 3), None, {}, "reads 2 × 1 groups = 2 channels, but x (1, 3, 8, 8) has 3"),
        ((1, 4, 8, 8), (4, 2, 3, 3), None, {"groups": 3}, "3 groups cannot divide 4 input"),
        ((1, 3, 8, 8), (4, 3, 3, 3), (5,), {}, "bias has shape (5,), but (4,) is needed"),
        ((1, 3, 4, 8), (4, 3, 7, 3), None, {}, "height: a kernel of 7"),
        ((0, 3, 4, 8), (4, 3, 7, 3), None, {}, "must not be empty"),
    ],
)
def test_misfits_are_explained(x, weight, bias, options, words):
    with pytest.raises(ShapeError) as raised:
        conv2d(np.zeros(x), np.zeros(weight), None if bias is None else np.zeros(bias), **options)
    assert words in str(raised.value)


def test_dtypes_and_gradients_that_do_not_fit():
    x, weight = np.zeros((1, 2, 4, 4)), np.zeros((3, 2, 3, 3))
    with pytest.raises(ShapeError, match="int64; it must be float32 or float64"):
        conv2d(x.astype(np.int64), weight)
    with pytest.raises(ShapeError, match="weight is float32 but x is float64"):
        conv2d(x, weight.astype(np.float32))
    with pytest.raises(ShapeError, match="must be a NumPy array, not list"):
        conv2d([[1.0]], weight)
    _, cache = conv2d(x, weight)
    with pytest.raises(ShapeError, match=r"dout has shape \(1, 3, 3, 2\), but \(1, 3, 2, 2\)"):
        conv2d_backward(np.zeros((1, 3, 3, 2)), cache)
    with pytest.raises(ShapeError, match=r"needs \(2, O/groups, kH, kW\)"):
        conv_transpose2d(x, weight)
    with pytest.raises(ShapeError, match="3 groups cannot divide 2"):
        conv_transpose2d(x, np.zeros((2, 3, 3, 3)), groups=3)
    _, cache = conv_transpose2d(x, np.zeros((2, 3, 3, 3)))
    with pytest.raises(ShapeError, match="dout has shape"):
        conv_transpose2d_backward(np.zeros((1, 3, 3, 2)), cache)
