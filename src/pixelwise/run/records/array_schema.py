"""The schema of records about arrays: of a checkpoint and its files, and of an entry of the cache. See run_schema.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pixelwise.run.records.values import MOST_EPOCHS, Count, Name, Part, Seconds, Side, Text

# -- state.json of a checkpoint


class CheckpointFile(Part):
    file: Annotated[str, Field(pattern=r"^\w{1,100}-\d{8,20}(-[0-9a-f]{8})?\.safetensors$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Checkpoint(Part):
    step: Count
    files: dict[Name, CheckpointFile]
    state: dict[Name, Any]


class Spent(BaseModel):
    """Seconds of a training. Closed, and whole: more are added to each."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    train: Seconds
    validation: Seconds


class ProgressRecord(BaseModel):
    """How far a training is (run/progress.py). Closed: what is here decides the next step."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    step: Count
    epoch: Annotated[int, Field(ge=0, le=MOST_EPOCHS)]
    batch: Count
    sums: dict[Name, Annotated[list[float], Field(min_length=2, max_length=2)]]
    best_value: float | None
    best_epoch: Count | None
    best_step: Count | None
    stale: Count
    stop_value: float | None
    seconds: Spent
    epoch_seconds: Spent


class ArrayEntry(Part):
    dtype: Literal["F16", "F32", "F64", "I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64", "BOOL"]
    shape: Annotated[list[Count], Field(max_length=16)]
    data_offsets: Annotated[list[Count], Field(min_length=2, max_length=2)]


ArrayIndex = dict[Name, ArrayEntry]


class TrainingState(Part):
    progress: ProgressRecord
    events_length: Count


# -- about.json of an entry of the cache


class CacheEntry(Part):
    split: Name
    size: Annotated[list[Side], Field(min_length=2, max_length=2)]
    key: Name
    arrays: dict[Literal["images", "sizes", "masks", "labels", "objects", "runs", "object_ends"], Name]
    names: list[Text]
    skipped: list[Annotated[list[Text], Field(min_length=3, max_length=3)]]
    checksums: dict[Name, list[Count]] = {}
