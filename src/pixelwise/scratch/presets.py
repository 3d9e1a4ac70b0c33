"""Networks and optimizers that recipes name, with their options."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from pixelwise.errors import ShapeError
from pixelwise.scratch import layers as nn
from pixelwise.scratch.network import Network
from pixelwise.scratch.optim import SGD, Adam
from pixelwise.shelf import declares

Width = Annotated[int, Ge(1)]
Deviation = Annotated[float, Gt(0)] | None
Rate = Annotated[float, Gt(0)]
Decay = Annotated[float, Ge(0)]
Share = Annotated[float, Ge(0), Lt(1)]
Norm = Literal["none", "before", "after"]


@declares(gives="picture")
def conv_pool(
    input_shape: nn.Shape,
    outputs: int,
    seed: int,
    threads: int,
    *,
    width: Width = 32,
    kernel: Annotated[int, Ge(1)] = 5,
    padding: Annotated[int, Ge(0)] = 1,
    deviation: Deviation = None,
) -> Network:
    """One convolution, ReLU, max-pooling 2×2, linear: 74,442 parameters for RGB pictures of 32×32 and ten classes.

    width:      channels of the convolution
    deviation:  standard deviation of all weights; none: √(2/inputs)
    """
    convolution = nn.Conv2d(input_shape[0], width, kernel, padding=padding)
    _, height, breadth = convolution.output_shape(input_shape)
    linear = nn.Linear(width * (height // 2) * (breadth // 2), outputs)
    layers = [convolution, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), linear]
    return Network(layers, input_shape, seed=seed, deviation=deviation, threads=threads)


@declares(gives="picture")
def lenet(input_shape: nn.Shape, outputs: int, seed: int, threads: int, *, width: Width = 6) -> Network:
    """LeNet-5 (LeCun et al. 1998) with ReLU and max-pooling: two convolutions, three linear layers; 62,006 parameters.

    width: channels of the first convolution; the second has 8/3 as many
    """
    second = width * 8 // 3
    layers: list[nn.Layer] = [nn.Conv2d(input_shape[0], width, 5), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(width, second, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    shape = input_shape
    for layer in layers:
        shape = layer.output_shape(shape)
    layers += [nn.Linear(shape[0], 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, outputs)]
    return Network(layers, input_shape, seed=seed, threads=threads)


@declares(gives="pixel")
def fcn(
    input_shape: nn.Shape,
    outputs: int,
    seed: int,
    threads: int,
    *,
    width: Width = 16,
    depth: Annotated[int, Ge(1)] = 2,
    norm: Norm = "before",
) -> Network:
    """A fully convolutional network for segmentation: `depth` halvings by stride 2, as many doublings, scores by 1×1.

    width:  channels of the first convolution; each halving doubles them, each doubling halves them
    depth:  halvings; height and width of the pictures must be multiples of 2^depth
    norm:   batch normalisation before the activation, after it, or none

    Raises ShapeError for pictures of another size.
    """
    step = 2**depth
    if input_shape[1] % step or input_shape[2] % step:
        raise ShapeError(
            f"pictures of {input_shape[2]}×{input_shape[1]} cannot be halved {depth} times without a remainder.",
            where="model fcn",
            hint=f"Set data.size to multiples of {step}, or a smaller depth.",
        )
    bias = norm != "before"  # a normalisation right behind a bias takes it out again
    channels = [width * 2**level for level in range(depth + 1)]
    layers = _block(nn.Conv2d(input_shape[0], width, 3, padding=1, bias=bias), width, norm)
    for before, after in pairwise(channels):
        layers += _block(nn.Conv2d(before, after, 3, stride=2, padding=1, bias=bias), after, norm)
    layers += _block(nn.Conv2d(channels[-1], channels[-1], 3, padding=1, bias=bias), channels[-1], norm)
    for before, after in pairwise(reversed(channels)):
        layers += _block(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=bias), after, norm)
    layers.append(nn.Conv2d(width, outputs, 1))
    return Network(layers, input_shape, seed=seed, threads=threads)


def _block(layer: nn.Layer, channels: int, norm: Norm) -> list[nn.Layer]:
    if norm == "before":
        return [layer, nn.BatchNorm2d(channels), nn.ReLU()]
    return [layer, nn.ReLU(), nn.BatchNorm2d(channels)] if norm == "after" else [layer, nn.ReLU()]


def sgd(*, learning_rate: Rate = 0.1, momentum: Share = 0.9, weight_decay: Decay = 0.0) -> SGD:
    """Stochastic gradient descent with momentum, the course's form: v ← βv − ηg, w ← w + v. Weights alone are decayed.

    learning_rate: η at the start of a phase; the schedule changes it from step to step
    """
    return SGD(momentum=momentum, decay=weight_decay)


def adam(*, learning_rate: Rate = 1e-3, betas: tuple[float, float] = (0.9, 0.999), weight_decay: Decay = 0.0) -> Adam:
    """Adam (Kingma & Ba 2015); weight decay is added to the gradient of weights.

    learning_rate: at the start of a phase; the schedule changes it from step to step
    """
    return Adam(mean_decay=betas[0], square_decay=betas[1], decay=weight_decay)
