"""Every function of the network, each with its gradient directly below it in its file.

A forward function returns `(out, cache)`; `…_backward(dout, cache)` returns the gradients of its inputs.
"""

from pixelwise.scratch.functional.convolution import (
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    conv_transpose2d_backward,
)
from pixelwise.scratch.functional.dense import (
    dropout,
    dropout_backward,
    flatten,
    flatten_backward,
    linear,
    linear_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
)
from pixelwise.scratch.functional.loss import CrossEntropy, softmax_cross_entropy, softmax_cross_entropy_backward
from pixelwise.scratch.functional.normalisation import (
    FixedNormCache,
    batch_norm,
    batch_norm_backward,
    fixed_norm,
    fixed_norm_backward,
)
from pixelwise.scratch.functional.pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    pooling_window,
)

__all__ = [
    "CrossEntropy", "FixedNormCache", "avg_pool2d", "avg_pool2d_backward", "batch_norm", "batch_norm_backward",
    "conv2d", "conv2d_backward", "conv_transpose2d", "conv_transpose2d_backward", "dropout", "dropout_backward",
    "fixed_norm", "fixed_norm_backward", "flatten", "flatten_backward", "linear", "linear_backward", "max_pool2d",
    "max_pool2d_backward", "pooling_window", "relu", "relu_backward", "sigmoid", "sigmoid_backward",
    "softmax_cross_entropy", "softmax_cross_entropy_backward",
]  # fmt: skip
