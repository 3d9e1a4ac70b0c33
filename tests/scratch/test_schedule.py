"""Learning rates over time."""

from __future__ import annotations

import math

from pixelwise.scratch.schedule import cosine_decay, step_decay


def test_step_decay_is_the_courses():
    assert [step_decay(1e-4, epoch) for epoch in range(3)] == [1e-4, 1e-4 * 0.95, 1e-4 * 0.95**2]
    assert [step_decay(1.0, epoch, factor=0.5, every=2) for epoch in range(5)] == [1, 1, 0.5, 0.5, 0.25]


def test_cosine_decay_climbs_and_falls():
    rates = [cosine_decay(2.0, step, 11, lowest=0.2, warm_up=2) for step in range(12)]
    assert math.isclose(rates[0], 2 / 3)
    assert math.isclose(rates[1], 4 / 3)
    assert rates[2] == max(rates) == 2.0
    assert math.isclose(rates[6], (2.0 + 0.2) / 2)
    assert math.isclose(rates[10], 0.2)
    assert rates[11] == rates[10]
    assert rates[2:11] == sorted(rates[2:11], reverse=True)
    assert cosine_decay(1.0, 0, 1) == 1.0
