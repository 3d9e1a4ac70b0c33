"""The state of a training as arrays and JSON, and back.

Everything that decides the next step is here: weights, running statistics, the optimizer's memory, and the progress.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pixelwise.errors import Problem, RunError


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
        if isinstance(value, torch.Tensor)
    }


def load_optimizer(optimizer: torch.optim.Optimizer, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Put arrays into an optimizer whose model has its weights already. Settings stay the recipe's."""
    record = optimizer.state_dict()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, array in arrays.items():
        number, _, name = key.partition(".")
        tensor, parameter = torch.from_numpy(np.array(array)), parameters[int(number)].detach()
        if tensor.shape == parameter.shape:  # laid out as it was: torch takes its fast paths only for equal layouts
            tensor = torch.empty_like(parameter, dtype=tensor.dtype, device="cpu").copy_(tensor)
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": record["param_groups"]})
