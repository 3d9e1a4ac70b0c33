"""Around a model of torch: its inputs and targets, checks of its scores, frozen parts, and its state as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm

from pixelwise.engine.base import Batch
from pixelwise.errors import Problem, RunError, ShapeError, did_you_mean, listing
from pixelwise.imaging.colour import grey_sum
from pixelwise.models.parts import lies_within
from pixelwise.recipe.schema import Recipe
from pixelwise.tasks.base import Head, Input, Lookup, Task
from pixelwise.types import Sample

LEVELS = 765  # the largest sum of red, green and blue
_ADAM = frozenset(("step", "exp_avg", "exp_avg_sq"))
MEMORY = {torch.optim.Adam: _ADAM, torch.optim.AdamW: _ADAM}  # what they keep of each parameter, all of it or nothing


@dataclass(frozen=True, eq=False)
class TensorBatch(Batch):
    """A batch of tensors. Where the pictures (or the targets of a head) differ in size they are a list of tensors."""

    def to(self, device: torch.device) -> TensorBatch:
        """The same batch on a device."""
        return self._each(lambda t: t.to(device, non_blocking=True))

    def pin_memory(self) -> TensorBatch:
        """Called by the DataLoader where copies to a GPU are to overlap with its work."""
        return self._each(lambda t: t.pin_memory())

    def _each(self, change: Any) -> TensorBatch:
        targets = {head: _each(value, change) for head, value in self.targets.items()}
        return replace(self, images=_each(self.images, change), targets=targets)


def collate(task: Task, samples: Sequence[Sample]) -> TensorBatch:
    """Samples as a batch in the memory of the CPU."""
    grey = task.input.channels == 1
    images = [grey_sum(sample.image) if grey else sample.image for sample in samples]
    if len({image.shape for image in images}) > 1 and all(head.form != "objects" for head in task.heads.values()):
        first, other = (one.size for one in (samples[0], next(s for s in samples if s.size != samples[0].size)))
        what = f"pictures of one batch have different sizes: {first[1]}×{first[0]} and {other[1]}×{other[0]} (width × height)."
        hint = "Set data.size or train.batch=1, or let an augmentation such as scale_crop make them equal."
        raise ShapeError(what, where=samples[0].name, hint=hint)
    encoded = [task.encode(sample) for sample in samples]
    known = [name for name in encoded[0] if all(name in targets for targets in encoded)]
    targets = {name: _stacked([one[name] for one in encoded]) for name in known}
    return TensorBatch(_stacked(images), targets, tuple(sample.name for sample in samples))


def looked_up(lookup: Lookup, values: Tensor) -> Tensor:
    """The targets of a whole batch: masks (B, H, W) uint8, labels (B,) int64, or pictures (B, H, W, 3) uint8."""
    if lookup.table is None:
        return values
    if lookup.of == "image":
        place = values[..., 0].int()
        for channel in (1, 2):
            place = place << 8 | values[..., channel]
    else:
        place = values.int()
    table = _on(_Same(lookup.table), values.device)
    return table.index_select(0, place.flatten()).view(place.shape)


def normalised(images: Tensor, reads: Input) -> Tensor:
    """The model's input, (B, C, H, W) float32, channels_last in memory at no cost.

    (x/255 − mean)/std for (B, H, W, 3) uint8; x/765 for grey sums (B, H, W), then the same if there is a mean. It is computed
    on the model's device for a whole batch, so a quarter of the bytes are transferred.
    """
    if reads.channels == 1:
        # As a view of (B, H, W, 1), its strides say channels_last: else what it is concatenated with would be copied.
        grey = images.unsqueeze(3) * (1 / LEVELS)
        if reads.mean is not None and reads.std is not None:
            grey = (grey - reads.mean[0]) / reads.std[0]
        return grey.permute(0, 3, 1, 2)
    if reads.mean_image is None and reads.mean is not None and reads.std is not None:
        scale = torch.tensor([1 / (255 * s) for s in reads.std], device=images.device)
        shift = torch.tensor([-m / s for m, s in zip(reads.mean, reads.std, strict=True)], device=images.device)
        return torch.addcmul(shift, images.to(torch.float32), scale).permute(0, 3, 1, 2)
    made = images.to(torch.float32)
    if reads.mean_image is not None:
        made = made - torch.tensor(reads.mean_image, device=images.device)
    elif reads.mean is not None:
        made = made - 255 * torch.tensor(reads.mean, device=images.device)
    if reads.std is not None:
        made = made * torch.tensor([1 / (255 * s) for s in reads.std], device=images.device)
    return made.permute(0, 3, 1, 2)


def inputs_of(images: Any, reads: Input) -> Any:
    """The model's input for a batch's pictures: a tensor, or a list of (C, H, W) if their sizes differ."""
    if isinstance(images, list):
        return [normalised(image[None], reads)[0] for image in images]
    return normalised(images, reads)


class _Same:
    """A table as a key of a cache: equal only to itself."""

    def __init__(self, table: NDArray[Any]) -> None:
        self.table = table

    def __hash__(self) -> int:
        return id(self.table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.table is other.table


@lru_cache(maxsize=4)
def _on(same: _Same, device: torch.device) -> Tensor:
    """A table on a device; that of all colours takes 16 MiB."""
    return torch.tensor(same.table, device=device)


def _stacked(arrays: Sequence[NDArray[Any]]) -> Any:
    if len({array.shape for array in arrays}) > 1:
        return [torch.from_numpy(np.array(array)) for array in arrays]
    return torch.from_numpy(np.stack(arrays))


def _each(value: Any, change: Any) -> Any:
    """A tensor, or every tensor of a list, changed."""
    if isinstance(value, list):
        return [_each(element, change) for element in value]
    return change(value) if isinstance(value, Tensor) else value


# -- the scores of its heads, checked --


def scores_of(outputs: Any, task: Task, images: Any) -> dict[str, Any]:
    """head → scores, from the outputs of a model. Raises ShapeError if they are not what the task's heads need."""
    heads = task.heads
    if not isinstance(outputs, Tensor | Mapping):
        needed = f"the task needs one tensor, or a map with {listing(map(repr, heads))}"
        raise ShapeError(f"the model returns {_kind(outputs)}; {needed}.", where="model")
    if isinstance(outputs, Tensor):
        if len(heads) == 1:
            outputs = dict.fromkeys(heads, outputs)
        elif outputs.ndim > 1 and outputs.shape[1] == task.out_channels:
            parts = outputs.split([head.channels for head in heads.values()], dim=1)
            outputs = dict(zip(heads, parts, strict=True))
        else:
            raise _misfit(outputs, f"the task's heads take {task.out_channels} channels side by side")
    if missing := [name for name in heads if name not in outputs]:
        there = listing(map(repr, outputs)) or "nothing"
        what = f"the model returns a map with {there}; the task needs {listing(map(repr, missing))}."
        raise ShapeError(what, where="model", hint="Name its outputs as the heads of the task are called.")
    for name, head in heads.items():
        if head.form != "objects" and not isinstance(outputs[name], Tensor | list):
            what = f"the model returns {_kind(outputs[name])} for '{name}'; scores must be a tensor."
            raise ShapeError(what, where="model")
    if len(heads) == 1 and isinstance(images, Tensor):
        ((name, head),) = heads.items()
        if isinstance(outputs[name], Tensor) and head.form != "objects":
            _check_scores(outputs[name], head, task.per, images)
    return {name: outputs[name] for name in heads}


