"""The fast unfold against the readable one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.errors import ShapeError
from pixelwise.scratch import functional
from pixelwise.scratch.fast import unfold
from pixelwise.scratch.fast.workspace import Workspace


def gradients(module, dout, cache, workspace):
    """(dx, dweight, dbias)"""
    return module.input_gradient(dout, cache, workspace=workspace), *module.weight_gradient(
        dout, cache, workspace=workspace
    )


def assert_close(ours, reference, tolerance=1e-10):
    assert ours.shape == reference.shape
    assert np.abs(ours - reference).max() <= tolerance * max(np.abs(reference).max(), 1e-300)


@settings(max_examples=80, deadline=None)
@given(
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    size=st.tuples(st.integers(7, 10), st.integers(7, 11)),
    count=st.integers(1, 5),
    budget=st.sampled_from([1, 3000, 10**6]),
    channels_last=st.booleans(),
    bias=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_is_the_readable_convolution(stride, padding, dilation, kernel, size, count, budget, channels_last, bias, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 3, *size))
    if channels_last:
        x = x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
    weight, offsets = rng.standard_normal((4, 3, *kernel)), rng.standard_normal(4) if bias else None
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    expected, reference = functional.conv2d(x, weight, offsets, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unfold, "BYTES_AT_ONCE", budget)  # one row, a few rows, several pictures at once
        workspace = Workspace()
        out, cache = unfold.conv2d(x, weight, offsets, **options, workspace=workspace)
        assert_close(out, expected)
        dout = rng.standard_normal(out.shape)
        for ours, theirs in zip(
            gradients(unfold, dout, cache, workspace),
            functional.conv2d_backward(dout, reference),
            strict=True,
        ):
            assert (ours is None) == (theirs is None)
            if ours is not None:
                assert_close(ours, theirs)


def test_threads_change_nothing_but_the_order_of_a_sum():
    rng = np.random.default_rng(0)
    x, weight, bias = rng.standard_normal((5, 3, 9, 8)), rng.standard_normal((4, 3, 5, 5)), rng.standard_normal(4)
    workspace = Workspace(2)
    out, cache = unfold.conv2d(x, weight, bias, stride=2, padding=2, workspace=workspace)
    expected, reference = functional.conv2d(x, weight, bias, stride=2, padding=2)
    assert_close(out, expected)
    for ours, theirs in zip(
        gradients(unfold, out, cache, workspace), functional.conv2d_backward(out, reference), strict=True
    ):
        assert_close(ours, theirs)


def test_a_cache_is_a_value():
    """The workspace is shared, but a second forward does not spoil the first cache, and a cache may be used twice."""
    rng = np.random.default_rng(0)
    x, weight, workspace = rng.standard_normal((2, 3, 6, 6)), rng.standard_normal((4, 3, 5, 5)), Workspace()
    out, cache = unfold.conv2d(x, weight, padding=2, workspace=workspace)
    kept = out.copy()
    first = gradients(unfold, kept, cache, workspace)
    unfold.conv2d(rng.standard_normal(x.shape), weight, padding=2, workspace=workspace)
    second = gradients(unfold, kept, cache, workspace)
    np.testing.assert_array_equal(out, kept)
    for a, b in zip(first[:2], second[:2], strict=True):
        np.testing.assert_array_equal(a, b)


def test_float32_stays_float32_with_channels_last():
    x, weight = np.ones((2, 3, 6, 6), np.float32), np.ones((4, 3, 3, 3), np.float32)
    out, cache = unfold.conv2d(x, weight, np.ones(4, np.float32), stride=2, workspace=Workspace())
    dx, dweight, dbias = gradients(unfold, out, cache, Workspace())
    assert {a.dtype for a in (out, dx, dweight, dbias)} == {np.dtype(np.float32)}
    assert out.strides[1] == dx.strides[1] == 4


def test_misfits_are_explained():
    x, weight = np.ones((2, 3, 6, 6)), np.ones((4, 3, 3, 3))
    with pytest.raises(ShapeError, match="width: a kernel of 9"):
        unfold.conv2d(x, np.ones((4, 3, 1, 9)), workspace=Workspace())
    with pytest.raises(ShapeError, match="but x"):
        unfold.conv2d(x[:, :2], weight, workspace=Workspace())
    _, cache = unfold.conv2d(x, weight, workspace=Workspace())
    for backward in (unfold.weight_gradient, unfold.input_gradient):
        with pytest.raises(ShapeError, match="dout has shape"):
            backward(np.ones((2, 4, 5, 4)), cache, workspace=Workspace())
        with pytest.raises(ShapeError, match="dout is float32"):
            backward(np.ones((2, 4, 4, 4), np.float32), cache, workspace=Workspace())
