"""How far a training is, and the sums its losses are made of: the same for every engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pixelwise.errors import RunError
from pixelwise.run.length import Length

Sums = Mapping[str, tuple[float, float]]  # numerator and denominator of each term of the loss, over a whole batch


@dataclass
class Progress:
    """How far a training is. Floats survive JSON bit for bit.

    step:         updates done, over all epochs
    epoch:        epochs finished
    batch:        batches done of the epoch under way
    sums:         running [numerator, denominator] of each training loss of the epoch under way
    best_value, best_epoch, best_step: of the score that chooses the best checkpoint
    stale:        validations without a better score, for early stopping
    stop_value:   best value so far of the score that early stopping watches
    seconds, epoch_seconds: time spent in training and validation so far, and in the epoch under way
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    sums: dict[str, list[float]] = field(default_factory=dict)
    best_value: float | None = None
    best_epoch: int | None = None
    best_step: int | None = None
    stale: int = 0
    stop_value: float | None = None
    seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "validation": 0.0})
    epoch_seconds: dict[str, float] = field(default_factory=lambda: {"train": 0.0, "validation": 0.0})

    def spend(self, what: Literal["train", "validation"], seconds: float) -> None:
        """Add to the time spent."""
        self.seconds[what] += seconds
        self.epoch_seconds[what] += seconds

    def as_record(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any], where: str) -> tuple[Progress, int]:
        """The progress in a checkpoint's state, and the bytes that its events had. Raises RunError if it is damaged."""
        from pixelwise.run.records.array_schema import TrainingState
        from pixelwise.run.records.values import check_record

        check_record(state, TrainingState, where=where)
        return cls(**state["progress"]), state["events_length"]

    def check(self, length: Length, where: str) -> None:
        """Raise RunError if a training of that length has no such place."""
        epochs, here = self.epoch, self.epoch < length.epochs
        fits = epochs <= length.epochs and self.batch <= (length.steps_of(epochs) if here else 0)
        if not fits or self.step != length.steps_before(epochs) + self.batch:
            what = f"step {self.step} is not {self.batch} batches after epoch {epochs} in a training of {length.epochs} epochs."
            raise RunError(what, where=where, hint="The checkpoint may be from another run.")


def quotients(sums: Sums) -> dict[str, float | None]:
    """The losses by name, and their sum as `loss`; None if nothing counted."""
    losses = {name: top / below if below else None for name, (top, below) in sums.items()}
    known = [value for value in losses.values() if value is not None]
    return {"loss": sum(known) if known else None, **(losses if len(losses) > 1 else {})}


def improves(value: float | None, before: float | None, higher_is_better: bool, least_gain: float = 0.0) -> bool:
    """Whether a score is defined, and better than an earlier one by more than `least_gain`."""
    if value is None:
        return False
    if before is None:
        return True
    return (value - before if higher_is_better else before - value) > least_gain