def _kind(value: Any) -> str:
    """What a model returned, in words: `None`, `a tuple of 2`."""
    if value is None:
        return "None"
    kind = type(value).__name__
    article = "an" if kind[0] in "aeiou" else "a"
    return f"{article} {kind} of {len(value)}" if isinstance(value, tuple | list) else f"{article} {kind}"


def _check_scores(scores: Tensor, head: Head, per: str, images: Tensor) -> None:
    """Raise ShapeError where the scores are not (B, C) for pictures, or (B, C, H, W) for pixels."""
    if scores.ndim and scores.shape[0] != images.shape[0]:
        raise _misfit(scores, f"a batch of {images.shape[0]} pictures needs as many rows of scores")
    if per == "picture" and scores.ndim != 2:
        raise _misfit(scores, "a classifier gives (B, classes)", "Take a classifier, e.g. resnet")
    height, width = images.shape[2:]
    if per == "pixel" and (scores.ndim != 4 or tuple(scores.shape[2:]) != (height, width)):
        wanted = f"the task needs scores for each pixel, (B, {head.channels}, {height}, {width})"
        raise _misfit(scores, wanted, "Take a dense model, e.g. unet")
    if scores.shape[1] != head.channels:
        raise _misfit(scores, f"the task needs {head.channels} channels")


