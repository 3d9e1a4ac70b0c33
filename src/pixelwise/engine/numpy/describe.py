"""What a run records of the NumPy network: its layers with parameters and multiply-adds."""

from __future__ import annotations

import math
from typing import Any

from pixelwise.recipe.schema import Recipe
from pixelwise.scratch.layers import Conv2d, ConvTranspose2d, Layer, Linear, Shape
from pixelwise.scratch.network import Network


def model_record(recipe: Recipe, network: Network) -> dict[str, Any]:
    """What the report says of the architecture; the same keys as of a torch model."""
    befores = [network.input_shape, *network.shapes]
    rows = [
        layer_record(index, layer, before, after)
        for index, (layer, before, after) in enumerate(zip(network.layers, befores, network.shapes, strict=False))
    ]
    return {
        "name": recipe.model.name,
        "options": recipe.model.options,
        "input": list(network.input_shape),
        "parameters": sum(row["parameters"] for row in rows),
        "macs": sum(row["macs"] for row in rows),
        "layers": rows,
    }


def layer_record(index: int, layer: Layer, before: Shape, after: Shape) -> dict[str, Any]:
    """One layer: what it reads and gives, its window, its parameters and multiply-adds for one picture."""
    window = getattr(layer, "window", None)
    return {
        "layer": str(index),
        "kind": type(layer).__name__,
        "in_channels": before[0],
        "out_channels": after[0],
        "kernel": None if window is None else list(window.kernel),
        "stride": None if window is None else list(window.stride),
        "padding": None if window is None else list(window.padding),
        "output": list(after[1:]) or None,
        "parameters": sum(value.size for value in layer.parameters.values()),
        "macs": multiply_adds(layer, before, after),
    }


def multiply_adds(layer: Layer, before: Shape, after: Shape) -> int:
    """Of the products with weights, biases left out."""
    if isinstance(layer, Linear):
        return int(math.prod(layer.weight_shape))
    if isinstance(layer, Conv2d):  # every output pixel of every filter reads one window
        return int(math.prod(after[1:]) * math.prod(layer.weight_shape))
    if isinstance(layer, ConvTranspose2d):  # every input pixel writes one window
        return int(math.prod(before[1:]) * math.prod(layer.weight_shape))
    return 0
