"""One update of the weights from the terms of the loss, divided once over the whole global batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pixelwise.engine.base import Batch
from pixelwise.engine.checks.guard import CALMER
from pixelwise.engine.hardware.distributed import TorchProcesses
from pixelwise.engine.order import seed_of
from pixelwise.engine.torch import optim
from pixelwise.errors import ShapeError, TrainingError, listing
from pixelwise.losses.base import Term
from pixelwise.run.progress import Sums


@contextmanager
def keyed_random(*key: int | str) -> Iterator[None]:
    """torch's global generators (CPU, and GPU where one is in use) seeded with the key, and restored afterwards.

    Dropout and torchvision's transforms know only the global generators.
    """
    cpu = torch.get_rng_state()
    gpu = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None
    seed = seed_of(*key)
    torch.default_generator.manual_seed(seed)
    if gpu is not None:
        torch.cuda.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(cpu)
        if gpu is not None:
            torch.cuda.set_rng_state(gpu)


@dataclass(frozen=True)
class Total:
    """The terms of one batch over all processes: their sums, the loss to minimise, and whether any was asked to stop."""

    sums: Sums
    loss: Tensor
    stopped: bool


def total(
    terms: Mapping[str, Term], batch: Batch, processes: TorchProcesses, device: torch.device, *, step: int, stop: bool
) -> Total:
    """Sum numerators and denominators over all processes before they are divided.

    So a global batch gives one gradient however it is shared out. DDP averages gradients over n processes, therefore the
    factor n. Raises TrainingError, before any weight has changed, if a term is not finite; `step` counts from 1.
    """
    for name, term in terms.items():
        check_term(name, term)
    count = 0.0 if batch.idle else 1.0
    values = [part * count for term in terms.values() for part in (term.numerator, term.denominator)]
    flag = torch.tensor(stop, dtype=torch.float64, device=device)
    *numbers, stops = processes.total(torch.stack([*(v.detach().double() for v in values), flag])).tolist()
    sums = {name: (numbers[2 * i], numbers[2 * i + 1]) for i, name in enumerate(terms)}
    for name, (top, below) in sums.items():
        if not (math.isfinite(top) and math.isfinite(below)):
            raise TrainingError(
                f"the loss '{name}' became {top / below if below else top} with the pictures {listing(batch.names, 20)}.",
                where=f"step {step}",
                hint=CALMER,
            )
    loss = torch.zeros((), device=device)
    for name, term in terms.items():
        if sums[name][1]:
            loss = loss + term.numerator * (count * processes.count / sums[name][1])
    return Total(sums, loss, stops > 0)


def check_term(name: str, term: Any) -> None:
    """Raise ShapeError if a loss returns something other than two numbers as tensors."""
    if not isinstance(term, Term):
        what = f"returns {type(term).__name__}; a loss must return a Term of two numbers, numerator and denominator."
        raise ShapeError(what, where=f"loss '{name}'")
    for part, value in (("numerator", term.numerator), ("denominator", term.denominator)):
        if not isinstance(value, Tensor) or value.ndim:
            found = f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"of type {type(value).__name__}"
            what = f"returns a {part} {found}; it must be a tensor with one number, without dimensions."
            raise ShapeError(what, where=f"loss '{name}'", hint="Sum it over the batch.")


def descend(
    loss: Tensor, model: nn.Module, optimizer: torch.optim.Optimizer | None, rate: float, clip: float | None
) -> None:
    """Change the weights by one step of the optimizer. A model without parameters has none, and stays unchanged."""
    if optimizer is None:
        return
    optimizer.zero_grad(set_to_none=True)
    if loss.requires_grad:
        loss.backward()
    change(model, optimizer, rate, clip)


def change(model: nn.Module, optimizer: torch.optim.Optimizer | None, rate: float, clip: float | None) -> None:
    """Make a step of the optimizer with the gradients that the parameters have."""
    if optimizer is None:
        return
    if clip is not None:
        nn.utils.clip_grad_norm_(model.parameters(), clip)
    optim.set_rate(optimizer, rate)
    optim.step(optimizer)


def check_weights(model: nn.Module, step: int) -> None:
    """Raise TrainingError, before they are scored or saved, where weights or running statistics are not numbers.

    A finite loss may have a gradient that is not.
    """
    state = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
    if not state:
        return
    sound = torch.stack([value.isfinite().all() for value in state.values()]).tolist()  # one wait for the device
    broken = [name for name, is_sound in zip(state, sound, strict=True) if not is_sound]
    if broken:
        what = f"the weights are no longer finite: {listing(broken, 4)}."
        raise TrainingError(what, where=f"step {step}", hint=CALMER)
