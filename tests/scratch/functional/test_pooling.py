"""Pooling against torch, a naive loop, and central differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.errors import ShapeError
from pixelwise.scratch.functional import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward
from pixelwise.scratch.gradcheck import gradcheck


def pictures(rng, shape, channels_last):
    x = rng.standard_normal(shape)
    return x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2) if channels_last else x


@settings(max_examples=80, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    dilation=st.integers(1, 2),
    fraction=st.floats(0, 0.5),
    channels_last=st.booleans(),
    ties=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_max_pool2d_is_torch(kernel, stride, dilation, fraction, channels_last, ties, seed):
    rng = np.random.default_rng(seed)
    x = pictures(rng, (2, 3, 9, 8), channels_last)
    if ties:
        x = np.round(x)
    padding = tuple(int(k * fraction) for k in kernel)
    out, cache = max_pool2d(x, kernel, stride=stride, padding=padding, dilation=dilation)
    tensor = torch.from_numpy(np.ascontiguousarray(x)).requires_grad_()
    expected = torch.nn.functional.max_pool2d(tensor, kernel, stride, padding, dilation)
    np.testing.assert_array_equal(out, expected.detach().numpy())
    dout = rng.standard_normal(out.shape)
    expected.backward(torch.from_numpy(dout))
    np.testing.assert_allclose(max_pool2d_backward(dout, cache), tensor.grad.numpy(), rtol=1e-12, atol=1e-14)


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    fraction=st.floats(0, 0.5),
    channels_last=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_avg_pool2d_is_torch(kernel, stride, fraction, channels_last, seed):
    rng = np.random.default_rng(seed)
    x = pictures(rng, (2, 3, 9, 8), channels_last)
    padding = tuple(int(k * fraction) for k in kernel)
    out, cache = avg_pool2d(x, kernel, stride=stride, padding=padding)
    tensor = torch.from_numpy(np.ascontiguousarray(x)).requires_grad_()
    expected = torch.nn.functional.avg_pool2d(tensor, kernel, stride, padding)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-10, atol=1e-14)
    dout = rng.standard_normal(out.shape)
    expected.backward(torch.from_numpy(dout))
    np.testing.assert_allclose(avg_pool2d_backward(dout, cache), tensor.grad.numpy(), rtol=1e-10, atol=1e-14)


def test_the_naive_loop():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 2, 7, 6))
    highest, _ = max_pool2d(x, (3, 2), stride=(2, 1))
    mean, _ = avg_pool2d(x, (3, 2), stride=(2, 1))
    for n, c, y, z in np.ndindex(highest.shape):
        window = x[n, c, 2 * y : 2 * y + 3, z : z + 2]
        assert highest[n, c, y, z] == window.max()
        assert np.isclose(mean[n, c, y, z], window.mean())


def test_ties_go_to_the_first_and_overlaps_add():
    x = np.zeros((1, 1, 3, 3))
    _, cache = max_pool2d(x, 2, stride=1)
    dx = max_pool2d_backward(np.array([[[[1.0, 2.0], [4.0, 8.0]]]]), cache)
    assert dx[0, 0].tolist() == [[1, 2, 0], [4, 8, 0], [0, 0, 0]]
    x[0, 0, 1, 1] = 1
    _, cache = max_pool2d(x, 2, stride=1)
    assert max_pool2d_backward(np.array([[[[1.0, 2.0], [4.0, 8.0]]]]), cache)[0, 0, 1, 1] == 15


def test_padding_never_wins():
    out, _ = max_pool2d(np.full((1, 1, 2, 2), -5.0), 2, padding=1)
    assert (out == -5).all()


@pytest.mark.parametrize("pair", [(max_pool2d, max_pool2d_backward), (avg_pool2d, avg_pool2d_backward)])
def test_gradients_are_central_differences(pair):
    forward, backward = pair
    rng = np.random.default_rng(0)
    x = rng.permutation(2 * 2 * 6 * 5).reshape(2, 2, 6, 5) / 7.0  # no ties
    out, cache = forward(x, 3, stride=2, padding=1)
    probe = rng.standard_normal(out.shape)
    check = gradcheck(
        lambda: float((forward(x, 3, stride=2, padding=1)[0] * probe).sum()), {"x": x}, {"x": backward(probe, cache)}
    )
    assert check[0].error < 1e-7, check[0]


def test_the_stride_is_the_kernel_and_the_order_in_memory_stays():
    x = np.arange(2 * 3 * 4 * 6, dtype=np.float32).reshape(2, 4, 6, 3).transpose(0, 3, 1, 2)
    for forward, backward in ((max_pool2d, max_pool2d_backward), (avg_pool2d, avg_pool2d_backward)):
        out, cache = forward(x, (2, 3))
        assert out.shape == (2, 3, 2, 2)
        assert out.dtype == np.float32
        dx = backward(np.ones_like(out), cache)
        assert out.strides[1] == dx.strides[1] == 4


def test_too_much_padding_is_explained():
    with pytest.raises(ShapeError, match="padding 2 is more than half of the pooling kernel 3"):
        max_pool2d(np.zeros((1, 1, 8, 8)), 3, padding=2)
    with pytest.raises(ShapeError, match="height: a kernel of 9"):
        avg_pool2d(np.zeros((1, 1, 8, 8)), 9)
    with pytest.raises(ShapeError, match="float32 or float64"):
        max_pool2d(np.zeros((1, 1, 8, 8), np.uint8), 2)
    _, cache = max_pool2d(np.zeros((1, 1, 8, 8)), 2)
    with pytest.raises(ShapeError, match="dout has shape"):
        max_pool2d_backward(np.zeros((1, 1, 8, 8)), cache)
    _, cache = avg_pool2d(np.zeros((1, 1, 8, 8)), 2)
    with pytest.raises(ShapeError, match="dout has shape"):
        avg_pool2d_backward(np.zeros((1, 1, 8, 8)), cache)
