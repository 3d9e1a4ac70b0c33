"""Losses of maps that separate objects, against loops in double precision and central differences."""

import math

import numpy as np
import pytest
import torch

from pixelwise.errors import ShapeError
from pixelwise.losses.maps import LEVEL_WEIGHTS, angle, energy_levels, smooth_l1, squared_angles

NONE = np.zeros(0, np.int64)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_smooth_l1_is_the_mean_over_places_that_are_known() -> None:
    scores, target = random(2, 1, 3, 4).float(), random(2, 3, 4, seed=1).float()
    target[0, 1, 2] = torch.nan
    term = smooth_l1(NONE, beta=0.5, factor=3)(scores, target)
    total = 0.0
    for s, t in zip(scores.flatten().tolist(), target.flatten().tolist(), strict=True):
        if not math.isnan(t):
            total += (s - t) ** 2 / 2 / 0.5 if abs(s - t) < 0.5 else abs(s - t) - 0.25
    assert term.denominator.item() == 23
    assert term.numerator.item() == pytest.approx(3 * total, rel=1e-5)


def test_nothing_known_gives_nothing_and_no_gradient_of_nan() -> None:
    scores = random(1, 2, 3, 3).float().requires_grad_()
    term = smooth_l1(NONE)(scores, torch.full((1, 2, 3, 3), torch.nan))
    term.numerator.backward()
    assert scores.grad is not None
    assert term.numerator.item() == term.denominator.item() == 0
    assert not scores.grad.any()


def test_the_angle_is_the_arccosine_of_the_paper() -> None:
    scores, directions = random(2, 2, 3, 4), torch.nn.functional.normalize(random(2, 2, 3, 4, seed=1))
    cosine = (scores * directions).sum(dim=1) / scores.norm(dim=1)
    torch.testing.assert_close(squared_angles(scores, directions), cosine.clamp(-1, 1).acos() ** 2)
    areas = torch.tensor([0, 1, 4, 100.0]).expand(2, 1, 3, 4)
    term = angle(NONE)(scores.float(), torch.cat([directions.float(), areas], dim=1))
    weights = torch.tensor([0, 200, 100, 20.0]).expand(2, 3, 4)
    assert term.denominator.item() == pytest.approx(weights.sum().item())
    assert term.numerator.item() == pytest.approx((weights * cosine.acos() ** 2).sum().item(), rel=1e-4)


def test_equal_directions_have_a_finite_gradient() -> None:
    scores = torch.tensor([0.6, 0.8]).view(1, 2, 1, 1).requires_grad_()
    squared_angles(scores, scores.detach().clone()).sum().backward()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()


def test_energy_levels_are_the_cross_entropy_of_the_paper() -> None:
    scores = random(2, 16, 3, 4).float() * 3
    levels = torch.randint(0, 16, (2, 3, 4), generator=torch.Generator().manual_seed(2))
    areas = torch.tensor([0, 1, 4, 100]).expand(2, 3, 4)
    term = energy_levels(NONE)(scores, torch.stack([levels, areas], dim=1))
    assert LEVEL_WEIGHTS == (3, 3, 3, 2)
    total, share = 0.0, scores.double().softmax(dim=1)
    for b, i, j in np.ndindex(2, 3, 4):
        if area := areas[b, i, j].item():
            for k in range(16):
                y, c = share[b, k, i, j].item(), ([3, 3, 3, 2] + [1] * 12)[k]
                total -= 200 / math.sqrt(area) * c * math.log(y if k == levels[b, i, j] else 1 - y)
    assert term.numerator.item() == pytest.approx(total, rel=1e-5)
    assert term.denominator.item() == pytest.approx(2 * 3 * (200 + 100 + 20))


def test_energy_levels_stay_finite_where_the_network_is_certain() -> None:
    scores = torch.zeros(1, 16, 1, 2)
    scores[0, 3] = 200
    scores.requires_grad_()
    term = energy_levels(NONE)(scores, torch.tensor([[[[3, 4]], [[9, 9]]]]))
    term.numerator.backward()
    assert scores.grad is not None
    assert term.numerator.isfinite()
    assert scores.grad.isfinite().all()
    assert scores.grad[0, 3, 0, 1] > 0 > scores.grad[0, 4, 0, 1]  # the wrong certainty goes down, the true level up


def test_gradients_equal_central_differences() -> None:
    levels = torch.randint(0, 5, (1, 2, 2), generator=torch.Generator().manual_seed(3))
    from pixelwise.losses.maps import level_entropy

    weights = torch.tensor([3, 3, 3, 2, 1.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda s: level_entropy(s, levels, weights), random(1, 5, 2, 2).requires_grad_())
    directions = torch.nn.functional.normalize(random(1, 2, 2, 2, seed=4))
    assert torch.autograd.gradcheck(lambda s: squared_angles(s, directions), random(1, 2, 2, 2).requires_grad_())


def test_a_target_of_another_shape_is_refused() -> None:
    for loss, target in ((smooth_l1, (1, 2, 3, 3)), (angle, (1, 2, 3, 3)), (energy_levels, (1, 3, 3))):
        with pytest.raises(ShapeError, match="need a target"):
            loss(NONE)(torch.zeros(1, 1, 3, 3), torch.zeros(target))


def test_double_precision_stays_double() -> None:
    values, areas = random(1, 2, 2, 2, seed=1), torch.full((1, 1, 2, 2), 4.0, dtype=torch.float64)
    levels = torch.tensor([[[0.0, 1.0], [2.0, 4.0]]], dtype=torch.float64)
    way = torch.nn.functional.normalize(values)
    for loss, channels, target in (
        (smooth_l1(NONE), 2, values),
        (angle(NONE), 2, torch.cat([way, areas], dim=1)),
        (energy_levels(NONE), 5, torch.cat([levels[None], areas], dim=1)),
    ):
        scores = random(1, channels, 2, 2).requires_grad_()
        assert loss(scores, target).numerator.dtype == torch.float64
        assert torch.autograd.gradcheck(lambda s, loss=loss, target=target: loss(s, target).numerator, scores)
