"""The schema of the JSON files of a run: types, limits, and values that must agree. Events are in event_schema.py,
records of metrics in metric_schema.py.

A missing key is allowed here, because older versions wrote fewer. The code that needs it reports it. A key that is there
has the type and the limits below. Keys that are not named here are left alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pixelwise.run.records.metric_schema import MetricRecord, ScoreRecord
from pixelwise.run.records.values import (
    Byte,
    Count,
    FileName,
    Name,
    Number,
    Numbers,
    Part,
    Seconds,
    Side,
    Text,
    fault,
)

MOST_PIXELS = 100_000_000  # of a picture that a network is trained on


# -- recipe.yaml, and the recipe in setup.json: what pages and comparisons read of it. What trains it is checked by recipe/.


class Stated(Part):
    what: Text = ""
    value: Number | Text | None = None
    source: Text = ""
    convention: Text = ""
    metric: Name = ""
    split: Name = ""


class RecipePhase(Part):
    epochs: Count | None = None
    steps: Count | None = None
    loss: Name | dict[Name, Any] | None = None


class RecipeTrain(Part):
    seed: Count = 0
    batch: Annotated[int, Field(ge=1, le=2**31)] = 1
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    phases: list[RecipePhase] = []
    optimizer: Name | dict[Name, Any] | None = None


class RecipeData(Part):
    train: Name = ""
    validation: Name = ""
    test: Name = ""


class RecipeItem(Part):
    name: Name


class RecipeText(Part):
    title: Text = ""
    about: Text = ""
    engine: Name = ""
    stated: list[Stated] = []
    data: RecipeData = RecipeData()
    model: Name | dict[Name, Any] | None = None
    loss: Name | dict[Name, Any] | None = None
    metrics: list[Name | RecipeItem] = []
    train: RecipeTrain = RecipeTrain()


# -- setup.json


class Skipped(Part):
    where: Text = ""
    what: Text = ""


class SplitData(Part):
    pictures: Count | None = None
    key: Name | None = None
    skipped: list[Skipped] = []


class SeenAt(Part):
    size: Annotated[list[Side], Field(min_length=2, max_length=2)] | None = None
    aspect: Name = ""


class Seen(Part):
    training: SeenAt
    validation: SeenAt


class Data(Part):
    name: Name = ""
    source: Text = ""
    classes: Annotated[list[Name], Field(max_length=65_535)] = []
    colours: list[Annotated[list[Byte], Field(min_length=3, max_length=3)]] = []
    void: Annotated[int, Field(ge=0, le=65_535)] | None = None
    knows: list[Name] = []
    frequencies: list[Number] | None = None
    channels: Annotated[int, Field(ge=2, le=65_535)] = 3
    padded: bool = False
    size: Annotated[list[Side], Field(min_length=2, max_length=2)] = [1, 1]
    seen: Seen | None = None
    splits: dict[Name, SplitData] = {}

    @model_validator(mode="after")
    def _agree(self) -> Data:
        if {"classes", "colours"} <= self.model_fields_set and len(self.colours) != len(self.classes):
            raise fault(f"which has {len(self.classes)} classes and {len(self.colours)} colours")
        if self.size[0] * self.size[1] > MOST_PIXELS:
            raise fault(f"which has pictures of more than {MOST_PIXELS:,} pixels")
        return self


class Choices(Part):
    engine: Name = ""
    device: Annotated[str, Field(pattern=r"^(cpu|cuda(:[0-9]{1,3})?)$")] = "cpu"
    precision: Literal["fp32", "bf16"] = "fp32"
    layout: Literal["contiguous", "channels_last"] = "contiguous"
    allocator: bool = False
    threads: Annotated[int, Field(ge=1, le=4096)] = 1
    deterministic: bool = False
    notes: list[Text] = []


Dimensions = list[Count] | Count | Name | None


class Layer(BaseModel):
    """A row of the table of layers: numbers, sizes and words."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[str, Dimensions]


class Model(Part):
    name: Name | None = None
    options: dict[Name, Any] = {}
    input: list[Count] = []
    parameters: Count | None = None
    macs: Count | None = None
    layers: list[Layer] = []


Positive = Annotated[float, Field(gt=0, le=1e100)]


class Reads(Part):
    """How pictures are normalised (tasks/base.py: `normalising`); one of the two may be the recipe's."""

    mean: Annotated[list[Number], Field(min_length=3, max_length=3)] = []
    std: Annotated[list[Positive], Field(min_length=3, max_length=3)] = []

    @model_validator(mode="after")
    def _check_any(self) -> Reads:
        if not self.model_fields_set:
            raise fault("which has neither `mean` nor `std`")
        return self


