"""The schema of events.jsonl. See run_schema.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pixelwise.run.records.run_schema import Best
from pixelwise.run.records.values import (
    MOST_EPOCHS,
    Count,
    Name,
    Number,
    Numbers,
    Part,
    Seconds,
    Text,
    check_all,
    fault,
)


class StartedEvent(Part):
    step: Count
    epoch: Count
    epochs: Annotated[int, Field(ge=0, le=MOST_EPOCHS)]
    steps_per_epoch: Annotated[int, Field(ge=1, le=2**62)]
    phases: list[Count] = []

    @model_validator(mode="after")
    def _short_enough(self) -> StartedEvent:
        if sum(-(-steps // self.steps_per_epoch) for steps in self.phases) > MOST_EPOCHS:
            raise fault(f"whose phases have more than {MOST_EPOCHS:,} epochs")
        return self


class StepEvent(Part):
    step: Count
    epoch: Annotated[int, Field(ge=0, le=MOST_EPOCHS)]
    losses: Numbers
    learning_rate: Number | None = None


class EpochEvent(Part):
    epoch: Annotated[int, Field(ge=0, le=MOST_EPOCHS)]
    step: Count
    train: Numbers = {}
    validation: Numbers = {}
    scores: Numbers = {}
    learning_rate: Number | None = None
    pictures: Count = 0
    seconds: dict[Name, Seconds] = {}


class SavedEvent(Best):
    which: Literal["last", "best"]


class NoteEvent(Part):
    text: Text = ""


class FinishedEvent(Part):
    reason: Name
    epoch: Count | None = None
    step: Count | None = None


class OtherEvent(Part):
    event: Name


EVENTS: Mapping[str, type[Part]] = {
    "started": StartedEvent,
    "step": StepEvent,
    "epoch": EpochEvent,
    "saved": SavedEvent,
    "note": NoteEvent,
    "finished": FinishedEvent,
}


def check_event(record: dict[str, Any], where: str) -> dict[str, Any]:
    """The event itself. Raises RunError if it is not what the schema says."""
    check_events([record], lambda number: where)
    return record


def check_events(records: Sequence[dict[str, Any]], where: Callable[[int], str]) -> None:
    """Raise RunError where one of the events is not what its schema says; `where` tells of its place."""
    kinds: dict[str, list[int]] = {}
    for number, record in enumerate(records):
        kind = record.get("event")
        kinds.setdefault(kind if isinstance(kind, str) else "", []).append(number)
    for kind, numbers in kinds.items():
        schema = EVENTS.get(kind, OtherEvent)
        check_all([records[number] for number in numbers], schema, partial(_place_of, where, numbers))


def _place_of(where: Callable[[int], str], numbers: Sequence[int], place: int) -> str:
    return where(numbers[place])
