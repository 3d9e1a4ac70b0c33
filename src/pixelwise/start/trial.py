"""The time and memory of a plan, measured by a few updates on this machine; and a plan for a given time."""

from __future__ import annotations

import ctypes
import gc
import math
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pixelwise.engine.fit import Parts
from pixelwise.engine.train import prepare, updates_per_epoch
from pixelwise.errors import RecipeError
from pixelwise.start.plan import Plan

UPDATES = 3  # of each phase; the first is not counted
VALIDATION = 0.4  # seconds of a picture in validation, as a share of those in an update in which everything learns
FIXED = 20.0  # seconds for the start, the scores of the best weights and the report
BUDGET = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|m|min|h)?$")


@dataclass(frozen=True)
class Estimate:
    """The cost of a training of the plan.

    seconds:  of the whole training
    epochs:   seconds of one epoch of each phase
    memory:   bytes of the process at the largest so far; None if the system does not say
    """

    seconds: float
    epochs: tuple[float, ...]
    memory: int | None


def parse_budget(text: str) -> float:
    """Seconds of `90s`, `8m`, `1h`; a bare number is minutes. Raises RecipeError for anything else."""
    match = BUDGET.match(text.strip().lower())
    if match is None or float(match[1]) <= 0:
        raise RecipeError(f"read '{text}'; write a time such as 90s, 8m or 1h.", where="--budget")
    return float(match[1]) * {"s": 1, "m": 60, "min": 60, "h": 3600}[match[2] or "m"]


def try_plan(plan: Plan, *, data: Path | None, caching: Callable[[str, int, int], None] | None = None) -> Estimate:
    """Measure a few updates of each phase. The pictures are decoded into the cache, where the training finds them."""
    _forget_peak()
    parts = prepare(plan.recipe(), data=data, caching=caching)
    each = [_seconds_of_update(parts, number) for number in range(len(parts.recipe.train.phases))]
    updates = updates_per_epoch(parts.recipe, parts.material)
    shown = len(parts.material.validation) / parts.recipe.train.batch
    epochs = tuple(updates * one + VALIDATION * shown * max(each) for one in each)
    return Estimate(total_seconds(plan, epochs), epochs, peak_memory())


def total_seconds(plan: Plan, epochs: tuple[float, ...]) -> float:
    """Seconds of a plan, from the seconds of one epoch of each phase."""
    phases = plan.tree["train"]["phases"]
    return FIXED + math.fsum(phase["epochs"] * seconds for phase, seconds in zip(phases, epochs, strict=True))


def within(plan: Plan, estimate: Estimate, seconds: float, fewest: int = 2) -> tuple[Plan, Estimate]:
    """The plan with as many epochs as fit the time, `fewest` at least, and its estimate."""
    total = plan.total
    while total > fewest and total_seconds(plan.as_long_as(total), estimate.epochs) > seconds:
        total -= 1
    shorter = plan.as_long_as(total)
    return shorter, Estimate(total_seconds(shorter, estimate.epochs), estimate.epochs, estimate.memory)


def _seconds_of_update(parts: Parts, phase: int) -> float:
    learner = parts.learner
    learner.begin(phase)
    rate, taken = 1e-6, []  # so small that nothing is learnt: the learner cannot be used again afterwards
    with learner.computing():
        for epoch in range(UPDATES):
            began = time.perf_counter()
            for batch in learner.batches(epoch, skip=0, steps=1):
                learner.step(batch, rate, epoch)
            taken.append(time.perf_counter() - began)
    return min(taken[1:])


def _forget_peak() -> None:
    """Give back what is free and count the most memory again, where the system can: an earlier trial may have been larger."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory() -> int | None:
    """The most bytes that this process has had in memory; None if the system does not say."""
    with suppress(OSError):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
        if found:
            return found[0]
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
