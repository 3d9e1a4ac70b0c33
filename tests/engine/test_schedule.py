"""Learning-rate schedules against torch's own where the formula is the same, and against their definitions elsewhere."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pixelwise.engine.schedule import constant, cosine, poly, step

Factor = Callable[[float], float]
EPOCHS = 12


def torch_rates(make: Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]) -> list[float]:
    """The rates of torch's scheduler at epochs 0..EPOCHS for a base rate of 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(EPOCHS + 1):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (cosine(EPOCHS), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, EPOCHS)),
        (cosine(EPOCHS, final=0.1), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, EPOCHS, eta_min=0.1)),
        (poly(EPOCHS), lambda o: torch.optim.lr_scheduler.PolynomialLR(o, EPOCHS, power=0.9)),
        (poly(EPOCHS, power=2.0), lambda o: torch.optim.lr_scheduler.PolynomialLR(o, EPOCHS, power=2.0)),
        (step(EPOCHS, at=[3.0, 7.0]), lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [3, 7])),
        (step(EPOCHS, at=[5.0], factor=0.5), lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [5], gamma=0.5)),
        (constant(EPOCHS), lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0)),
    ],
)
def test_whole_epochs_are_those_of_torch(ours: Factor, theirs: Callable[..., object]) -> None:
    assert [ours(epoch) for epoch in range(EPOCHS + 1)] == pytest.approx(torch_rates(theirs), abs=1e-7)


@given(st.floats(0, EPOCHS))
def test_between_the_epochs_the_formula_goes_on(epoch: float) -> None:
    assert poly(EPOCHS, power=0.5)(epoch) == pytest.approx(math.sqrt(1 - epoch / EPOCHS))
    assert cosine(EPOCHS)(epoch) == pytest.approx(0.5 + 0.5 * math.cos(math.pi * epoch / EPOCHS), abs=1e-12)
    assert step(EPOCHS, at=[2.5])(epoch) == pytest.approx(1.0 if epoch < 2.5 else 0.1)


@pytest.mark.parametrize("make", [constant, cosine, poly])
def test_warm_up_rises_in_a_line_to_the_top(make: Callable[..., Factor]) -> None:
    factor = make(EPOCHS, warmup=2.0)
    assert factor(0.0) == 0
    assert factor(1.0) == pytest.approx(0.5)
    assert factor(2.0) == pytest.approx(1)
    assert factor(2.0 + (EPOCHS - 2) / 2) == pytest.approx(make(EPOCHS - 2)((EPOCHS - 2) / 2))  # the rest is squeezed


def test_ends() -> None:
    assert cosine(EPOCHS, final=0.25)(EPOCHS) == pytest.approx(0.25)
    assert poly(EPOCHS)(EPOCHS) == 0
    assert poly(EPOCHS)(EPOCHS + 1) == 0  # never a power of a negative number
    assert cosine(2, warmup=2.0)(1.0) == pytest.approx(0.5)  # nothing but warm-up


@given(st.floats(0, EPOCHS), st.floats(0, EPOCHS))
def test_a_factor_lies_between_0_and_1(epoch: float, warmup: float) -> None:
    for factor in (constant(EPOCHS, warmup=warmup), cosine(EPOCHS, warmup=warmup), poly(EPOCHS, warmup=warmup)):
        assert 0 <= factor(epoch) <= 1 + 1e-12
