"""One update of the weights: forward, the loss divided once over the whole global batch, backward, step."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from pixelwise.engine.faults.explain import CALMER
from pixelwise.engine.hardware.device import Choices
from pixelwise.engine.hardware.distributed import Processes
from pixelwise.errors import TrainingError, listing
from pixelwise.run.progress import Sums
from pixelwise.tasks.base import Batch, Task


class Update:
    """Callable that makes one update; holds what stays the same from step to step.

    Numerators and denominators are summed over all processes before they are divided, so that a global batch gives one
    gradient however it is shared out. DDP averages gradients over n processes, therefore the factor n.
    """

    def __init__(
        self,
        task: Task,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        choices: Choices,
        processes: Processes,
        *,
        clip: float | None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.task, self.model, self.optimizer = task, model, optimizer
        self.choices, self.processes, self.clip, self.stop = choices, processes, clip, stop
        self.stopped = False  # whether any process was asked to stop; known after each update

    def __call__(self, batch: Batch, rate: float, step: int) -> Sums:
        """Update the weights with one batch at one learning rate. Raises TrainingError where the loss is not finite."""
        batch = batch.to(self.choices.torch_device)
        with self.choices.autocast():
            terms = self.task.losses(self.task.forward(self.model, batch), batch)
        count = 0.0 if batch.idle else 1.0
        values = [part * count for term in terms.values() for part in (term.numerator, term.denominator)]
        totals = torch.stack([v.detach().double() for v in values] + [values[0].new_tensor(self.stop()).double()])
        *numbers, stop = self.processes.total(totals).tolist()
        sums = {name: (numbers[2 * i], numbers[2 * i + 1]) for i, name in enumerate(terms)}
        check_finite(sums, batch, step)

        loss = torch.zeros((), device=self.choices.torch_device)
        for name, term in terms.items():
            if sums[name][1]:
                loss = loss + term.numerator * (count * self.processes.count / sums[name][1])
        self.optimizer.zero_grad(set_to_none=True)
        if loss.requires_grad:
            loss.backward()
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.stopped = stop > 0
        return sums


def check_finite(sums: Sums, batch: Batch, step: int) -> None:
    """Raise TrainingError, before any weight has changed, where a loss is not a number."""
    for name, (top, below) in sums.items():
        if not (math.isfinite(top) and math.isfinite(below)):
            raise TrainingError(
                f"the loss '{name}' became {top / below if below else top} with the pictures {listing(batch.names, 20)}.",
                where=f"step {step}",
                hint=CALMER,
            )


def check_weights(model: nn.Module, step: int) -> None:
    """Raise TrainingError, before they are scored or saved, where weights or running statistics are not numbers.

    A finite loss may have a gradient that is not.
    """
    state = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
    sound = torch.stack([value.isfinite().all() for value in state.values()]).tolist()  # one wait for the device
    broken = [name for name, is_sound in zip(state, sound, strict=True) if not is_sound]
    if broken:
        what = f"the weights are no longer finite: {listing(broken, 4)}."
        raise TrainingError(what, where=f"step {step}", hint=CALMER)
