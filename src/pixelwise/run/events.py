"""The events of a training. The loop yields them, the run folder keeps them, consoles and reports read them.

Every engine (torch or NumPy) yields the same events. Only `seconds` differ between two runs of one recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

from pixelwise.run.length import Length

Numbers = Mapping[str, float | None]


@dataclass(frozen=True)
class Started:
    """Training begins, or resumes from a checkpoint (step > 0).

    phases: updates of each phase; empty if only the epochs are known
    """

    kind: ClassVar[str] = "started"
    step: int
    epoch: int
    epochs: int
    steps_per_epoch: int
    phases: tuple[int, ...] = ()

    @property
    def length(self) -> Length:
        """How long the whole training is."""
        return Length(self.phases or (self.epochs * self.steps_per_epoch,), self.steps_per_epoch)


@dataclass(frozen=True)
class PhaseBegan:
    """A phase of the recipe begins with this epoch (counted from 0)."""

    kind: ClassVar[str] = "phase"
    phase: int
    epoch: int
    trainable: int


@dataclass(frozen=True)
class StepDone:
    """One update. step counts from 1 over all epochs; losses hold the total under `loss` and each term by name."""

    kind: ClassVar[str] = "step"
    step: int
    epoch: int
    losses: Numbers
    learning_rate: float


@dataclass(frozen=True)
class EpochDone:
    """One pass over the training set (or as much of it as a phase has left), and the validation after it.

    epoch:              counts from 1
    pictures:           that were trained on
    train, validation:  mean losses by name (validation is empty if the model has no validation loss)
    scores:             validation scores by key, e.g. `mean_iou[void=ignore,classes=truth]`
    """

    kind: ClassVar[str] = "epoch"
    epoch: int
    step: int
    train: Numbers
    validation: Numbers
    scores: Numbers
    learning_rate: float
    pictures: int
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Saved:
    """A checkpoint was written."""

    kind: ClassVar[str] = "saved"
    which: Literal["last", "best"]
    epoch: int
    step: int
    metric: str = ""
    value: float | None = None


@dataclass(frozen=True)
class Noted:
    """One line a person should read: a choice that was made, something that was skipped."""

    kind: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True)
class Finished:
    """The training ended: all epochs done, stopped early, or interrupted (then it can be resumed)."""

    kind: ClassVar[str] = "finished"
    reason: Literal["complete", "early stopping", "interrupted"]
    epoch: int
    step: int
    best_epoch: int | None = None
    best_value: float | None = None


Event = Started | PhaseBegan | StepDone | EpochDone | Saved | Noted | Finished


def as_record(event: Event) -> dict[str, Any]:
    """The event as the JSON object that events.jsonl holds, one a line."""
    return {"event": event.kind, **asdict(event)}
