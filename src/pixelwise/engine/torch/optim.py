"""Optimizers. Weight decay applies to arrays of two or more dimensions: the weights of convolutions and linear layers.

Biases and the scales and shifts of normalisation layers are vectors, and are never decayed: shrinking them regularises nothing
(He et al. 2019, Bag of Tricks). Dimensions alone decide, so an array of another use is decayed if it has several of them: the
scales (C, 1, 1) of the blocks of `shared_pyramid` are decayed, and shrink towards 0. As vectors (C,) they would not be.

`parts` of each are factors of the learning rate by part of the model, e.g. `{encoder: 0.1}`: layers that were trained already
need smaller steps than new ones (Howard & Ruder 2018, ULMFiT, call it discriminative fine-tuning). The other layers, and what
a run records, have the phase's own rate. A part within another one has its own factor, not the product.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Lt
from torch import nn

from pixelwise.models.parts import part_of

Rate = Annotated[float, Gt(0)]
Decay = Annotated[float, Ge(0)]
Momentum = Annotated[float, Ge(0), Lt(1)]
FACTOR = "rate_factor"  # of a parameter group: what the learning rate is multiplied by


def adam(
    model: nn.Module,
    *,
    learning_rate: Rate = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: Decay = 0.0,
    parts: dict[str, Rate] | None = None,
) -> torch.optim.Optimizer:
    """Adam (Kingma & Ba 2015); weight decay is added to the gradient."""
    groups = parameter_groups(model, weight_decay, parts)
    return torch.optim.Adam(groups, lr=learning_rate, betas=betas, foreach=True)


def adamw(
    model: nn.Module,
    *,
    learning_rate: Rate = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: Decay = 0.01,
    parts: dict[str, Rate] | None = None,
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019); weight decay is apart from the gradient."""
    groups = parameter_groups(model, weight_decay, parts)
    return torch.optim.AdamW(groups, lr=learning_rate, betas=betas, foreach=True)


def sgd(
    model: nn.Module,
    *,
    learning_rate: Rate = 0.1,
    momentum: Momentum = 0.9,
    nesterov: bool = False,
    weight_decay: Decay = 0.0,
    parts: dict[str, Rate] | None = None,
) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum, torch's form: v ← μv + g, w ← w − ηv."""
    groups = parameter_groups(model, weight_decay, parts)
    return torch.optim.SGD(groups, lr=learning_rate, momentum=momentum, nesterov=nesterov, foreach=True)


def parameter_groups(
    model: nn.Module, weight_decay: float, parts: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """All parameters, of each part two groups: arrays of two dimensions or more are decayed, vectors and scalars are not.

    The head of this module says which parameters these are.
    The groups of what lies in no part come first; then the parts follow in the model's order, not in that of the recipe.
    """
    parts = parts or {}
    found: dict[str | None, list[nn.Parameter]] = {None: []}
    for name, parameter in model.named_parameters():
        found.setdefault(part_of(name, parts), []).append(parameter)
    groups = []
    for part, parameters in found.items():
        factor = {} if part is None else {FACTOR: parts[part]}
        for decay, members in (
            (weight_decay, [p for p in parameters if p.ndim > 1]),
            (0.0, [p for p in parameters if p.ndim <= 1]),
        ):
            groups.append({"params": members, "weight_decay": decay, **factor})
    return [group for group in groups if group["params"]]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group the learning rate, times its own factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get(FACTOR, 1.0)


def without_compiler() -> None:
    """Let torch's optimizers be built and used without `torch._dynamo`, which takes as long to import as torch itself.

    torch wraps some of their methods so that its compiler leaves them alone. The compiler is imported at the first call
    although nothing is compiled; each wrapper keeps what it calls as `__dynamo_disable`, here the bare method. A process that
    has imported the compiler keeps it.
    """
    if "torch._dynamo" in sys.modules:
        return
    for method in vars(torch.optim.Optimizer).values():
        bare = getattr(method, "__wrapped__", None)
        if bare is not None and not hasattr(bare, "__dynamo_disable"):
            bare.__dynamo_disable = bare


def step(optimizer: torch.optim.Optimizer) -> None:
    """One step; of torch's own optimizers by the function that computes it, without the compiler's wrapper around it.

    An optimizer of another package, or one with hooks around its step, makes the step itself.
    """
    hooks = getattr(optimizer, "_optimizer_step_pre_hooks", None) or getattr(
        optimizer, "_optimizer_step_post_hooks", None
    )
    if type(optimizer).__module__.startswith("torch.optim.") and not hooks:
        with torch.no_grad():
            inspect.unwrap(type(optimizer).step)(optimizer)
    else:
        optimizer.step()