class Findings(Part):
    """What was found before the first step; what a task found is checked by the task."""

    input: Reads | None = None


class Origin(Part):
    """The run whose weights a training started from (engine/origin.py)."""

    run: Text
    key: Name
    checkpoint: Name
    epoch: Count
    step: Count
    sha256: Name
    taken: Count
    new: list[Name] = []
    left: list[Name] = []
    note: Text = ""


class Pretrained(Part):
    """The pretrained weights that a training started from (engine/fitted.py)."""

    weights: Name
    network: Name = ""
    source: Name = ""
    licence: Name = ""
    sha256: Name
    taken: Count
    new: list[Name] = []
    left: list[Name] = []
    mean: Annotated[list[Number], Field(max_length=100)] | None = None
    std: Annotated[list[Positive], Field(max_length=100)] | None = None
    note: Text = ""


class Change(Part):
    """What was changed after the run had begun (engine/changes.py), and the recipe before it."""

    what: Literal["extended", "moved"]
    epoch: Count
    step: Count
    exact: bool
    note: Text = ""
    recipe: RecipeText


class Setup(Part):
    task: Name = ""
    recipe: RecipeText = RecipeText()
    choices: Choices = Choices()
    notes: list[Text] = []
    data: Data = Data()
    findings: Findings = Findings()
    kind: Name = ""
    counts: list[Count] | dict[Name, Any] | None = None
    unit: Name = ""
    weights: list[Number] | dict[Name, list[Number]] | None = None
    weighting: Name = ""
    model: Model = Model()
    origin: Origin | None = None
    pretrained: Pretrained | None = None
    changes: list[Change] = []

    @model_validator(mode="after")
    def _agree(self) -> Setup:
        for name in ("counts", "weights"):
            values, classes = getattr(self, name), len(self.data.classes)
            if values and classes and isinstance(values, list) and len(values) != classes:
                raise fault(f"which has {classes} classes and {len(values)} {name}")
        return self


# -- environment.json


class Environment(Part):
    python: Name | None = None
    packages: dict[Name, Name | None] = {}
    system: Name | None = None
    processor: Name | None = None
    cores: Count | None = None
    memory_gib: Number | None = None
    gpu: Name | None = None
    blas: Name | None = None
    commit: Name | None = None
    command: list[Text] = []


# -- summary.json and evaluations/


class Scored(Part):
    split: Name = ""
    checkpoint: Name | None = None
    resolution: Name | None = None
    views: dict[Name, bool | Count | Name | list[Number]] | None = None
    pictures: Count | None = None
    chose_epoch: bool = False
    epoch: Count | None = None
    step: Count | None = None
    metrics: list[MetricRecord] = []
    upper_bound: list[ScoreRecord] = []
    losses: Numbers | None = None
    skipped: list[Skipped] = []
    key: Name | None = None
    environment: Environment = Environment()


class Best(Part):
    epoch: Count | None = None
    step: Count | None = None
    metric: Name = ""
    value: Number | None = None


class LossesAt(Part):
    epoch: Count | None = None
    train: Numbers | None = None
    validation: Numbers | None = None


class Summary(Part):
    finished: Name = ""
    epochs: Count | None = None
    steps: Count | None = None
    seconds: dict[Name, Seconds] = {}
    best: Best | None = None
    losses: dict[Literal["best", "last"], LossesAt | None] = {}
    splits: dict[Name, Scored] = {}


# -- tuned.json


class Tuned(Part):
    """Options of decoding that `pixelwise tune` chose (engine/tuning.py); the task checks their values."""

    split: Name = ""
    pictures: Count | None = None
    metric: Name = ""
    value: Number | None = None
    before: Number | None = None
    options: dict[Name, Number | Name] = {}


# -- baselines.json


class Baseline(Part):
    run: FileName
    model: Name = ""
    splits: dict[Name, Numbers] = {}


class Baselines(Part):
    baselines: Annotated[list[Baseline], Field(max_length=100)] = []


# -- predictions/index.json


class Picture(Part):
    name: Name = ""
    rank: Name | None = None
    score: Number | None = None
    files: dict[Name, FileName] = {}
    photos: list[Name] = []
    captions: dict[Name, Name] = {}
    words: dict[Name, Text] = {}


class Gallery(Part):
    split: Name = ""
    pictures: Annotated[list[Picture], Field(max_length=1000)] = []
    shared: Annotated[list[Picture], Field(max_length=1000)] = []
