"""Layers: the functions of `functional` together with the weights and options they are called with."""

from pixelwise.scratch.layers.activation import Dropout, ReLU, Sigmoid
from pixelwise.scratch.layers.base import Gradients, Layer, Shape
from pixelwise.scratch.layers.convolution import Conv2d, ConvTranspose2d, convolution_algorithm
from pixelwise.scratch.layers.linear import Flatten, Linear
from pixelwise.scratch.layers.normalisation import BatchNorm2d
from pixelwise.scratch.layers.pooling import AvgPool2d, MaxPool2d

__all__ = [
    "AvgPool2d", "BatchNorm2d", "Conv2d", "ConvTranspose2d", "Dropout", "Flatten", "Gradients", "Layer", "Linear",
    "MaxPool2d", "ReLU", "Shape", "Sigmoid", "convolution_algorithm",
]  # fmt: skip
