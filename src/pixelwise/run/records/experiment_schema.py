"""The schema of sweep.json, search.json and trials.json. See run_schema.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pixelwise.run.records.values import MOST_EPOCHS, Count, FileName, Name, Number, Part, Seconds, Text, fault


class Factor(Part):
    path: Name
    values: Annotated[list[Text], Field(min_length=1)]


class PlannedRun(Part):
    name: FileName
    values: dict[Name, Text]
    state: Literal["waiting", "done", "failed", "stopped", "pruned"]
    exit: int | None = None
    seconds: Seconds | None = None
    message: Text = ""


class Sweep(Part):
    format: Literal[1]
    recipe: Text
    data: Text | None = None
    factors: list[Factor] = []
    runs: list[PlannedRun]

    @model_validator(mode="after")
    def _once(self) -> Sweep:
        if len({run.name for run in self.runs}) < len(self.runs):
            raise fault("which names a run twice")
        if any(factor.path not in run.values for factor in self.factors for run in self.runs):
            raise fault("in which a run lacks the value of a factor")
        return self


class SearchRecord(Part):
    format: Literal[1]
    worker: Name
    recipe: Text
    texts: list[Text]
    metric: Name
    trials: Annotated[int, Field(ge=1, le=MOST_EPOCHS)]
    seed: Count
    pruner: Literal["median", "none"]
    storage: Text
    study: Name
    data: Text | None
    path: Text | None = None


class Aim(Part):
    key: Name
    higher_is_better: bool
    split: Name = ""


class SearchRange(Part):
    path: Name
    short: Name
    written: Text
    log: bool = False
    choices: list[Any] = []


class TrialRecord(Part):
    name: FileName
    number: Count
    state: Literal["running", "done", "failed", "pruned", "stopped", "waiting"]
    values: dict[Name, Text]
    score: Number | None = None
    message: Text = ""
    worker: Name = ""
    reports: Count = 0
    seconds: Seconds | None = None


class Trials(Part):
    recipe: Text
    fixed: list[Text]
    ranges: list[SearchRange]
    aim: Aim
    best: Name | None
    trials: list[TrialRecord]
