"""How the weights of a new network are drawn: the rules that models call, and those that a recipe can name (`model.init`).

The first two overwrite every convolution and linear layer in the module, except fixed weights, which are buffers. Call them
with new layers only, never with a model that contains a pretrained encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from torch import nn


def xavier_uniform(module: nn.Module) -> None:
    """Weights uniform in ±√(6 / (fan_in + fan_out)), biases 0 (Glorot & Bengio 2010, eq. 16).

    The variance 2 / (fan_in + fan_out) is a compromise between keeping the size of activations in the forward pass
    (1 / fan_in) and of gradients in the backward pass (1 / fan_out).
    """
    for layer in _weighted(module):
        nn.init.xavier_uniform_(layer.weight)


def he_normal(module: nn.Module) -> None:
    """Weights normal with variance 2 / fan_out, biases 0 (He et al. 2015, eq. 14).

    With ReLU this keeps the size of gradients in the backward pass.
    """
    for layer in _weighted(module):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


def small_scores(layer: nn.Linear) -> None:
    """Weights normal with variance 1 / fan_in, bias 0: a classifier's first scores are as large as what it reads.

    For the last layer, whose fan_out is the few classes: He's rule would make its scores tens of times too large.
    """
    for linear in _weighted(layer):
        nn.init.normal_(linear.weight, std=linear.in_features**-0.5)


def initialise(model: nn.Module, rule: str) -> None:
    """Draw the weights of a whole new model by one rule (`model.init`); `own` leaves it as its builder made it.

    Xavier is uniform, He normal; both set biases to 0. `torch` draws weights and biases as torch's layers do.
    """
    RULES[rule](model)


def fans(layer: nn.Module) -> tuple[int, int]:
    """How many inputs an output collects, and how many outputs an input reaches, as if every stride were 1.

    torch's own count exchanges the two for a transposed convolution, and ignores groups for fan_out.
    """
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    places = layer.kernel_size[0] * layer.kernel_size[1]
    return layer.in_channels // layer.groups * places, layer.out_channels // layer.groups * places


def _xavier(model: nn.Module) -> None:
    for layer in _weighted(model):
        bound = (6 / sum(fans(layer))) ** 0.5
        nn.init.uniform_(layer.weight, -bound, bound)


def _he(which: int, model: nn.Module) -> None:
    for layer in _weighted(model):
        nn.init.normal_(layer.weight, std=(2 / fans(layer)[which]) ** 0.5)


def _as_torch(model: nn.Module) -> None:
    for layer in _weighted(model):
        layer.reset_parameters()


RULES: Mapping[str, Callable[[nn.Module], None]] = {
    "own": lambda model: None,
    "xavier": _xavier,
    "he_fan_in": partial(_he, 0),
    "he_fan_out": partial(_he, 1),
    "torch": _as_torch,
}


def _weighted(module: nn.Module) -> Iterator[nn.Module]:
    """Every convolution and linear layer whose weights are learned, its bias set to 0."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)) and isinstance(layer.weight, nn.Parameter):
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            yield layer
