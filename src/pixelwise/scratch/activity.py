"""Counts dead ReLUs: units of a network that never fire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pixelwise.scratch.checks import Array
from pixelwise.scratch.layers import ReLU
from pixelwise.scratch.network import Network


@dataclass(frozen=True)
class Activity:
    """One ReLU layer over many pictures.

    layer:   its index in the network
    units:   its channels, or numbers where it follows a Linear layer
    silent:  the units that are 0 at every place of every picture: no gradient passes them, so they cannot learn
    firing:  share of all outputs that are above 0
    """

    layer: int
    units: int
    silent: tuple[int, ...]
    firing: float

    @property
    def dead(self) -> int:
        """How many units are silent."""
        return len(self.silent)


def count_activity(network: Network, batches: Iterable[Array]) -> list[Activity]:
    """What each ReLU layer does over batches of pictures (N, C, H, W), in prediction.

    A unit that is dead here may still fire for other pictures; over the whole training set it will never be trained again,
    unless the layers before it move.
    """
    places = [index for index, layer in enumerate(network.layers) if isinstance(layer, ReLU)]
    fires = {index: np.zeros(network.shapes[index][0], np.int64) for index in places}
    outputs = dict.fromkeys(places, 0)
    for x in batches:
        for index, layer in enumerate(network.layers):
            x, _ = layer.forward(x)
            if index in fires:
                fires[index] += (x > 0).sum(axis=(0, *range(2, x.ndim)))
                outputs[index] += x.size
    return [
        Activity(
            index,
            len(fires[index]),
            tuple(np.flatnonzero(fires[index] == 0).tolist()),
            float(fires[index].sum() / outputs[index]),
        )
        for index in places
    ]
