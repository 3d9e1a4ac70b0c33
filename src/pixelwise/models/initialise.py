"""How the weights of a new network are drawn.

The first two overwrite every convolution and linear layer below the module they are given, except fixed weights, which are
buffers: hand them new layers only, never a model with a pretrained encoder inside.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn


def xavier_uniform(module: nn.Module) -> None:
    """Weights uniform in ±√(6 / (fan_in + fan_out)), biases 0 (Glorot & Bengio 2010, eq. 16).

    The variance 2 / (fan_in + fan_out) is the compromise between keeping the size of activations on the way forward
    (1 / fan_in) and of gradients on the way back (1 / fan_out).
    """
    for layer in _weighted(module):
        nn.init.xavier_uniform_(layer.weight)


def he_normal(module: nn.Module) -> None:
    """Weights normal with variance 2 / fan_out, biases 0 (He et al. 2015, eq. 14).

    Under ReLU this keeps the size of gradients on the way back.
    """
    for layer in _weighted(module):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


def small_scores(layer: nn.Linear) -> None:
    """Weights normal with variance 1 / fan_in, bias 0: a classifier's first scores are as large as what it reads.

    For the last layer, whose fan_out is the few classes: He's rule would make its scores tens of times too large.
    """
    for linear in _weighted(layer):
        nn.init.normal_(linear.weight, std=linear.in_features**-0.5)


def _weighted(module: nn.Module) -> Iterator[nn.Module]:
    """Every convolution and linear layer whose weights are learned, its bias set to 0."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)) and isinstance(layer.weight, nn.Parameter):
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
            yield layer
