"""The schema of recipes. Every field has its meaning beside it. Other keys are refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from pixelwise.errors import Problem, RecipeError, did_you_mean

# Strict: true is not a number, '8' is not a number, 1 is not a truth value. A recipe means what it says.
Natural = Annotated[int, Field(ge=1, strict=True)]
Count = Annotated[int, Field(ge=0, strict=True)]  # from 0
Positive = Annotated[float, Field(gt=0, strict=True)]
Truth = Annotated[bool, Field(strict=True)]
Engine = Literal["torch", "scratch"]
Initialisation = Literal["own", "xavier", "he_fan_in", "he_fan_out", "torch"]
WEIGHTS = (
    "none",
    "imagenet",
    "coco",
)  # the words of model.weights; which of them a model knows is declared by its builder
Size = Annotated[tuple[Natural, Natural], Field(description="height, width")]


class Part(BaseModel):
    """A part of a recipe: frozen, and closed to keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Item(BaseModel):
    """Something from a shelf: its name, and its options beside it. `unet` is short for `{name: unet}`."""

    model_config = ConfigDict(frozen=True, extra="allow")
    name: str

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


def _what_is_said(part: BaseModel, told: dict[str, Any], *later: str) -> dict[str, Any]:
    """A part as it is written down: keys that came after the first runs only where they are not their defaults.

    So a recipe without them has the record, and the identity, that it had before there were such keys.
    """
    fields = type(part).model_fields
    return {key: told[key] for key in told if key not in later or getattr(part, key) != fields[key].default}


def _weights(value: str) -> str:
    if value not in WEIGHTS and not value.startswith("run:") and not value.endswith(".safetensors"):
        what = "but it must be none, imagenet, coco, the path of a .safetensors file, or run:PATH of another run"
        raise PydanticCustomError("no_weights", what)
    return value


class Model(Item):
    """A model, its options, and its first weights.

    weights: published ones by a word, a file, the best ones of another run, or random ones (engine/pretrained.py)
    init:    the rule by which random weights are drawn (models/initialise.py); `own`: the model's own
    """

    weights: Annotated[str, AfterValidator(_weights)] = "none"
    init: Initialisation = "own"

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _what_is_said(self, handler(self), "weights", "init")


def _from_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _device(value: str) -> str:
    if re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", value) is None:
        raise PydanticCustomError(
            "no_device", "but it must be auto, cpu, cuda, or one GPU by its number such as cuda:0"
        )
    return value


ItemOrName = Annotated[Item, BeforeValidator(_from_name)]
ModelOrName = Annotated[Model, BeforeValidator(_from_name)]


def is_by_head(value: Any) -> bool:
    """Whether a loss as written is a map head → loss; one loss is a name, or a map with its name."""
    return isinstance(value, Mapping) and "name" not in value


def head_problems(where: str, losses: Mapping[str, Any], heads: Iterable[str], whose: str) -> list[Problem]:
    """A problem for each loss without a head, and for each head without a loss."""
    heads = list(heads)
    problems = []
    for head in losses:
        if head not in heads:
            what = f"{whose} has no head '{head}'; it has: {', '.join(heads) or 'none'}."
            hint = (
                did_you_mean(head, heads) or "A single loss with options needs its name, e.g. {name: focal, gamma: 1}."
            )
            problems.append(Problem(f"{where}.{head}", what, hint))
    if absent := [head for head in heads if head not in losses]:
        what = f"has no loss for {' and '.join(map(repr, absent))}, a head of {whose}."
        problems.append(
            Problem(where, what, f"Add one, e.g. {where}.{absent[0]}=LOSS, or name one loss for all heads.")
        )
    return problems


# One loss for every head, or a map head → loss. The tags name the two in pydantic's errors, not in the recipe.
LossOrLosses = Annotated[
    Annotated[ItemOrName, Tag("<loss>")] | Annotated[dict[str, ItemOrName], Tag("<by head>")],
    Discriminator(lambda value: "<by head>" if is_by_head(value) else "<loss>"),
]


class Stated(Part):
    """A number that a course or paper states, shown with the measured one."""

    what: str
    value: Annotated[float, Field(strict=True)] | str
    source: str
    convention: str = ""
    metric: str = ""  # short name or key of the score that it is to be compared with
    split: str = ""  # on which it is counted; none: on any


