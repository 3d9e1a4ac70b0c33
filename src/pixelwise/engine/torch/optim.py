"""Optimizers. Norms and biases are never decayed: shrinking them regularises nothing (He et al. 2019, Bag of Tricks)."""

from __future__ import annotations

import inspect
import sys
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Lt
from torch import nn

Rate = Annotated[float, Gt(0)]
Decay = Annotated[float, Ge(0)]
Momentum = Annotated[float, Ge(0), Lt(1)]


def adam(
    model: nn.Module,
    *,
    learning_rate: Rate = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: Decay = 0.0,
) -> torch.optim.Optimizer:
    """Adam (Kingma & Ba 2015); weight decay is added to the gradient."""
    return torch.optim.Adam(parameter_groups(model, weight_decay), lr=learning_rate, betas=betas, foreach=True)


def adamw(
    model: nn.Module,
    *,
    learning_rate: Rate = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: Decay = 0.01,
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019); weight decay is apart from the gradient."""
    return torch.optim.AdamW(parameter_groups(model, weight_decay), lr=learning_rate, betas=betas, foreach=True)


def sgd(
    model: nn.Module,
    *,
    learning_rate: Rate = 0.1,
    momentum: Momentum = 0.9,
    nesterov: bool = False,
    weight_decay: Decay = 0.0,
) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum, torch's form: v ← μv + g, w ← w − ηv."""
    groups = parameter_groups(model, weight_decay)
    return torch.optim.SGD(groups, lr=learning_rate, momentum=momentum, nesterov=nesterov, foreach=True)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """All parameters in two groups: weights of two dimensions or more are decayed; norms' and biases' are not."""
    parameters = list(model.parameters())
    decayed = [p for p in parameters if p.ndim > 1]
    spared = [p for p in parameters if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": spared, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


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
