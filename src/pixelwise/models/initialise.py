"""How the weights of a new network are drawn.

The first two overwrite every convolution and linear layer below the module they are given: hand them new layers only,
never a model with a pretrained encoder inside.
"""

from __future__ import annotations

from torch import nn

WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def xavier_uniform(module: nn.Module) -> None:
    """Weights uniform in ±√(6 / (fan_in + fan_out)), biases 0 (Glorot & Bengio 2010, eq. 16).

    The variance 2 / (fan_in + fan_out) is the compromise between keeping the size of activations on the way forward
    (1 / fan_in) and of gradients on the way back (1 / fan_out).
    """
    for layer in module.modules():
        if isinstance(layer, WEIGHTED):
            nn.init.xavier_uniform_(layer.weight)
            _zero_bias(layer)


def he_normal(module: nn.Module) -> None:
    """Weights normal with variance 2 / fan_out, biases 0 (He et al. 2015, eq. 14).

    Under ReLU this keeps the size of gradients on the way back.
    """
    for layer in module.modules():
        if isinstance(layer, WEIGHTED):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            _zero_bias(layer)


def small_scores(layer: nn.Linear) -> None:
    """Weights normal with variance 1 / fan_in, bias 0: a classifier's first scores are as large as what it reads.

    For the last layer, whose fan_out is the few classes: He's rule would make its scores tens of times too large.
    """
    nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
    _zero_bias(layer)


def _zero_bias(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> None:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
