"""The exponential moving average of a model's weights. It is validated, saved as `best/`, and used for predictions.

    a ← d·a + (1 − d)·w   after every update t = 1, 2, …   with d = min(decay, (1 + t) / (10 + t))

The second bound lets the average follow the weights while it has seen few of them: without it, 400 updates with a decay of .999
would still contain two thirds of the first, random weights. (Polyak & Juditsky 1992 average evenly; the bound is that of
TensorFlow's `tf.train.ExponentialMovingAverage` with `num_updates`.)

Running statistics of BatchNorm are averaged like weights, and whole numbers are copied, as in timm (`ModelEmaV3`) and
torchvision's training references (`ExponentialMovingAverage` with `use_buffers=True`). Arrays that do not change, such as
those of a frozen part, stay equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pixelwise.engine.torch.model import as_arrays, as_tensors


class Average:
    """The average of a model's state, in its own tensors. It begins as a copy of that state."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, count: int) -> None:
        """Take the weights in after the update of this number, counted from 1."""
        new = 1 - min(self.decay, (1 + count) / (10 + count))
        now = model.state_dict()
        floats = [name for name, tensor in now.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self.state[name] for name in floats], [now[name] for name in floats], new)
        for name in now.keys() - set(floats):
            self.state[name].copy_(now[name])

    @contextmanager
    def inside(self, model: nn.Module) -> Iterator[None]:
        """Within, the model has the averaged state; afterwards its own again."""
        own = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        _fill(model.state_dict(), self.state)
        try:
            yield
        finally:
            _fill(model.state_dict(), own)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return as_arrays(self.state)

    def load(self, arrays: Mapping[str, NDArray[Any]], where: str) -> None:
        """Put arrays back. Raises RunError that lists every name and shape that does not fit."""
        _fill(self.state, as_tensors(self.state, arrays, where))


@torch.no_grad()
def _fill(state: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    for name, tensor in state.items():
        tensor.copy_(values[name])
