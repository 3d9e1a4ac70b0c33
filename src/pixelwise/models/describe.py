"""The layers of a model, found by running it once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from pixelwise.errors import ShapeError

ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus),
    *(nn.Sigmoid, nn.Tanh, nn.Hardswish, nn.Hardsigmoid, nn.Softmax, nn.LogSoftmax),
)
ACTIVATION_NAMES = {kind.__name__.lower() for kind in ACTIVATIONS}  # those of timm have the same names
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
WINDOWS = (*CONVOLUTIONS, *TRANSPOSED, nn.MaxPool2d, nn.AvgPool2d)


@dataclass(frozen=True)
class LayerRow:
    """One layer of a model, in the order of its first call.

    layer:       its place in the model, e.g. `encoder.0.0`
    kind:        class of the module, e.g. `Conv2d`
    in_channels, out_channels:  channels (or features) it reads and gives; None if the kind has none
    kernel, stride, padding, dilation:  one number per direction; None if the kind has no window
    activation:  class of the activation that follows directly, or ""
    output:      size of what it gives, without the batch, e.g. (32, 112, 112); None if it was never called
    parameters:  its own; 0 in the second row of a layer that is called twice
    macs:        multiply-adds of convolutions and linear layers for one picture; biases and normalisations not counted.
                 A layer that reads many regions of the picture is counted for all of them
    """

    layer: str
    kind: str
    in_channels: int | None
    out_channels: int | None
    kernel: tuple[int, ...] | None
    stride: tuple[int, ...] | None
    padding: tuple[int, ...] | str | None
    dilation: tuple[int, ...] | None
    activation: str
    output: tuple[int, ...] | None
    parameters: int
    macs: int

    def as_record(self) -> dict[str, Any]:
        """The row as the JSON object that reports read."""
        record = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in record.items()}


def describe(model: nn.Module, input_shape: tuple[int, ...]) -> list[LayerRow]:
    """The layers of a model in the order in which one picture passes them.

    input_shape:  of one picture, without the batch: (C, H, W)

    Parameters add up to torch's own count (shared ones are counted once), multiply-adds to those that
    `torch.utils.flop_counter` finds. Activations and other operations that are function calls, not modules, are not
    seen. The model's mode, statistics and gradients stay unchanged. Raises ShapeError if it refuses the shape.
    """
    rows: list[LayerRow] = []
    counted: set[int] = set()
    paths = {module: path for path, module in model.named_modules()}
    inner: dict[str, str] = {}  # path of a layer that contains its activation, as timm's BatchNorms do → the activation

    def watch(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if _is_activation(module):
            parent = paths[module].rpartition(".")[0]
            if parent in within:
                inner[parent] = type(module).__name__
            elif rows and not rows[-1].activation:
                rows[-1] = replace(rows[-1], activation=type(module).__name__)
        else:
            row = _row(paths[module], module, inputs, output, counted)
            rows.append(replace(row, activation=inner.pop(row.layer, "")))

    listed = [module for module in model.modules() if _is_layer(module)]
    within = {paths[module] for module in listed}
    hooks = [module.register_forward_hook(watch) for module in listed]
    try:
        with _undisturbed(model):
            model(_blank(model, input_shape))
    except (RuntimeError, ValueError, IndexError) as error:
        raise ShapeError(f"the model does not take an input of shape {input_shape}: {error}") from error
    finally:
        for hook in hooks:
            hook.remove()
    called = {row.layer for row in rows}
    rows += [_row(paths[m], m, (), None, counted) for m in listed if paths[m] not in called and _owns_parameters(m)]
    return rows


def _is_layer(module: nn.Module) -> bool:
    """A module that does something itself: it has no parts, or it owns parameters beside them."""
    if isinstance(module, nn.Identity):
        return False
    return next(module.children(), None) is None or _owns_parameters(module)


def _is_activation(module: nn.Module) -> bool:
    named = isinstance(module, ACTIVATIONS) or type(module).__name__.lower() in ACTIVATION_NAMES
    return named and not _owns_parameters(module)


def _owns_parameters(module: nn.Module) -> bool:
    return next(module.parameters(recurse=False), None) is not None


def _row(path: str, module: nn.Module, inputs: tuple[Any, ...], output: Any, counted: set[int]) -> LayerRow:
    fresh = [p for p in module.parameters(recurse=False) if id(p) not in counted]
    counted.update(map(id, fresh))
    windowed = isinstance(module, WINDOWS)
    window = {name: _numbers(module, name) if windowed else None for name in ("stride", "padding", "dilation")}
    incoming, outgoing = _channels(module)
    size = tuple(output.shape[1:]) if isinstance(output, Tensor) else None
    return LayerRow(
        layer=path,
        kind=type(module).__name__,
        in_channels=incoming,
        out_channels=outgoing,
        kernel=_numbers(module, "kernel_size") if windowed else None,
        **window,
        activation="",
        output=size,
        parameters=sum(p.numel() for p in fresh),
        macs=_multiply_adds(module, inputs, size) * (1 if size is None else len(output)),
    )


def _channels(module: nn.Module) -> tuple[int | None, int | None]:
    for incoming, outgoing in (("in_channels", "out_channels"), ("in_features", "out_features")):
        if hasattr(module, incoming) and hasattr(module, outgoing):
            return int(getattr(module, incoming)), int(getattr(module, outgoing))
    for same in ("num_features", "num_channels"):
        if isinstance(value := getattr(module, same, None), int):
            return value, value
    return None, None


def _numbers(module: nn.Module, name: str) -> Any:
    """One number per direction. A word (padding "same") stays unchanged; None if the layer has no such number."""
    value = getattr(module, name, None)
    if value is None or isinstance(value, str | tuple):
        return value
    return (int(value), int(value))  # pooling layers keep one number for both directions


def _multiply_adds(module: nn.Module, inputs: tuple[Any, ...], output: tuple[int, ...] | None) -> int:
    """Every weight of a convolution is used once per output pixel; of a transposed one, once per input pixel."""
    if output is None:
        return 0
    if isinstance(module, CONVOLUTIONS):
        return module.weight.numel() * prod(output[1:])
    if isinstance(module, TRANSPOSED):
        return module.weight.numel() * prod(inputs[0].shape[2:])
    if isinstance(module, nn.Linear):
        return module.weight.numel() * prod(output[:-1])
    return 0


def _blank(model: nn.Module, input_shape: tuple[int, ...]) -> Tensor:
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(1))
    return torch.zeros(1, *input_shape, dtype=like.dtype, device=like.device)


@contextmanager
def _undisturbed(model: nn.Module) -> Iterator[None]:
    """Every module in evaluation mode and without gradients, then each back in its own mode."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
