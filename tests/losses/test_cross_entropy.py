"""Our cross-entropy against torch's, value and gradient, and against the sum written out by hand."""

from math import exp, log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from pixelwise.errors import RecipeError, ShapeError
from pixelwise.losses import LOSSES
from pixelwise.losses.cross_entropy import CrossEntropy, cross_entropy
from pixelwise.types import IGNORE


def drawn(seed, classes, size, spread):
    generator = torch.Generator().manual_seed(seed)
    scores = spread * torch.randn(2, classes, *size, generator=generator, dtype=torch.float64)
    target = torch.randint(IGNORE, classes, (2, *size), generator=generator)
    weights = torch.rand(classes, generator=generator) + 0.25
    return scores, target, weights


cases = {
    "seed": st.integers(0, 10**6),
    "classes": st.integers(1, 9),
    "size": st.sampled_from([(), (1,), (3, 4), (5, 1)]),
    "spread": st.sampled_from([1.0, 30.0, 1000.0]),
}


@settings(max_examples=80, deadline=None)
@given(**cases)
def test_weighted_mean_is_torchs_in_value_and_gradient(seed, classes, size, spread):
    scores, target, weights = drawn(seed, classes, size, spread)
    if (target == IGNORE).all():
        target.zero_()
    ours, theirs = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    term = CrossEntropy(weights.double().numpy(), "weights")(ours, target)
    value = term.numerator / term.denominator
    expected = functional.cross_entropy(theirs, target, weights.double(), ignore_index=IGNORE)
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-9)  # the denominator is a float32 sum
    value.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(**cases)
def test_over_pixels_is_torchs_sum_over_their_number(seed, classes, size, spread):
    scores, target, weights = drawn(seed, classes, size, spread)
    term = CrossEntropy(weights.double().numpy(), "pixels")(scores, target)
    expected = functional.cross_entropy(scores, target, weights.double(), ignore_index=IGNORE, reduction="sum")
    torch.testing.assert_close(term.numerator, expected, rtol=1e-10, atol=1e-10)
    assert term.denominator.item() == (target != IGNORE).sum().item()


def test_one_pixel_by_hand():
    term = CrossEntropy(np.array([1.0, 3.0]), "weights")(torch.tensor([[0.5, -1.0]]), torch.tensor([1]))
    assert term.numerator.item() == pytest.approx(3 * (log(exp(0.5) + exp(-1.0)) + 1.0))
    assert term.denominator.item() == 3


def test_equal_scores_cost_the_logarithm_of_the_classes():
    term = CrossEntropy(None, "pixels")(torch.zeros(2, 21, 3, 3), torch.zeros(2, 3, 3, dtype=torch.int64))
    assert (term.numerator / term.denominator).item() == pytest.approx(log(21))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_scores_are_summed_in_float32(dtype):
    scores = torch.randn(2, 5, 64, 64).to(dtype).requires_grad_()
    target = torch.randint(0, 5, (2, 64, 64))
    term = CrossEntropy(None, "pixels")(scores, target)
    assert term.numerator.dtype == term.denominator.dtype == torch.float32
    expected = functional.cross_entropy(scores.detach().float(), target, reduction="sum")
    torch.testing.assert_close(term.numerator, expected)
    (term.numerator / term.denominator).backward()
    assert scores.grad.dtype == dtype


def test_huge_scores_do_not_overflow():
    scores = torch.tensor([[1e30, -1e30, 0.0]], requires_grad=True)
    term = CrossEntropy(None, "weights")(scores, torch.tensor([0]))
    term.numerator.backward()
    assert term.numerator.item() == 0
    assert scores.grad.isfinite().all()


def test_normalisations_differ_by_the_mean_weight():
    counts = np.array([90, 10], np.int64)
    scores, target = torch.randn(1, 2, 10, 10), torch.zeros(1, 10, 10, dtype=torch.int64)
    target[0, 0] = 1
    by_weights = cross_entropy(counts, weights="median", normalisation="weights")(scores, target)
    by_pixels = cross_entropy(counts, weights="median", normalisation="pixels")(scores, target)
    assert by_weights.numerator.item() == by_pixels.numerator.item()
    mean_weight = (90 * (50 / 90) + 10 * (50 / 10)) / 100
    assert (by_weights.denominator / by_pixels.denominator).item() == pytest.approx(mean_weight)


def test_weights_travel_with_the_module_but_not_with_its_state():
    loss = cross_entropy(np.array([90, 10], np.int64), weights="inverse")
    assert loss.to(torch.device("meta")).class_weights.device.type == "meta"
    assert not loss.state_dict()
    assert cross_entropy(np.array([90, 10], np.int64)).weights is None


def test_a_target_of_another_size_is_refused_with_both_shapes():
    with pytest.raises(ShapeError, match=r"\(1, 2, 4, 4\).*\(1, 4, 5\)"):
        cross_entropy(np.array([1, 1]))(torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 5, dtype=torch.int64))


def test_unknown_weighting_is_refused_by_name():
    with pytest.raises(RecipeError, match=r"weights: read 'medium'.*'median'"):
        LOSSES.build("cross_entropy", np.array([1, 1]), weights="medium")
    with pytest.raises(RecipeError, match="beta"):
        LOSSES.build("cross_entropy", np.array([1, 1]), weights="effective", beta=1.0)


@settings(max_examples=40, deadline=None)
@given(smoothing=st.floats(0.0, 0.9), **cases)
def test_label_smoothing_is_torchs_in_value_and_gradient(smoothing, seed, classes, size, spread):
    scores, target, _ = drawn(seed, classes, size, spread)
    if (target == IGNORE).all():
        target.zero_()
    ours, theirs = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    term = CrossEntropy(None, "weights", smoothing)(ours, target)
    value = term.numerator / term.denominator
    expected = functional.cross_entropy(theirs, target, ignore_index=IGNORE, label_smoothing=smoothing)
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-9)
    value.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1e-9)


def test_class_weights_of_another_length_are_refused():
    with pytest.raises(ShapeError, match="3 class weights"):
        CrossEntropy(np.ones(3), "weights")(torch.zeros(2, 5), torch.zeros(2, dtype=torch.long))
