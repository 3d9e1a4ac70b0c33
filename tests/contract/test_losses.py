"""What every loss on the shelf owes: terms that add up, void without influence, gradients that central differences confirm."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from pixelwise.errors import ShapeError
from pixelwise.losses import LOSSES
from pixelwise.losses.base import Loss, Term
from pixelwise.types import IGNORE

COUNTS = np.array([900, 50, 0, 10], np.int64)
BY_CLASS = [name for name in LOSSES if not LOSSES[name].startswith("pixelwise.losses.maps:")]  # maps: test_maps.py
REGIONS = [name for name in BY_CLASS if LOSSES.declared(name).get("per") == "pixel"]  # losses of areas
CASES = [(name, {}) for name in sorted(BY_CLASS) if name != "weighted_sum"]
CASES += [(name, {"empty": "penalise"}) for name in REGIONS]
CASES += [(name, {"over": "batch"}) for name in REGIONS]
CASES += [
    ("weighted_sum", {"parts": ["cross_entropy", {"name": "dice", "classes": "foreground"}], "factors": [1, 0.5]})
]


@pytest.fixture(params=CASES, ids=[f"{name} {' '.join(map(str, options.values()))}" for name, options in CASES])
def case(request):
    return request.param


@pytest.fixture
def loss(case):
    return LOSSES.build(case[0], COUNTS, **case[1]).double()


def terms(loss, scores, target):
    """The terms of a loss: one or several by name."""
    found = loss(scores, target)
    return list(found.values()) if isinstance(found, Mapping) else [found]


def value(loss, scores, target):
    return sum(term.numerator / term.denominator for term in terms(loss, scores, target) if term.denominator)


def pixels(seed=0, batch=4):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(batch, len(COUNTS), 5, 6, generator=generator, dtype=torch.float64)
    target = torch.randint(IGNORE, len(COUNTS), (batch, 5, 6), generator=generator)
    return scores, target


def test_is_a_loss_with_weights_for_the_report(loss):
    assert isinstance(loss, Loss)
    assert loss.weights is None or (loss.weights.shape == COUNTS.shape and np.isfinite(loss.weights).all())
    assert loss.weights is None or loss.weighting


def test_terms_are_scalars_and_only_the_numerator_has_a_gradient(loss):
    scores, target = pixels()
    for term in terms(loss, scores.requires_grad_(), target):
        assert isinstance(term, Term)
        assert term.numerator.shape == term.denominator.shape == ()
        assert term.numerator.requires_grad
        assert not term.denominator.requires_grad


def test_parts_of_a_batch_add_up_to_the_batch(loss, case):
    scores, target = pixels()
    for whole, first, rest in zip(
        *(terms(loss, scores[part], target[part]) for part in (slice(4), slice(1), slice(1, 4))), strict=True
    ):
        torch.testing.assert_close(first.denominator + rest.denominator, whole.denominator)
        if case[1].get("over") != "batch":  # which is not a sum over pictures
            torch.testing.assert_close(first.numerator + rest.numerator, whole.numerator)


def test_void_has_no_influence_and_no_gradient(loss, case):
    scores, target = pixels()
    changed = torch.where((target == IGNORE).unsqueeze(1), scores + torch.randn_like(scores), scores).requires_grad_()
    for before, after in zip(terms(loss, scores, target), terms(loss, changed, target), strict=True):
        torch.testing.assert_close(after.numerator, before.numerator)
        assert torch.equal(after.denominator, before.denominator)
    value(loss, changed, target).backward()
    assert not changed.grad.movedim(1, -1)[target == IGNORE].any()
    reached = changed.grad.movedim(1, -1)[target != IGNORE].any(dim=-1)
    assert (
        reached.any() if case[0] == "lovasz_softmax" else reached.all()
    )  # its steps are 0 once nothing is left to lose


def test_nothing_but_void_is_nothing_over_nothing(loss):
    scores, target = pixels()
    scores.requires_grad_()
    for term in terms(loss, scores, torch.full_like(target, IGNORE)):
        term.numerator.backward()
        assert term.numerator.item() == term.denominator.item() == 0
    assert not scores.grad.any()


def test_gradient_is_that_of_central_differences(loss):
    scores, target = pixels(batch=2)
    assert torch.autograd.gradcheck(lambda s: value(loss, s, target), scores.requires_grad_())


def test_scores_of_whole_pictures(loss, case):
    scores = torch.randn(6, len(COUNTS), dtype=torch.float64)
    target = torch.tensor([0, 1, 3, IGNORE, 0, 0])
    if case[0] in (*REGIONS, "weighted_sum"):
        with pytest.raises(ShapeError, match="compares areas"):
            terms(loss, scores, target)
        return
    (flat,), (as_map,) = terms(loss, scores, target), terms(loss, scores.T[None, :, None, :], target[None, None])
    torch.testing.assert_close(flat.numerator, as_map.numerator)
    torch.testing.assert_close(flat.denominator, as_map.denominator)


def test_order_of_places_and_memory_layout_do_not_matter(loss):
    scores, target = pixels()
    expected = value(loss, scores, target)
    torch.testing.assert_close(value(loss, scores.flip(-1), target.flip(-1)), expected)
    torch.testing.assert_close(value(loss, scores.to(memory_format=torch.channels_last), target), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_float32_and_huge_scores_are_finite(loss, case, dtype):
    scores, target = pixels()
    loss, low = LOSSES.build(case[0], COUNTS, **case[1]), (1e4 * scores).to(dtype).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = terms(loss, low, target)
    for term, exact in zip(found, terms(loss, low.detach().float(), target), strict=True):
        assert term.numerator.dtype == term.denominator.dtype == torch.float32
        torch.testing.assert_close(term.numerator, exact.numerator)
    sum(term.numerator for term in found).backward()
    assert low.grad.dtype == dtype
    assert low.grad.isfinite().all()