def _misfit(scores: Tensor, wanted: str, hint: str = "") -> ShapeError:
    return ShapeError(
        f"the model gives scores of shape {tuple(scores.shape)}; {wanted}.",
        where="model",
        hint=f"{hint}; `pixelwise list models` names them all." if hint else "",
    )


class OwnLosses(nn.Module):
    """A model with its own losses as a module that gives them: what DDP can wrap."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Any, targets: Any) -> Any:
        return self.model.losses(images, targets)


# -- parts that a recipe names: to freeze them, or to give them their own learning rate --


def unknown_parts(recipe: Recipe, model: nn.Module) -> Iterator[Problem]:
    """A problem for every part that the recipe names and the model does not have, and one if nothing is left to learn."""
    parameters = [name for name, _ in model.named_parameters()]
    known = [*(name for name, _ in model.named_modules() if name), *parameters]
    largest = [name for name, child in model.named_children() if any(True for _ in child.parameters())]

    def unknown(part: str, where: str) -> Iterator[Problem]:
        if not known:
            yield Problem(where, f"the model has no part '{part}': it consists of no parts.", "Leave it out.")
        elif part not in known:
            what = f"the model has no part '{part}'; its largest parts are {listing(largest or known)}."
            yield Problem(where, what, did_you_mean(part, known))

    factors = recipe.train.optimizer.options.get("parts")
    for part in factors if isinstance(factors, Mapping) else ():
        where = f"train.optimizer.parts.{part}"
        yield from unknown(part, where)
        if part in known and not any(lies_within(name, [part]) for name in parameters):
            yield Problem(where, "this part has no weights to learn.", "Leave it out.")
    for number, phase in enumerate(recipe.train.phases):
        where = f"train.phases.{number}.freeze"
        for part in phase.freeze:
            yield from unknown(part, where)
        if parameters and all(lies_within(name, phase.freeze) for name in parameters):
            yield Problem(where, "freezes the whole model, so that nothing learns.", "Leave out one of the parts.")
        for part in phase.freeze_statistics:
            yield from unknown(part, f"{where}_statistics")
            within = [module for name, module in model.named_modules() if lies_within(name, [part])]
            if part in known and not any(isinstance(module, BatchNorm) for module in within):
                yield Problem(f"{where}_statistics", f"the part '{part}' has no BatchNorm layer.", "Leave it out.")


# -- the state of a training: with the progress (run/checkpoint.py), everything that decides the next step --


def model_arrays(model: nn.Module) -> dict[str, NDArray[Any]]:
    """Weights and buffers by name."""
    return as_arrays(model.state_dict())


def as_arrays(state: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in state.items()}


def load_model(model: nn.Module, arrays: Mapping[str, NDArray[Any]], where: str) -> None:
    """Put arrays into a model. Raises RunError that lists every name and shape that does not fit.

    A model with a method `upgraded(arrays)` adds what checkpoints of its earlier versions lack.
    """
    upgraded = getattr(model, "upgraded", None)
    arrays = arrays if upgraded is None else upgraded(arrays)
    model.load_state_dict(as_tensors(model.state_dict(), arrays, where))


def as_tensors(state: Mapping[str, Tensor], arrays: Mapping[str, NDArray[Any]], where: str) -> dict[str, Tensor]:
    """Arrays as tensors with the names, shapes and types of `state`. Raises RunError with everything that does not fit."""
    problems = [Problem(where, f"'{name}' is missing.") for name in state if name not in arrays]
    problems += [Problem(where, f"'{name}' is not part of this model.") for name in arrays if name not in state]
    for name, tensor in state.items():
        if name in arrays and tuple(arrays[name].shape) != tuple(tensor.shape):
            read, wanted = list(arrays[name].shape), list(tensor.shape)
            problems.append(Problem(where, f"'{name}' is {read}, this model has {wanted}."))
        elif name in arrays and str(arrays[name].dtype) != (wants := str(tensor.dtype).removeprefix("torch.")):
            problems.append(Problem(where, f"'{name}' is {arrays[name].dtype}, this model has {wants}."))
    if problems:
        shown = problems[:5] + [Problem("", f"and {len(problems) - 5} more of this kind.")] * (len(problems) > 5)
        hint = Problem("", "The checkpoint is of another architecture than the run's recipe.yaml describes.")
        raise RunError.all([*shown, hint])
    return {name: torch.from_numpy(np.array(arrays[name])) for name in state}


def optimizer_arrays(optimizer: torch.optim.Optimizer) -> dict[str, NDArray[Any]]:
    """The optimizer's memory, e.g. `0012.exp_avg`: the parameter's number and the name of the quantity."""
    state = optimizer.state_dict()["state"]
    return {
        f"{number:04d}.{name}": value.detach().cpu().contiguous().numpy()
        for number, entry in state.items()
        for name, value in entry.items()
        if isinstance(value, Tensor)
    }


def load_optimizer(
    optimizer: torch.optim.Optimizer, arrays: Mapping[str, NDArray[Any]], where: str = "optimizer"
) -> None:
    """Put arrays into an optimizer whose model has its weights already. Settings stay the recipe's.

    Raises RunError if an array is not the memory of one of its parameters.
    """
    record = optimizer.state_dict()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if problems := list(_memory_problems(optimizer, parameters, arrays, where)):
        raise RunError.all(problems[:5])
    state: dict[int, dict[str, Tensor]] = {}
    for key, array in arrays.items():
        number, _, name = key.partition(".")
        tensor, parameter = torch.from_numpy(np.array(array)), parameters[int(number)].detach()
        if tensor.shape == parameter.shape:  # laid out as it was: torch takes its fast paths only for equal layouts
            tensor = torch.empty_like(parameter, dtype=tensor.dtype, device="cpu").copy_(tensor)
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": record["param_groups"]})


def _memory_problems(
    optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor], arrays: Mapping[str, NDArray[Any]], where: str
) -> Iterator[Problem]:
    found: dict[str, set[str]] = {}
    for key, array in arrays.items():
        number, _, name = key.partition(".")
        found.setdefault(number, set()).add(name)
        parameter = parameters[int(number)] if number.isdecimal() and int(number) < len(parameters) else None
        if parameter is None:
            yield Problem(where, f"'{key}' does not belong to a parameter; the model has {len(parameters)}.")
        elif array.shape == () and array.dtype.kind == "f" and array >= 0:
            continue  # a number of steps
        elif (array.shape, str(array.dtype)) != (tuple(parameter.shape), str(parameter.dtype).removeprefix("torch.")):
            yield Problem(
                where, f"'{key}' is {list(array.shape)} {array.dtype}, its parameter {list(parameter.shape)}."
            )
    wanted = MEMORY.get(type(optimizer), frozenset())
    for number, names in found.items():
        if missing := sorted(wanted - names):
            yield Problem(where, f"parameter {number} has no {listing(missing)}.")
