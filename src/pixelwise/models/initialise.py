"""How the weights of a new network are drawn: the rules that models call, and those that a recipe can name (`model.init`).

`xavier_uniform` and `he_normal`, which models call, take torch's count of a layer's inputs and outputs. The rules that a recipe
names take that of `fans`, which is right for grouped and for transposed convolutions too. For every other layer the two are
equal. The models keep torch's count, because their published results were trained with it.

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

    Both are torch's counts. With weights (A, B, K, K) fan_in is B·K² and fan_out A·K²: for a grouped convolution fan_out is
    `groups` times what `fans` counts, and for a transposed one that is not grouped only the sum is the same.
    """
    for layer in _weighted(module):
        nn.init.xavier_uniform_(layer.weight)


def he_normal(module: nn.Module) -> None:
    """Weights normal with variance 2 / fan_out, biases 0 (He et al. 2015, eq. 14), fan_out as torch counts it.

    With weights (A, B, K, K) torch's fan_out is A·K². For a convolution and a linear layer this is the number of outputs that
    an input reaches, and with ReLU the rule keeps the size of gradients in the backward pass. In two cases it is not:

    * A grouped convolution's fan_out is `groups` times too large. For the depthwise convolutions of `shared_pyramid` with C
      channels the variance is 2 / (C·K²), where He's rule would take 2 / K². Normalisation follows them.
    * For a transposed convolution it is the number of inputs of an output, times `groups`.

    `he_fan_out` of a recipe (`initialise`) counts with `fans` in both cases.
    """
    for layer in _weighted(module):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


def small_scores(layer: nn.Linear) -> None:
    """Weights normal with variance 1 / fan_in, bias 0: a classifier's first scores are as large as what it reads.

    For the last layer, whose fan_out is the few classes: He's rule would make its scores tens of times too large.
    """
    for linear in _weighted(layer):
        nn.init.normal_(linear.weight, std=linear.in_features**-0.5)


def near_equal_scores(layer: nn.Conv2d) -> None:
    """Weights normal with standard deviation 0.01, bias 0: all classes begin with about equal scores, whatever the width.

    For the 1×1 convolution that gives the scores of every pixel.
    """
    for convolution in _weighted(layer):
        nn.init.normal_(convolution.weight, std=0.01)


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


def _xavier_by_fans(model: nn.Module) -> None:
    for layer in _weighted(model):
        bound = (6 / sum(fans(layer))) ** 0.5
        nn.init.uniform_(layer.weight, -bound, bound)


def _he_by_fans(which: int, model: nn.Module) -> None:
    for layer in _weighted(model):
        nn.init.normal_(layer.weight, std=(2 / fans(layer)[which]) ** 0.5)


def _as_torch(model: nn.Module) -> None:
    for layer in _weighted(model):
        layer.reset_parameters()


RULES: Mapping[str, Callable[[nn.Module], None]] = {
    "own": lambda model: None,
    "xavier": _xavier_by_fans,
    "he_fan_in": partial(_he_by_fans, 0),
    "he_fan_out": partial(_he_by_fans, 1),
    "torch": _as_torch,
}


def _weighted(module: nn.Module) -> Iterator[nn.Module]:
    """Every convolution and linear layer whose weights are learned, its bias set to 0."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)) and isinstance(layer.weight, nn.Parameter):
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            yield layer
