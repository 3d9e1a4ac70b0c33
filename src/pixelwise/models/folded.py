"""Batch normalisation folded into the convolution before it: the same maps for less time, for encoders that do not learn.

With its statistics fixed, batch normalisation is y = s·(x − m) + b for each channel, s = γ / √(variance + ε). A convolution
with weights s·W and bias b + s·(bias − m) does it at once (Jacob et al. 2018, eq. 14).
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

CLOSE = 1e-6  # of the largest value of a map, in float64: how far a folded module may be from the module itself


class Folding:
    """Modules that are folded when they are first called, and used in their place inside `with`.

    Folded copies are made from the weights of that moment: make a new object when weights may have changed. A module that
    `folded` gives no copy of is called itself, as is one in training mode.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self.modules = [module for module in modules if "forward" not in vars(module)]
        self._copies: dict[int, nn.Module | None] = {}

    @contextmanager
    def used(self) -> Iterator[None]:
        """Inside, a call of one of the modules with one tensor is answered by its copy."""
        for module in self.modules:
            module.forward = self._forward(module, module.forward)
        try:
            yield
        finally:
            for module in self.modules:
                del module.forward  # the class's own is left

    def _forward(self, module: nn.Module, own: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*given: Any, **named: Any) -> Any:
            if named or len(given) != 1 or not isinstance(given[0], Tensor) or module.training:
                return own(*given, **named)
            if id(module) not in self._copies:
                del module.forward  # the copy must not have it
                try:
                    self._copies[id(module)] = folded(module, tuple(given[0].shape[1:]))
                finally:
                    module.forward = forward
            stand_in = self._copies[id(module)]
            return own(*given) if stand_in is None else stand_in(*given)

        return forward


@torch.no_grad()
def folded(module: nn.Module, shape: tuple[int, ...]) -> nn.Module | None:
    """A copy of the module without the batch normalisations that follow a convolution, or None.

    shape:  (C, H, W) of its pictures. The order of the layers is found with one of random numbers, in float64; the copy is
            kept only if it gives the same maps for it. So rounding and the pictures of a batch decide nothing

    None if a part of it learns, is in training mode or has hooks, if there is nothing to fold, or if the trial fails: a
    convolution's output is read by something else too, say.
    """
    still = not any(parameter.requires_grad for parameter in module.parameters())
    if not still or any(part.training or part._forward_hooks or part._forward_pre_hooks for part in module.modules()):
        return None
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    x = torch.randn((1, *shape), dtype=torch.float64, generator=torch.Generator().manual_seed(0)).to(device)
    with torch.random.fork_rng(), torch.autocast(device.type, enabled=False):
        try:
            exact = copy.deepcopy(module).double()
            expected, pairs = _called(exact, x.clone())
            for convolution, norm in pairs.items():
                _fold(exact, convolution, norm)
            if not pairs or not _close(expected, exact(x)):
                return None
        except Exception:  # whatever a module from outside does with random numbers: it can still be called itself
            return None
    made = copy.deepcopy(module)
    for convolution, norm in pairs.items():
        _fold(made, convolution, norm)
    return made.requires_grad_(False)


def _called(module: nn.Module, x: Tensor) -> tuple[Any, dict[str, str]]:
    """What the module gives for x, and the name of each convolution whose output a batch normalisation reads → its name."""
    given: list[tuple[str, Tensor]] = []  # kept, so that no other tensor gets the same identity
    pairs: dict[str, str] = {}
    calls: Counter[str] = Counter()

    def after_convolution(name: str) -> Callable[..., None]:
        def keep(_: nn.Module, read: tuple[Any, ...], output: Tensor) -> None:
            calls[name] += 1
            given.append((name, output))

        return keep

    def before_norm(name: str) -> Callable[..., None]:
        def look(_: nn.Module, read: tuple[Any, ...]) -> None:
            calls[name] += 1
            pairs.update({before: name for before, output in given if output is read[0]})

        return look

    hooks = []
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Conv2d):
            hooks.append(layer.register_forward_hook(after_convolution(name)))
        elif _can_go(layer):
            hooks.append(layer.register_forward_pre_hook(before_norm(name)))
    try:
        output = module(x)
    finally:
        for hook in hooks:
            hook.remove()
    once = {name for name, number in calls.items() if number == 1}
    return output, {before: norm for before, norm in pairs.items() if {before, norm} <= once}


def _can_go(layer: nn.Module) -> bool:
    """Batch normalisation of torch, or timm's with its activation, with fixed statistics."""
    is_known = type(layer) is nn.BatchNorm2d or (isinstance(layer, nn.BatchNorm2d) and _activation(layer) is not None)
    return is_known and not layer.training and getattr(layer, "running_mean", None) is not None


def _activation(layer: nn.Module) -> nn.Module | None:
    """What timm's BatchNormAct2d does after the normalisation."""
    drop, act = getattr(layer, "drop", None), getattr(layer, "act", None)
    return nn.Sequential(drop, act) if isinstance(drop, nn.Module) and isinstance(act, nn.Module) else None


def _fold(module: nn.Module, convolution: str, norm: str) -> None:
    conv, layer = module.get_submodule(convolution), module.get_submodule(norm)
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(layer, nn.BatchNorm2d)
    _replace(module, convolution, nn.utils.fusion.fuse_conv_bn_eval(conv, layer))
    _replace(module, norm, _activation(layer) or nn.Identity())


def _replace(module: nn.Module, name: str, part: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent), last, part)


def _close(expected: Any, found: Any) -> bool:
    """Whether tensors, or lists and maps of them, are alike."""
    if isinstance(expected, Tensor):
        same = isinstance(found, Tensor) and found.shape == expected.shape
        return same and bool((found - expected).abs().max() <= CLOSE * expected.abs().max())
    if isinstance(expected, Mapping):
        return isinstance(found, Mapping) and all(_close(expected[key], found.get(key)) for key in expected)
    if isinstance(expected, list | tuple):
        same = isinstance(found, list | tuple) and len(found) == len(expected)
        return same and all(_close(*pair) for pair in zip(expected, found, strict=True))
    return False
