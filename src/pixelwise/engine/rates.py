"""The learning-rate range test: a few updates at rates that grow from one to the next (Smith 2017, section 3.3).

The loss falls where the rate is useful and grows where it is too large. It is smoothed by a moving average without bias,
sₜ = aₜ / (1 − βᵗ) with aₜ = β·aₜ₋₁ + (1 − β)·lossₜ and β = 0.9, and the test ends where s exceeds four times its minimum, or
the loss is not finite. Smith reads a range off the plot by eye. The suggestion is the middle of the longest valley, as fastai's
`lr_find` does by default (`valley`; Howard & Gugger 2020): of the longest sequence of smoothed losses that fall from one to the
next, not all of them neighbours, with L losses up to rate number e, it is the rate number e − L/2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pixelwise.engine.fit import Parts
from pixelwise.errors import RecipeError, TrainingError
from pixelwise.run.progress import quotients

BETA = 0.9
GROWN = 4.0  # times the lowest smoothed loss
RULE = "middle of the longest stretch in which the smoothed loss falls; fastai's valley"
LEAST = 10  # updates


@dataclass(frozen=True)
class Tried:
    """One update: its rate, its loss (the sum of the terms), and the loss smoothed."""

    rate: float
    loss: float
    smooth: float


@dataclass(frozen=True)
class RangeTest:
    """What the test found.

    ended:  why it ended: `all` rates were tried, the loss had `grown`, or it was not finite (`not finite`)
    """

    tried: tuple[Tried, ...]
    ended: str

    @property
    def lowest(self) -> Tried:
        return min(self.tried, key=lambda one: one.smooth)

    @property
    def steepest(self) -> Tried:
        """The update at which the smoothed loss falls fastest over the logarithm of the rate, without the first points."""
        place = self.tried.index(self.lowest)
        ahead = range(1, max(2, place))
        slopes = {n: self.tried[n + 1].smooth - self.tried[n - 1].smooth for n in ahead if n + 1 < len(self.tried)}
        return self.tried[min(slopes, key=lambda n: slopes[n], default=0)]

    @property
    def suggestion(self) -> float | None:
        """The learning rate to try; None if the loss was lowest in the first tenth: it has not fallen."""
        if len(self.tried) < LEAST or self.tried.index(self.lowest) < len(self.tried) // 10:
            return None
        end, length = longest_fall([one.smooth for one in self.tried])
        return self.tried[end - length // 2].rate

    @property
    def remark(self) -> str:
        """A remark on the suggestion, in one line; may be empty."""
        if self.suggestion is None:
            return "The loss has not fallen, so no rate is suggested. Begin with a smaller rate, or make more updates."
        if self.ended == "all" and self.tried.index(self.lowest) >= len(self.tried) - 2:
            return "The loss was still falling at the largest rate: a larger last rate may show where it grows."
        return ""

    def as_record(self) -> dict[str, Any]:
        return {
            "suggestion": self.suggestion,
            "rule": RULE,
            "lowest": vars(self.lowest),
            "steepest": vars(self.steepest),
            "ended": self.ended,
            "remark": self.remark,
            "tried": [vars(one) for one in self.tried],
        }


def try_rates(
    parts: Parts,
    phase: int,
    rates: Sequence[float],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RangeTest:
    """One update at each of the rates, in the phase of this number, without the schedule.

    The learner of `parts` cannot be used afterwards. Raises RecipeError if the phase does not exist or has nothing to learn.
    """
    learner, phases = parts.learner, parts.recipe.train.phases
    if not 0 <= phase < len(phases):
        there = (
            "the recipe has one phase, 0" if len(phases) == 1 else f"the recipe has the phases 0 to {len(phases) - 1}"
        )
        raise RecipeError(f"read {phase}; {there}.", where="--phase")
    if not learner.begin(phase):
        what = f"the model '{parts.recipe.model.name}' has no weights that an optimizer changes, so it needs no learning rate."
        raise RecipeError(what, where="model")
    tried: list[Tried] = []
    average, lowest, per_epoch = 0.0, math.inf, parts.length.per_epoch
    with learner.computing():
        while len(tried) < len(rates):
            epoch = len(tried) // per_epoch
            for batch in learner.batches(epoch, skip=0, steps=min(per_epoch, len(rates) - len(tried))):
                rate = rates[len(tried)]
                try:
                    sums = learner.step(batch, rate, len(tried))
                except TrainingError:
                    if len(tried) < 2:
                        raise
                    return RangeTest(tuple(tried), "not finite")
                if (loss := quotients(sums)["loss"]) is None:  # nothing labelled: the weights have not changed
                    loss = tried[-1].loss if tried else 0.0
                average = BETA * average + (1 - BETA) * loss
                tried.append(Tried(rate, loss, average / (1 - BETA ** (len(tried) + 1))))
                progress(len(tried), len(rates))
                lowest = min(lowest, tried[-1].smooth)
                if len(tried) > LEAST and tried[-1].smooth > GROWN * lowest:
                    return RangeTest(tuple(tried), "grown")
    return RangeTest(tuple(tried), "all")


def longest_fall(values: Sequence[float]) -> tuple[int, int]:
    """(place of its last value, length) of the longest sequence whose values fall from one to the next; the first of equals.

    >>> longest_fall([3.0, 9.0, 2.0, 2.5, 1.0, 4.0])
    (4, 3)
    """
    lengths: list[int] = []
    for value in values:
        lengths.append(1 + max((n for before, n in zip(values, lengths, strict=False) if value < before), default=0))
    longest = max(lengths)
    return lengths.index(longest), longest


def spread_rates(first: float, last: float, count: int) -> list[float]:
    """`count` rates from the first to the last, each larger than the one before by the same factor."""
    return [first * (last / first) ** (number / (count - 1)) for number in range(count)]
