"""What every loss on the shelf owes: terms that add up, void without influence, gradients that central differences confirm."""

import numpy as np
import pytest
import torch

from pixelwise.losses import LOSSES
from pixelwise.losses.base import Loss
from pixelwise.types import IGNORE

COUNTS = np.array([900, 50, 0, 10], np.int64)


@pytest.fixture(params=sorted(LOSSES))
def loss(request):
    return LOSSES.build(request.param, COUNTS).double()


def pixels(seed=0, batch=4):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(batch, len(COUNTS), 5, 6, generator=generator, dtype=torch.float64)
    target = torch.randint(IGNORE, len(COUNTS), (batch, 5, 6), generator=generator)
    return scores, target


def test_is_a_loss_with_weights_for_the_report(loss):
    assert isinstance(loss, Loss)
    assert loss.weights is None or (loss.weights.shape == COUNTS.shape and np.isfinite(loss.weights).all())


def test_terms_are_scalars_and_only_the_numerator_has_a_gradient(loss):
    scores, target = pixels()
    term = loss(scores.requires_grad_(), target)
    assert term.numerator.shape == term.denominator.shape == ()
    assert term.numerator.requires_grad
    assert not term.denominator.requires_grad


def test_parts_of_a_batch_add_up_to_the_batch(loss):
    scores, target = pixels()
    whole, parts = loss(scores, target), [loss(scores[:1], target[:1]), loss(scores[1:], target[1:])]
    torch.testing.assert_close(sum(p.numerator for p in parts), whole.numerator)
    torch.testing.assert_close(sum(p.denominator for p in parts), whole.denominator)


def test_void_has_no_influence_and_no_gradient(loss):
    scores, target = pixels()
    changed = torch.where((target == IGNORE).unsqueeze(1), scores + 7, scores).requires_grad_()
    before, after = loss(scores, target), loss(changed, target)
    torch.testing.assert_close(after.numerator, before.numerator)
    assert torch.equal(after.denominator, before.denominator)
    after.numerator.backward()
    assert not changed.grad.movedim(1, -1)[target == IGNORE].any()
    assert changed.grad.movedim(1, -1)[target != IGNORE].any(dim=-1).all()


def test_nothing_but_void_is_nothing_over_nothing(loss):
    scores, target = pixels()
    scores.requires_grad_()
    term = loss(scores, torch.full_like(target, IGNORE))
    term.numerator.backward()
    assert term.numerator.item() == term.denominator.item() == 0
    assert not scores.grad.any()


def test_gradient_is_that_of_central_differences(loss):
    scores, target = pixels(batch=2)
    assert torch.autograd.gradcheck(lambda s: loss(s, target).numerator, scores.requires_grad_())


def test_scores_of_whole_pictures(loss):
    scores = torch.randn(6, len(COUNTS), dtype=torch.float64)
    target = torch.tensor([0, 1, 3, IGNORE, 0, 0])
    flat = loss(scores, target)
    as_map = loss(scores.T[None, :, None, :], target[None, None])
    torch.testing.assert_close(flat.numerator, as_map.numerator)
    torch.testing.assert_close(flat.denominator, as_map.denominator)


def test_order_of_places_and_memory_layout_do_not_matter(loss):
    scores, target = pixels()
    flipped = loss(scores.flip(-1), target.flip(-1))
    last = loss(scores.to(memory_format=torch.channels_last), target)
    torch.testing.assert_close(flipped.numerator, loss(scores, target).numerator)
    torch.testing.assert_close(last.numerator, loss(scores, target).numerator)
