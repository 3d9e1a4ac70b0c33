"""Learning rates over time, as functions of time alone."""

from __future__ import annotations

import math


def step_decay(rate: float, epoch: int, *, factor: float = 0.95, every: int = 1) -> float:
    """rate · factorᵏ, where k = epoch // every counts the steps taken so far.

    >>> step_decay(0.1, 5, factor=0.5, every=2)
    0.025
    """
    return rate * factor ** (epoch // every)


def cosine_decay(rate: float, step: int, steps: int, *, lowest: float = 0.0, warm_up: int = 0) -> float:
    """A straight climb over `warm_up` steps to `rate`, then half a cosine down to `lowest` at the last of `steps`.

    Loshchilov and Hutter, "SGDR" (ICLR 2017), equation 5, without restarts.

    >>> [round(cosine_decay(1.0, step, 5), 3) for step in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """
    if step < warm_up:
        return rate * (step + 1) / (warm_up + 1)
    progress = min(1.0, (step - warm_up) / max(1, steps - 1 - warm_up))
    return lowest + (rate - lowest) * (1 + math.cos(math.pi * progress)) / 2