class Data(Part):
    dataset: ItemOrName
    # every picture is resized to it; none: all pictures must have one size already, unless the data set knows objects, whose
    # pictures then keep their own sizes
    size: Size | None = None
    # how pictures of another shape are brought to that size: each side by its own factor, whole in a grey letterbox (void in
    # masks), or covering it, with two sides cut off
    fit: Literal["squash", "letterbox", "crop"] = "squash"
    train: str = "train"  # names of the splits
    validation: str = "val"
    # split that is scored once, with the weights that were chosen; empty: none. Without this key it is `test` where the
    # data set is asked to make one (`data.dataset.test`)
    test: str = ""
    exclude: tuple[str, ...] = ()  # pictures that are left out, as split/name; `data check` names copies in this way
    # an epoch is every picture once; as many draws, each of all pictures; or draws in which every class is equally likely
    sampling: Literal["shuffled", "replacement", "balanced"] = "shuffled"
    on_corrupt: Literal["fail", "skip"] = (
        "fail"  # files that do not decode: refuse the set, or leave them out and say so
    )
    workers: Count = 0  # processes that augment; the pictures are the same for any number

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _what_is_said(self, handler(self), "exclude", "fit")

    @model_validator(mode="after")
    def _check_fit(self) -> Data:
        if self.fit != "squash" and self.size is None:
            raise PydanticCustomError("no_size", "which has a fit but no size: give `size`, or leave out `fit`")
        return self


class Phase(Part):
    """A part of a training, with a length in epochs or in steps. An ordinary training has one phase."""

    epochs: Natural | None = None
    steps: Natural | None = None  # updates; the phase ends after exactly so many, also within an epoch
    learning_rate: Positive | None = None  # none: the optimizer's
    schedule: ItemOrName | None = None  # none: the training's
    loss: LossOrLosses | None = None  # none: the recipe's, with which validation is always counted
    freeze: tuple[str, ...] = ()  # parts of the model that stay unchanged, with their BatchNorm statistics
    freeze_statistics: tuple[str, ...] = ()  # parts that learn, with the BatchNorm statistics that they have

    @model_validator(mode="after")
    def _check_length(self) -> Phase:
        if self.epochs is None and self.steps is None:
            raise PydanticCustomError("no_length", "which has no length: give `epochs` or `steps`")
        if self.epochs is not None and self.steps is not None:
            raise PydanticCustomError("two_lengths", "which has two lengths: give `epochs` or `steps`, not both")
        return self

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """With the one length that was given, so that what is written down reads like what was read."""
        told = _what_is_said(self, handler(self), "freeze_statistics")
        del told["steps" if self.steps is None else "epochs"]
        return told


class EarlyStopping(Part):
    patience: Natural  # validations in a row without a better score
    metric: str = ""  # none: the one that chooses the best checkpoint
    least_gain: Annotated[float, Field(ge=0, strict=True)] = 0.0


class Train(Part):
    seed: Annotated[int, Field(ge=0, lt=2**31, strict=True)] = 0
    batch: Natural = 16
    accumulate: Natural = (
        1  # pieces in which the model is shown a batch, for less memory; their gradients are one update
    )
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    optimizer: ItemOrName = Item(name="adamw")
    schedule: ItemOrName = Item(name="constant")
    clip: Positive | None = None  # largest gradient norm
    ema: Annotated[float, Field(gt=0, lt=1, strict=True)] | None = (
        None  # decay of a moving average of the weights, e.g. 0.999: the average is validated, kept and predicted with
    )
    best: str = (
        ""  # score that chooses the best checkpoint (`epoch`: the last one, chosen by nothing); none: the task's
    )
    early_stopping: EarlyStopping | None = None
    validate_every: Natural = 1  # epochs; one that a phase's end cuts short is always validated, and so is the last
    checkpoint_steps: Natural | None = None  # also save the last state every so many steps, besides every epoch

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _what_is_said(self, handler(self), "ema", "accumulate")


class Hardware(Part):
    """The device and precision. `auto` is decided once by a trial, recorded in the run, and kept by a resume."""

    device: Annotated[str, AfterValidator(_device)] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    layout: Literal["auto", "contiguous", "channels_last"] = "auto"
    threads: Natural | None = None  # none: as many as there are cores
    deterministic: Truth = False  # on a GPU: deterministic kernels; on a CPU they always are


class Recipe(Part):
    """One complete experiment."""

    title: str
    engine: Engine = "torch"  # what computes it: torch, or the NumPy network with every gradient written out
    about: str = ""
    stated: tuple[Stated, ...] = ()
    task: ItemOrName
    data: Data
    augment: tuple[ItemOrName, ...] = ()
    model: ModelOrName
    loss: LossOrLosses | None = None  # one for all heads, or a map head → loss; none: the task's
    metrics: tuple[ItemOrName, ...] = ()  # none: the task's
    train: Train
    hardware: Hardware = Hardware()
    gallery: Annotated[int, Field(ge=0, le=60, strict=True)] = 12  # pictures kept for the report

    def losses_of(self, heads: Iterable[str], phase: Phase | None = None) -> dict[str, Item]:
        """The loss of each head: the phase's, else the recipe's; empty if the model owns its losses.

        Raises RecipeError if the losses do not name exactly these heads.
        """
        loss = self.loss if phase is None or phase.loss is None else phase.loss
        if loss is None or isinstance(loss, Item):
            return {} if loss is None else dict.fromkeys(heads, loss)
        if problems := head_problems("loss", loss, heads, "the task"):
            raise RecipeError.all(problems)
        return {head: loss[head] for head in heads}
