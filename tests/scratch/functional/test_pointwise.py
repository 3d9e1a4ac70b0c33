"""Linear, flatten, relu, sigmoid, dropout, batch norm and the loss, against torch and central differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.errors import ShapeError
from pixelwise.scratch import functional as F
from pixelwise.scratch.gradcheck import gradcheck

SEEDS = st.integers(0, 2**32 - 1)


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-10, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 5), inputs=st.integers(1, 6), outputs=st.integers(1, 4), seed=SEEDS)
def test_linear_is_torch(count, inputs, outputs, seed):
    rng = np.random.default_rng(seed)
    arrays = rng.standard_normal((count, inputs)), rng.standard_normal((outputs, inputs)), rng.standard_normal(outputs)
    out, cache = F.linear(*arrays)
    tensors = [torch.from_numpy(a).requires_grad_() for a in arrays]
    expected = torch.nn.functional.linear(*tensors)
    close(out, expected)
    dout = rng.standard_normal(out.shape)
    expected.backward(torch.from_numpy(dout))
    for ours, tensor in zip(F.linear_backward(dout, cache), tensors, strict=True):
        close(ours, tensor.grad)
    out, cache = F.linear(*arrays[:2])
    close(out, torch.nn.functional.linear(*tensors[:2]))
    assert F.linear_backward(dout, cache)[2] is None


def test_flatten_has_one_order_whatever_the_memory():
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    last = x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
    out, cache = F.flatten(last)
    assert out.tolist() == [list(range(24))]
    np.testing.assert_array_equal(F.flatten_backward(out, cache), x)


@pytest.mark.parametrize("name", ["relu", "sigmoid"])
def test_activations_are_torch(name):
    x = np.concatenate([np.linspace(-50, 50, 101), [0.0, -0.0, 800.0, -800.0]])
    tensor = torch.from_numpy(x).requires_grad_()
    out, cache = getattr(F, name)(x)
    expected = getattr(torch, name)(tensor)
    close(out, expected)
    dout = np.linspace(1, 2, len(x))
    expected.backward(torch.from_numpy(dout))
    close(getattr(F, f"{name}_backward")(dout, cache), tensor.grad)


def test_relu_at_zero_has_no_gradient():
    _, cache = F.relu(np.array([-1.0, 0.0, 1.0]))
    assert F.relu_backward(np.ones(3), cache).tolist() == [0, 0, 1]


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, epsilon=st.sampled_from([1e-5, 1e-2]))
def test_batch_norm_is_torch(seed, epsilon):
    rng = np.random.default_rng(seed)
    x, scale, shift = 3 * rng.standard_normal((3, 4, 2, 5)) + 7, rng.standard_normal(4), rng.standard_normal(4)
    out, cache = F.batch_norm(x, scale, shift, epsilon=epsilon)
    tensors = [torch.from_numpy(a).requires_grad_() for a in (x, scale, shift)]
    expected = torch.nn.functional.batch_norm(tensors[0], None, None, *tensors[1:], training=True, eps=epsilon)
    close(out, expected)
    dout = rng.standard_normal(out.shape)
    expected.backward(torch.from_numpy(dout))
    for ours, tensor in zip(F.batch_norm_backward(dout, cache), tensors, strict=True):
        close(ours, tensor.grad)


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_fixed_norm_is_torch(seed):
    rng = np.random.default_rng(seed)
    x, scale, shift, mean = rng.standard_normal((3, 4, 2, 5)), *rng.standard_normal((3, 4))
    variance = rng.uniform(0.1, 2, 4)
    out, cache = F.fixed_norm(x, scale, shift, mean, variance, epsilon=1e-3)
    tensors = [torch.from_numpy(a).requires_grad_() for a in (x, scale, shift)]
    expected = torch.nn.functional.batch_norm(
        tensors[0], torch.from_numpy(mean), torch.from_numpy(variance), *tensors[1:], eps=1e-3
    )
    close(out, expected)
    dout = rng.standard_normal(out.shape)
    expected.backward(torch.from_numpy(dout))
    for ours, tensor in zip(F.fixed_norm_backward(dout, cache), tensors, strict=True):
        close(ours, tensor.grad)


def test_dropout_keeps_the_mean_and_repeats_its_draw():
    x = np.full((200, 200), 3.0)
    out, cache = F.dropout(x, 0.25, np.random.default_rng(0))
    again, _ = F.dropout(x, 0.25, np.random.default_rng(0))
    np.testing.assert_array_equal(out, again)
    assert set(np.unique(out)) == {0.0, 4.0}
    assert abs((out == 0).mean() - 0.25) < 0.01
    np.testing.assert_array_equal(F.dropout_backward(x, cache), out)
    assert F.dropout(x, 0, np.random.default_rng(0))[0].tolist() == x.tolist()
    for probability in (1.0, -0.1):
        with pytest.raises(ShapeError, match="at least 0 and below 1"):
            F.dropout(x, probability, np.random.default_rng(0))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, per_pixel=st.booleans(), weighted=st.booleans(), some_ignored=st.booleans())
def test_cross_entropy_is_torch(seed, per_pixel, weighted, some_ignored):
    rng = np.random.default_rng(seed)
    shape = (3, 4, 2, 5) if per_pixel else (6, 4)
    scores = 20 * rng.standard_normal(shape)
    targets = rng.integers(0, 4, (shape[0], *shape[2:]))
    if some_ignored:
        targets.flat[1::3] = 255
    weights = rng.uniform(0.1, 3, 4) if weighted else None
    loss, cache = F.softmax_cross_entropy(scores, targets, class_weights=weights, ignore=255)
    tensor = torch.from_numpy(scores).requires_grad_()
    expected = torch.nn.functional.cross_entropy(
        tensor, torch.from_numpy(targets), None if weights is None else torch.from_numpy(weights), ignore_index=255
    )
    assert np.isclose(loss, expected.item(), rtol=1e-10)
    (2.5 * expected).backward()
    close(F.softmax_cross_entropy_backward(2.5, cache), tensor.grad)


def test_cross_entropy_of_large_scores_and_of_nothing():
    loss, cache = F.softmax_cross_entropy(np.array([[1e4, 0.0]]), np.array([1], np.uint8))
    assert loss == 1e4
    assert F.softmax_cross_entropy_backward(1.0, cache).tolist() == [[1, -1]]
    loss, cache = F.softmax_cross_entropy(np.ones((2, 3), np.float32), np.array([9, 9]), ignore=9)
    assert loss == 0
    dscores = F.softmax_cross_entropy_backward(1.0, cache)
    assert not dscores.any()
    assert dscores.dtype == np.float32


def test_cross_entropy_refuses_what_does_not_fit():
    with pytest.raises(
        ShapeError, match=r"class 255, but the scores have classes 0 to 2. If that is the index of 'not"
    ):
        F.softmax_cross_entropy(np.ones((2, 3)), np.array([0, 255]))
    with pytest.raises(ShapeError, match="class -1"):
        F.softmax_cross_entropy(np.ones((2, 3)), np.array([0, -1]))
    with pytest.raises(ShapeError, match="whole numbers"):
        F.softmax_cross_entropy(np.ones((2, 3)), np.array([0.0, 1.0]))
    with pytest.raises(ShapeError, match="do not fit"):
        F.softmax_cross_entropy(np.ones((2, 3)), np.array([0, 1, 2]))
    with pytest.raises(ShapeError, match="class_weights has shape"):
        F.softmax_cross_entropy(np.ones((2, 3)), np.array([0, 1]), class_weights=np.ones(2))


def test_gradients_are_central_differences():
    rng = np.random.default_rng(0)
    x, scale, shift = rng.standard_normal((3, 2, 3, 2)), rng.standard_normal(2), rng.standard_normal(2)
    targets = rng.integers(0, 2, (3, 3, 2))

    def run():
        normal, one = F.batch_norm(x, scale, shift)
        soft, two = F.sigmoid(normal)
        loss, three = F.softmax_cross_entropy(soft, targets)
        return loss, (one, two, three)

    _, (one, two, three) = run()
    dnormal = F.sigmoid_backward(F.softmax_cross_entropy_backward(1.0, three), two)
    gradients = dict(zip(("x", "scale", "shift"), F.batch_norm_backward(dnormal, one), strict=True))
    checks = gradcheck(lambda: run()[0], {"x": x, "scale": scale, "shift": shift}, gradients)
    assert checks[0].error < 1e-7, checks[0]


def test_misfits_are_explained():
    with pytest.raises(ShapeError, match=r"\(N, I\) and \(O, I\) with the same I. Flatten pictures first"):
        F.linear(np.ones((2, 3, 4, 4)), np.ones((5, 48)))
    with pytest.raises(ShapeError, match="one value per channel has no variance"):
        F.batch_norm(np.ones((1, 3, 1, 1)), np.ones(3), np.ones(3))
    with pytest.raises(ShapeError, match="scale has shape"):
        F.batch_norm(np.ones((2, 3, 1, 1)), np.ones(2), np.ones(3))
    with pytest.raises(ShapeError, match="at least two axes"):
        F.flatten(np.ones(3))
    with pytest.raises(ShapeError, match="mean has shape"):
        F.fixed_norm(np.ones((2, 3, 1, 1)), np.ones(3), np.ones(3), np.ones(2), np.ones(3))
