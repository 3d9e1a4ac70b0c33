"""What an engine does with a model of torch: it checks its scores, freezes parts of it, and keeps its state as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pixelwise.errors import Problem, RunError, ShapeError, did_you_mean, listing
from pixelwise.recipe.schema import Recipe
from pixelwise.tasks.base import Head, Task


def scores_of(outputs: Any, task: Task, images: Any) -> dict[str, Any]:
    """head → scores, of what a model gives. Raises ShapeError where that is not what the task's heads need."""
    heads = task.heads
    if isinstance(outputs, Tensor):
        if len(heads) == 1:
            outputs = dict.fromkeys(heads, outputs)
        elif outputs.ndim > 1 and outputs.shape[1] == task.out_channels:
            parts = outputs.split([head.channels for head in heads.values()], dim=1)
            outputs = dict(zip(heads, parts, strict=True))
        else:
            raise _misfit(outputs, f"the task's heads take {task.out_channels} channels side by side")
    if missing := [name for name in heads if name not in outputs]:
        raise ShapeError(f"the model gives no '{missing[0]}', which the task needs.", where="model")
    if len(heads) == 1 and isinstance(images, Tensor):
        ((name, head),) = heads.items()
        if isinstance(outputs[name], Tensor) and head.form != "objects":
            _check_scores(outputs[name], head, task.per, images)
    return dict(outputs)


def _check_scores(scores: Tensor, head: Head, per: str, images: Tensor) -> None:
    """Raise ShapeError where the scores are not (B, C) for pictures, or (B, C, H, W) for pixels."""
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


# -- parts that stand still for a phase, by their names --


def is_frozen(name: str, freeze: Iterable[str]) -> bool:
    """Whether a module or parameter is one of the parts to freeze, or lies within one."""
    return any(name == part or name.startswith(f"{part}.") for part in freeze)


def unknown_parts(recipe: Recipe, model: nn.Module) -> Iterator[Problem]:
    """A problem for every part that the recipe freezes and the model does not have."""
    parameters = [name for name, _ in model.named_parameters()]
    known = [*(name for name, _ in model.named_modules() if name), *parameters]
    for number, phase in enumerate(recipe.train.phases):
        where = f"train.phases.{number}.freeze"
        for part in phase.freeze:
            if part not in known:
                largest = [name for name, child in model.named_children() if any(True for _ in child.parameters())]
                what = f"the model has no part '{part}'; its largest parts are {listing(largest)}."
                yield Problem(where, what, did_you_mean(part, known))
        if parameters and all(is_frozen(name, phase.freeze) for name in parameters):
            yield Problem(where, "freezes the whole model, so that nothing learns.", "Leave out one of the parts.")


# -- the state of a training: with the progress (run/checkpoint.py), everything that decides the next step --


def model_arrays(model: nn.Module) -> dict[str, NDArray[Any]]:
    """Weights and buffers by name."""
    return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in model.state_dict().items()}


def load_model(model: nn.Module, arrays: Mapping[str, NDArray[Any]], where: str) -> None:
    """Put arrays into a model. Raises RunError that lists every name and shape that does not fit."""
    state = model.state_dict()
    problems = [Problem(where, f"'{name}' is missing.") for name in state if name not in arrays]
    problems += [Problem(where, f"'{name}' is not part of this model.") for name in arrays if name not in state]
    for name, tensor in state.items():
        if name in arrays and tuple(arrays[name].shape) != tuple(tensor.shape):
            read, wanted = list(arrays[name].shape), list(tensor.shape)
            problems.append(Problem(where, f"'{name}' is {read}, this model has {wanted}."))
    if problems:
        shown = problems[:5] + [Problem("", f"and {len(problems) - 5} more of this kind.")] * (len(problems) > 5)
        hint = Problem("", "The checkpoint is of another architecture than the run's recipe.yaml describes.")
        raise RunError.all([*shown, hint])
    model.load_state_dict({name: torch.from_numpy(np.array(arrays[name])) for name in state})


def optimizer_arrays(optimizer: torch.optim.Optimizer) -> dict[str, NDArray[Any]]:
    """The optimizer's memory, e.g. `0012.exp_avg`: the parameter's number and the name of the quantity."""
    state = optimizer.state_dict()["state"]
    return {
        f"{number:04d}.{name}": value.detach().cpu().contiguous().numpy()
        for number, entry in state.items()
        for name, value in entry.items()
        if isinstance(value, Tensor)
    }


def load_optimizer(optimizer: torch.optim.Optimizer, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Put arrays into an optimizer whose model has its weights already. Settings stay the recipe's."""
    record = optimizer.state_dict()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, array in arrays.items():
        number, _, name = key.partition(".")
        tensor, parameter = torch.from_numpy(np.array(array)), parameters[int(number)].detach()
        if tensor.shape == parameter.shape:  # laid out as it was: torch takes its fast paths only for equal layouts
            tensor = torch.empty_like(parameter, dtype=tensor.dtype, device="cpu").copy_(tensor)
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": record["param_groups"]})
