"""What a task is: the bridge between samples and batches on one side, outputs and predictions on the other.

    Sample ── encode ──► arrays ── collate ──► Batch ── forward ──► outputs ──┬── losses ──► terms
                                                                              └── decode ──► Prediction

`forward` and `losses` are apart so that validation gets its losses and its predictions from one pass through the model.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pixelwise.data.cache import CachedSplit
from pixelwise.losses.base import Loss, Term
from pixelwise.types import DatasetInfo, Prediction, Sample

Arrays = Mapping[str, NDArray[Any]]


# -- the parts of a task without torch: the tasks of both engines are rebuilt on them --------------------------------

Reduced = Mapping[str, Mapping[str, NDArray[Any]]]  # head → reduction → array, of one picture or of a band of its rows


@dataclass(frozen=True, eq=False)
class Input:
    """What a model reads. The engine makes it from pictures (H, W, 3) uint8, with an arithmetic of its own.

    channels:    3: red, green and blue, normalised; 1: grey, (R + G + B) / 3 in 0..1, not normalised
    mean, std:   of the pictures in 0..1, a number for each channel; None: nothing is subtracted, or divided by
    mean_image:  (H, W, 3) float32 on the scale 0..255, subtracted instead of `mean`
    """

    channels: int = 3
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    mean_image: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Reduction:
    """How an engine makes an array that can be decoded out of a head's scores, on its own device.

    name:     an entry of the engine's table (engine/torch/reductions.py, engine/numpy/reductions.py), or `module:function`;
              the array arrives in `decode` under this name
    options:  keyword arguments of the function
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Head:
    """What a model gives under one name.

    form:        `categories`: a score for each of `channels` classes; `values`: `channels` numbers; `objects`: a list of
                 objects for each picture
    reductions:  what `decode` needs of it; metrics may ask for more (`Metric.needs`)
    """

    form: Literal["categories", "values", "objects"]
    channels: int
    reductions: tuple[Reduction, ...] = ()


@dataclass(frozen=True, eq=False)
class Lookup:
    """A target that is read from a sample through a table. An engine may do it for a whole batch on its device.

    of:     what is looked up: `mask` (H, W), `label` (one number), or `image` (H, W, 3), whose table has an entry for
            every colour, at r·65536 + g·256 + b
    table:  1-d, index → target; None: the values themselves are the targets
    """

    of: Literal["mask", "image", "label"]
    table: NDArray[Any] | None = None

    def target(self, sample: Sample) -> NDArray[Any] | None:
        """The target of one sample; None where the sample does not have what is looked up."""
        value = getattr(sample, self.of)
        if value is None:
            return None
        if self.of == "image":
            value = value[..., 0].astype(np.int32) << 16 | value[..., 1].astype(np.int32) << 8 | value[..., 2]
        found = np.asarray(value, np.int64) if self.of == "label" else value
        return found if self.table is None else self.table[found]


@dataclass(frozen=True)
class Batch:
    """Samples on their way through a model.

    fields:   what `encode` gave, by name, stacked along a new first axis (a ragged task keeps lists)
    names:    the samples' names, for messages
    idle:     a stand-in that keeps one of several processes in step; it counts nothing
    """

    fields: Mapping[str, Any]
    names: tuple[str, ...]
    idle: bool = False

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device) -> Batch:
        """The same batch with its tensors on a device."""
        return replace(self, fields={name: _to(value, device) for name, value in self.fields.items()})

    def pin_memory(self) -> Batch:
        """Called by the DataLoader where copies to a GPU are to overlap with its work."""
        return replace(self, fields={n: v.pin_memory() if isinstance(v, Tensor) else v for n, v in self.fields.items()})


def _to(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, list):
        return [_to(element, device) for element in value]
    return value


class Task(ABC):
    """One kind of vision task. Builders on the shelf have the form `def segment(info, loss, *, ...) -> Task`.

    info:         the classes that it tells apart, with their colours: the data set's, or what the task found in it
    loss:         None where nothing is trained
    unit:         what the classes are counted in, `pixel` or `picture`
    in_channels:  channels that the model reads
    heads:        what the model must give, name → channels; a dense model gives their sum. Empty where the model owns
                  its losses.

    What a task has to find out from the training pictures (a palette, say) is found once, before the first step
    (`study`), kept in the run, and given back whenever the run is opened (`informed`): the data set need not be there.
    """

    info: DatasetInfo
    loss: Loss | None = None
    unit: str = "pixel"
    in_channels: int = 3
    heads: Mapping[str, int]
    studied: str | None = None  # the split that `study` looks at, where it is not the training split

    def study(self, split: CachedSplit) -> dict[str, Any]:
        """What it has to know of the training pictures, as JSON values; most tasks need nothing."""
        return {}

    def informed(self, findings: Mapping[str, Any]) -> Task:
        """The task that knows what `study` found. Raises RunError where that is not what it needs."""
        return self

    @abstractmethod
    def counts(self, split: CachedSplit) -> NDArray[np.int64]:
        """(C,) how often each class of `info` occurs in a split: what losses are weighted by.

        Raises DataError where the split does not know.
        """

    def with_loss(self, loss: Loss | None) -> Task:
        """The same task with another loss."""
        task = copy.copy(self)
        task.loss = loss
        return task

    @abstractmethod
    def encode(self, sample: Sample) -> Arrays:
        """The arrays of one (augmented) sample, as small as can be: they travel between processes."""

    @abstractmethod
    def forward(self, model: nn.Module, batch: Batch) -> Any:
        """The model's outputs for a batch on the model's device."""

    @abstractmethod
    def losses(self, outputs: Any, batch: Batch) -> dict[str, Term]:
        """The terms of the loss by name; their quotients are added. Empty where the task has none to give."""

    @abstractmethod
    def decode(self, outputs: Any) -> list[Prediction]:
        """One prediction for each sample of the batch."""

    def collate(self, encoded: Sequence[Arrays], names: Sequence[str]) -> Batch:
        """Encoded samples of one size as a batch."""
        fields = {name: torch.from_numpy(np.stack([arrays[name] for arrays in encoded])) for name in encoded[0]}
        return Batch(fields, tuple(names))

    @property
    def out_channels(self) -> int:
        """Channels of a dense model: the sum of the heads'."""
        return sum(self.heads.values())


@runtime_checkable
class EncodesPictures(Protocol):
    """A task that can also encode a whole batch of pictures at once, to the fields that `encode` and `collate` would give.

    Such a task reads nothing of a sample but its picture and its label.
    """

    def encode_pictures(self, pictures: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        """pictures: (B, H, W, 3) uint8; labels: (B,) int64 on the same device, where the data set has them."""
