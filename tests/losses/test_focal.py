"""Focal losses against the formulas written out, torchvision's sigmoid form, and weighted cross-entropy at γ = 0."""

from math import exp, log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from pixelwise.errors import RecipeError, ShapeError
from pixelwise.losses import LOSSES
from pixelwise.losses.focal import Focal, class_balanced, focal
from pixelwise.types import IGNORE

TAIL = np.array([645, 387, 232, 139], np.int64)
PAPER = [0.4042711892, 0.6652226774, 1.1011372101, 1.8293689233]  # β = .9999


def drawn(seed, classes=4, count=7, spread=3.0):
    generator = torch.Generator().manual_seed(seed)
    scores = spread * torch.randn(count, classes, generator=generator, dtype=torch.float64)
    return scores, torch.randint(IGNORE, classes, (count,), generator=generator)


def value(loss, scores, target):
    term = loss.double()(scores, target)
    return term.numerator / term.denominator


@pytest.mark.parametrize("form", ["softmax", "sigmoid"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_the_formula_written_out(form, gamma):
    scores, target = drawn(1)
    weights = np.array([0.5, 2.0, 1.0, 3.0])
    expected = []
    for row, t in zip(scores.tolist(), target.tolist(), strict=True):
        if t == IGNORE:
            continue
        if form == "softmax":
            p = exp(row[t]) / sum(map(exp, row))
            expected.append(-weights[t] * (1 - p) ** gamma * log(p))
        else:
            sigmas = [1 / (1 + exp(-s if c == t else s)) for c, s in enumerate(row)]
            expected.append(-weights[t] * sum((1 - p) ** gamma * log(p) for p in sigmas))
    got = value(Focal(weights, gamma, form), scores, target)
    assert got.item() == pytest.approx(sum(expected) / len(expected), rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), classes=st.integers(2, 9), spread=st.sampled_from([1.0, 30.0]))
def test_gamma_0_is_weighted_cross_entropy_over_n(seed, classes, spread):
    scores, target = drawn(seed, classes, spread=spread)
    weights = torch.rand(classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    if (target == IGNORE).all():
        target.zero_()
    ours, theirs = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    got = value(Focal(weights.numpy(), 0.0, "softmax"), ours, target)
    summed = functional.cross_entropy(theirs, target, weights, ignore_index=IGNORE, reduction="sum")
    expected = summed / (target != IGNORE).sum()
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-9)  # the buffer of weights is float32
    got.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_sigmoid_form_is_torchvisions(gamma):
    scores, target = drawn(3)
    target.clamp_(min=0)
    hot = functional.one_hot(target, 4).double()
    expected = sigmoid_focal_loss(scores, hot, alpha=-1, gamma=gamma, reduction="sum") / len(target)
    torch.testing.assert_close(value(focal(TAIL, gamma=gamma, form="sigmoid"), scores, target), expected)


def test_class_balanced_weights_are_the_known_ones():
    loss = class_balanced(TAIL, beta=0.9999)
    np.testing.assert_allclose(loss.weights, PAPER, atol=5e-11)
    assert loss.weights.sum() == pytest.approx(4)


def test_the_softmax_form_of_the_class_balanced_loss_written_out():
    """As the course grades it: weights of the effective numbers that sum to C, and the mean over the pictures."""
    for beta, gamma in ((0.0, 2.0), (0.9, 0.5), (0.999, 1.0), (0.9999, 0.5)):
        scores, target = drawn(11, count=20)
        raw = [(1 - beta) / (1 - beta**n) for n in TAIL.tolist()]
        weights, terms = [4 * w / sum(raw) for w in raw], []
        for row, t in zip(scores.tolist(), target.tolist(), strict=True):
            if t != IGNORE:
                p = exp(row[t]) / sum(map(exp, row))
                terms.append(-weights[t] * (1 - p) ** gamma * log(p))
        got = value(LOSSES.build("class_balanced", TAIL, beta=beta, gamma=gamma, form="softmax"), scores, target)
        assert got.item() == pytest.approx(sum(terms) / len(terms), rel=1e-6)


def test_beta_0_is_plain():
    scores, target = drawn(4)
    plain, balanced = focal(TAIL, gamma=0.5), class_balanced(TAIL, beta=0.0, gamma=0.5)
    torch.testing.assert_close(value(balanced, scores, target), value(plain, scores, target))


@pytest.mark.parametrize("form", ["softmax", "sigmoid"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_scores_far_apart_keep_value_and_gradient_finite(form, gamma):
    scores = torch.tensor([[0.0, 2000.0, -2000.0], [1e4, 0.0, 0.0]], requires_grad=True)
    for target in (torch.tensor([1, 0]), torch.tensor([2, 1])):
        scores.grad = None
        term = Focal(None, gamma, form)(scores, target)
        term.numerator.backward()
        assert term.numerator.isfinite()
        assert scores.grad.isfinite().all()


def test_what_is_right_already_counts_less():
    scores, target = torch.tensor([[4.0, 0.0]]), torch.tensor([0])
    values = [value(Focal(None, gamma, "softmax"), scores.double(), target).item() for gamma in (0.0, 1.0, 2.0)]
    assert values[0] > 50 * values[1] > 2500 * values[2]


@pytest.mark.parametrize("beta", [1.0, -0.1, 1.5])
def test_beta_outside_its_range_is_refused(beta):
    with pytest.raises(RecipeError, match=r"beta"):
        LOSSES.build("class_balanced", TAIL, beta=beta)


@pytest.mark.parametrize("weights", [[1.0, 2.0], [1.0, 1.0, 1.0, -1.0], [1.0, 1.0, 1.0, float("inf")]])
def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(RecipeError):
        LOSSES.build("focal", TAIL, weights=weights)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="4 class weights"):
        class_balanced(TAIL)(torch.zeros(2, 5), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ShapeError, match="two classes"):
        focal(TAIL[:1])(torch.zeros(2, 1), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ShapeError):
        focal(TAIL)(torch.zeros(2, 4), torch.zeros(3, dtype=torch.long))
