"""Winograd against the readable convolution: exact in float64, close in float32."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.errors import ShapeError
from pixelwise.scratch import functional
from pixelwise.scratch.fast import unfold, winograd
from pixelwise.scratch.fast.workspace import Workspace


def gradients(module, dout, cache, workspace):
    """(dx, dweight, dbias)"""
    return module.input_gradient(dout, cache, workspace=workspace), *module.weight_gradient(
        dout, cache, workspace=workspace
    )


def relative(ours, reference):
    assert ours.shape == reference.shape
    return np.abs(ours - reference).max() / max(np.abs(reference).max(), 1e-300)


@settings(max_examples=80, deadline=None)
@given(
    side=st.sampled_from([3, 3, 2, 4, 5]),
    padding=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    size=st.tuples(st.integers(5, 14), st.integers(5, 13)),
    channels=st.integers(1, 4),
    outputs=st.integers(1, 5),
    count=st.integers(1, 5),
    threads=st.sampled_from([1, 1, 2]),
    budget=st.sampled_from([1, 20_000, 10**6]),
    channels_last=st.booleans(),
    bias=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_is_the_readable_convolution(
    side, padding, size, channels, outputs, count, threads, budget, channels_last, bias, seed
):
    rng = np.random.default_rng(seed)
    padding = (padding[0] % side, padding[1] % side)
    x = rng.standard_normal((count, channels, *size))
    if channels_last:
        x = x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
    weight, offsets = (
        rng.standard_normal((outputs, channels, side, side)),
        rng.standard_normal(outputs) if bias else None,
    )
    expected, reference = functional.conv2d(x, weight, offsets, padding=padding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "BYTES_AT_ONCE", budget)
        workspace = Workspace(threads)
        out, cache = winograd.conv2d(x, weight, offsets, padding=padding, workspace=workspace)
        assert relative(out, expected) < 1e-10
        dout = rng.standard_normal(out.shape)
        for ours, theirs in zip(
            gradients(winograd, dout, cache, workspace),
            functional.conv2d_backward(dout, reference),
            strict=True,
        ):
            assert (ours is None) == (theirs is None)
            if ours is not None:
                assert relative(ours, theirs) < 1e-10


@pytest.mark.parametrize("side", winograd.KERNELS)
def test_float32_is_close_to_unfold(side):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 32, 30, 27)).astype(np.float32)
    weight = (rng.standard_normal((48, 32, side, side)) / 17).astype(np.float32)
    bias, workspace = np.ones(48, np.float32), Workspace()
    out, cache = winograd.conv2d(x, weight, bias, padding=1, workspace=workspace)
    expected, reference = unfold.conv2d(x, weight, bias, padding=1, workspace=workspace)
    assert out.dtype == np.float32
    assert out.strides[1] == 4  # channels last
    assert relative(out, expected) < 1e-4
    dout = rng.standard_normal(out.shape).astype(np.float32)
    for ours, theirs in zip(
        gradients(winograd, dout, cache, workspace),
        gradients(unfold, dout, reference, workspace),
        strict=True,
    ):
        assert ours.dtype == np.float32
        assert relative(ours, theirs) < 1e-4


def test_a_cache_is_a_value():
    rng = np.random.default_rng(0)
    x, weight, workspace = rng.standard_normal((2, 3, 6, 6)), rng.standard_normal((4, 3, 3, 3)), Workspace()
    out, cache = winograd.conv2d(x, weight, padding=1, workspace=workspace)
    kept = out.copy()
    first = gradients(winograd, kept, cache, workspace)
    winograd.conv2d(rng.standard_normal(x.shape), weight, padding=1, workspace=workspace)
    second = gradients(winograd, kept, cache, workspace)
    np.testing.assert_array_equal(out, kept)
    for a, b in zip(first[:2], second[:2], strict=True):
        np.testing.assert_array_equal(a, b)


def test_fewer_multiplications():
    outputs = {side: len(winograd.interpolate(side)) ** 2 for side in winograd.KERNELS}
    assert outputs == {2: 25, 3: 16, 4: 9, 5: 4}
    assert winograd.POINTS / (outputs[3] * 9) == 0.25
    assert winograd.POINTS / (outputs[5] * 25) == 0.36


@pytest.mark.parametrize("side", winograd.KERNELS)
def test_the_three_matrices_convolve_any_numbers(side):
    """Aᵀ[(G g) ⊙ (Bᵀ d)] for every pair of unit vectors: exact, and bilinear, so true of all numbers."""
    kernel, combine = winograd.evaluate_kernel(side), winograd.interpolate(side)
    for g in np.eye(side):
        for d in np.eye(6):
            found = combine @ ((kernel @ g) * (winograd.EVALUATE_PICTURE @ d))
            np.testing.assert_allclose(found, np.correlate(d, g), atol=1e-14)


def test_other_kernels_are_refused():
    x = np.ones((1, 2, 8, 8))
    for shape, padding in (((2, 2, 6, 6), 0), ((2, 2, 3, 3), 3), ((2, 2, 3, 2), 0), ((2, 2, 1, 1), 0)):
        with pytest.raises(ShapeError, match="for square kernels of 2 to 5 with a padding below their side"):
            winograd.conv2d(x, np.ones(shape), padding=padding, workspace=Workspace())
    _, cache = winograd.conv2d(x, np.ones((2, 2, 3, 3)), workspace=Workspace())
    for backward in (winograd.weight_gradient, winograd.input_gradient):
        with pytest.raises(ShapeError, match="dout has shape"):
            backward(np.ones((1, 2, 6, 5)), cache, workspace=Workspace())
