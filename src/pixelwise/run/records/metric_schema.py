"""The schema of a metric's record in summary.json and evaluations/. The rules are those of run_schema.py."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pixelwise.run.records.values import Count, Name, Number, Numbers, Part, Text, fault

Share = Annotated[float, Field(ge=0, le=1)]


class Row(BaseModel):
    """The scores of one class by name, beside the class."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[str, Number | bool | None]
    label: Name = Field("", alias="class")
    name: Name = ""
    support: Count | None = None


class OverPictures(Part):
    low: Number | None = None
    high: Number | None = None
    n: Count = 0
    method: Name = ""
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    lack: Text = ""


class ScoreRecord(Part):
    name: Name
    key: Name = ""
    value: Number | None = None
    convention: Name | dict[Name, Name] | None = None
    support: Count | None = None
    higher_is_better: bool = True
    interval: OverPictures | None = None


class Guess(Part):
    name: Name = Field(alias="class")
    scores: Numbers


class Interval(Part):
    low: Number = Field(alias="from")
    high: Number = Field(alias="to")
    n: Count
    confidence: Number | None = None
    accuracy: Number | None = None


class Curve(Part):
    """Precision at growing recall, of one class."""

    label: Name = Field(alias="class")
    ap: Share
    share: Share
    recall: Annotated[list[Share], Field(min_length=1)]
    precision: list[Share]

    @model_validator(mode="after")
    def _agree(self) -> Curve:
        if len(self.recall) != len(self.precision):
            raise fault(f"which has {len(self.recall)} recalls and {len(self.precision)} precisions")
        return self


class Figures(Part):
    classes: list[Name] = []
    absent: list[Name] = []
    curves: list[Curve] = []
    matrix: list[list[Count]] = []
    void_row: list[Count] | None = None
    reliability: list[Interval] = []

    @model_validator(mode="after")
    def _square(self) -> Figures:
        rows = [*self.matrix, *([self.void_row] if self.matrix and self.void_row else [])]
        if self.matrix and (len(self.matrix) != len(self.classes) or {len(row) for row in rows} != {len(self.classes)}):
            raise fault(f"whose matrix does not have one row and one column for each of {len(self.classes)} classes")
        return self


class MetricRecord(Part):
    name: Name = ""
    ranks_by: Text = ""
    scores: list[ScoreRecord] = []
    constant_guess: Guess | None = None
    per_class: list[Row] = []
    figures: Figures | None = None
