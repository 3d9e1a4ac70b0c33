"""Weights that others published, from a safetensors file into a model whose parts have the same names."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from pixelwise.errors import Problem, RunError

UNTOLD = "num_batches_tracked"  # a counter of BatchNorm that files leave out; it decides nothing in evaluation


def load_published(model: nn.Module, file: Path) -> None:
    """Put the tensors of a safetensors file into a model, converted to its own precision (files are often float16).

    Raises RunError that lists every name and shape that does not fit, or says that the file cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(file)
    except FileNotFoundError as error:
        raise RunError("is missing.", where=str(file)) from error
    except (OSError, SafetensorError) as error:
        raise RunError(f"is not a readable safetensors file: {error}.", where=str(file)) from error
    state = {name: value for name, value in model.state_dict().items() if not name.endswith(UNTOLD)}
    problems = [Problem(str(file), f"'{name}' is missing.") for name in state if name not in tensors]
    problems += [
        Problem(str(file), f"'{name}' is not part of this model.")
        for name in tensors
        if name not in state and not name.endswith(UNTOLD)
    ]
    for name, own in state.items():
        if name in tensors and tensors[name].shape != own.shape:
            read, wanted = list(tensors[name].shape), list(own.shape)
            problems.append(Problem(str(file), f"'{name}' is {read}, this model has {wanted}."))
    if problems:
        rest = [Problem("", f"and {len(problems) - 5} more of this kind.")] * (len(problems) > 5)
        hint = Problem("", "The weights are of another architecture, or of other options (depth, classes).")
        raise RunError.all([*problems[:5], *rest, hint])
    with torch.no_grad():
        for name, own in state.items():
            own.copy_(tensors[name])
