"""Losses of overlap against sums by hand, their papers' formulas, and an independent naive Lovász-softmax."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.errors import RecipeError, ShapeError
from pixelwise.losses import LOSSES
from pixelwise.losses.lovasz import jaccard_extension
from pixelwise.losses.overlap import Overlap
from pixelwise.types import IGNORE

COUNTS = np.array([5, 5, 5], np.int64)


def loss_of(name, scores, target, **options):
    term = LOSSES.build(name, COUNTS, **options)(scores, target)
    return (term.numerator / term.denominator).item()


def scores_with(foreground):
    """Scores (1, 2, H, W) whose softmax gives these probabilities of class 1."""
    given = torch.as_tensor(foreground, dtype=torch.float64)
    return torch.stack(((1 - given).log(), given.log()))[None]


X, Y = [[0.9, 0.2], [0.6, 0.1]], torch.tensor([[[1, 0], [1, 1]]])


def test_soft_iou_of_the_papers_formula_by_hand():
    assert loss_of("soft_iou", scores_with(X), Y, classes="foreground") == pytest.approx(0.5)  # I 1.6, U 3.2
    background = 1 - 0.8 / (2.2 + 1 - 0.8)
    assert loss_of("soft_iou", scores_with(X), Y) == pytest.approx((0.5 + background) / 2)


def test_dice_and_tversky_by_hand():
    assert loss_of("dice", scores_with(X), Y, classes="foreground") == pytest.approx(1 - 2 * 1.6 / (1.8 + 3))
    t, over, under = 1.6, 0.2, 1.4
    for alpha, beta in ((0.3, 0.7), (0.5, 0.5), (1.0, 1.0)):
        found = loss_of("tversky", scores_with(X), Y, classes="foreground", alpha=alpha, beta=beta)
        assert found == pytest.approx(1 - t / (t + alpha * over + beta * under))
    for name, weight in (("dice", 0.5), ("soft_iou", 1.0)):
        assert loss_of(name, scores_with(X), Y) == pytest.approx(
            loss_of("tversky", scores_with(X), Y, alpha=weight, beta=weight)
        )


def test_a_perfect_prediction_costs_nothing_and_an_opposite_one_everything():
    target = torch.randint(0, 3, (2, 6, 5))
    right = 60.0 * torch.nn.functional.one_hot(target, 3).movedim(-1, 1)
    for name in ("soft_iou", "dice", "tversky", "lovasz_softmax"):
        assert loss_of(name, right, target) == pytest.approx(0, abs=1e-6)
        assert loss_of(name, right.roll(1, dims=1), target) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", ["soft_iou", "dice", "tversky", "lovasz_softmax"])
def test_over_the_batch_is_one_large_picture(name):
    scores, target = torch.randn(3, 3, 4, 5), torch.randint(0, 3, (3, 4, 5))
    joined = scores.transpose(0, 1).reshape(1, 3, 12, 5), target.reshape(1, 12, 5)
    assert loss_of(name, scores, target, over="batch") == pytest.approx(loss_of(name, *joined), abs=1e-6)
    pictures = [loss_of(name, scores[n : n + 1], target[n : n + 1]) for n in range(3)]
    assert loss_of(name, scores, target) == pytest.approx(np.mean(pictures), abs=1e-6)


# -- empty truth ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["soft_iou", "dice", "tversky", "lovasz_softmax"])
def test_a_class_without_truth_is_left_out(name):
    scores, target = torch.randn(1, 3, 4, 5), torch.randint(0, 2, (1, 4, 5))
    probability = scores.softmax(dim=1)
    without = [
        loss_of(name, torch.stack((1 - p, p)).log()[None], (target == c).long(), classes="foreground")
        for c, p in enumerate(probability[0, :2])
    ]
    assert loss_of(name, scores, target) == pytest.approx(np.mean(without), abs=1e-5)


@pytest.mark.parametrize(("name", "of"), [("soft_iou", "mean"), ("dice", "mean"), ("lovasz_softmax", "amax")])
@pytest.mark.parametrize("over", ["picture", "batch"])
def test_a_class_without_truth_costs_what_it_is_given_where_that_is_asked_for(name, of, over):
    scores = torch.randn(2, 3, 4, 5)
    target = torch.zeros(2, 4, 5, dtype=torch.int64)
    target[:, 0, :2] = IGNORE
    p = scores.softmax(dim=1)[:, 1:].masked_fill((target == IGNORE)[:, None], torch.nan)
    pictures = p.movedim(1, 0).reshape(2, 1, -1) if over == "batch" else p.movedim(1, 0).flatten(2)
    valid = pictures[~pictures.isnan()].view(*pictures.shape[:2], -1)
    expected = getattr(valid, of)(dim=2).mean().item()
    found = loss_of(name, scores, target, empty="penalise", classes="foreground", over=over)
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_picture_without_foreground_counts_nothing_or_pushes_it_down():
    scores, target = torch.zeros(2, 2, 3, 3, requires_grad=True), torch.zeros(2, 3, 3, dtype=torch.int64)
    target[1, 0] = 1
    skipped = LOSSES.build("soft_iou", COUNTS[:2], classes="foreground")(scores, target)
    assert skipped.denominator.item() == 1
    skipped.numerator.backward()
    assert not scores.grad[0].any()
    scores.grad = None
    LOSSES.build("soft_iou", COUNTS[:2], classes="foreground", empty="penalise")(scores, target).numerator.backward()
    assert (scores.grad[0, 1] > 0).all()  # descent lowers the score of the foreground


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ShapeError, match=r"\(1, 2, 4, 4\).*\(1, 4, 5\)"):
        Overlap(1, 1, "picture", "all", "skip")(torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 5, dtype=torch.int64))
    with pytest.raises(ShapeError, match="the scores have one class"):
        loss_of("dice", torch.zeros(1, 1, 4, 4), torch.zeros(1, 4, 4, dtype=torch.int64), classes="foreground")
    with pytest.raises(RecipeError, match="alpha"):
        LOSSES.build("tversky", COUNTS, alpha=0.0)


# -- Lovász -----------------------------------------------------------------------------------------------------------


def naive_extension(errors, truth):
    """The Lovász extension by its definition: Σ m_i (Δ({1..i}) − Δ({1..i−1})), each Δ counted from its set of wrong pixels."""

    def jaccard_loss(wrong):
        labelled = {n for n, inside in enumerate(truth) if inside}
        predicted = (labelled - wrong) | (wrong - labelled)
        union = labelled | predicted
        return 1 - len(labelled & predicted) / len(union) if union else 0.0

    order = sorted(range(len(errors)), key=lambda n: -errors[n])
    sets = [set(order[:n]) for n in range(len(order) + 1)]
    return sum(errors[order[n]] * (jaccard_loss(sets[n + 1]) - jaccard_loss(sets[n])) for n in range(len(order)))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.sampled_from([0.0, 0.2, 0.8, 1.0]))
def test_the_extension_is_that_of_its_definition(seed, pixels, share):
    generator = np.random.default_rng(seed)
    errors, truth = generator.random(pixels), generator.random(pixels) < share
    found = jaccard_extension(torch.from_numpy(errors)[None], torch.from_numpy(truth)[None]).item()
    assert found == pytest.approx(naive_extension(errors.tolist(), truth.tolist()))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["picture", "batch"]), st.sampled_from([0.0, 0.5, 1.0]))
def test_lovasz_softmax_is_the_mean_over_the_classes_that_occur(seed, over, void):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(2, 4, 2, 3, generator=generator, dtype=torch.float64)
    target = torch.randint(IGNORE, 3, (2, 2, 3), generator=generator)
    target[torch.rand(2, 2, 3, generator=generator) < void] = IGNORE
    p, regions = scores.softmax(dim=1), []
    for pictures in [[0], [1]] if over == "picture" else [[0, 1]]:
        valid = target[pictures] != IGNORE
        labels = target[pictures][valid]
        found = []
        for number in labels.unique().tolist():
            errors = (p[pictures, number][valid] - (labels == number).double()).abs()
            found.append(naive_extension(errors.tolist(), (labels == number).tolist()))
        regions += [np.mean(found)] if found else []
    if regions:
        assert loss_of("lovasz_softmax", scores, target, over=over) == pytest.approx(np.mean(regions))
    else:
        term = LOSSES.build("lovasz_softmax", COUNTS, over=over)(scores, target)
        assert term.numerator == term.denominator == 0


def test_of_a_finished_map_it_is_one_minus_its_iou():
    generator = np.random.default_rng(0)
    truth, prediction = generator.random(50) < 0.4, generator.random(50) < 0.5
    errors = torch.from_numpy((truth != prediction).astype(np.float64))
    expected = 1 - (truth & prediction).sum() / (truth | prediction).sum()
    assert jaccard_extension(errors[None], torch.from_numpy(truth)[None]).item() == pytest.approx(expected)
