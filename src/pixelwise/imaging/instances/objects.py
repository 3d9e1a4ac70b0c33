"""From an instance map and what the network said of each pixel to objects with a class and a score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pixelwise.rle import runs_by_value
from pixelwise.types import Object

ScoreRule = Literal["inside", "inside_energy", "inside_peak"]


def scored_objects(
    labels: NDArray[Any],
    probabilities: NDArray[np.float32],
    energy: NDArray[np.float32],
    kinds: Sequence[int],
    rule: ScoreRule,
) -> tuple[Object, ...]:
    """The objects 1..n of an instance map (H, W), best score first.

    probabilities:  (1 + K, H, W), of no object and of each kind
    energy:         (H, W), about 0 at boundaries and 1 in the middle of objects; cut to 0..1
    kinds:          the class of each of the K kinds
    rule:           `inside`, the mean of 1 − p₀ over its pixels; this times the mean of the energy (`inside_energy`); or times
                    the largest energy (`inside_peak`)

    The class of an object is the kind whose probabilities have the largest sum over its pixels.
    """
    count = int(labels.max(initial=0))
    if not count:
        return ()
    where = np.flatnonzero(labels)
    own = labels.ravel()[where]
    pixels = np.bincount(own, minlength=count + 1)[1:]

    def mean(plane: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(own, plane.ravel()[where], count + 1)[1:] / np.maximum(pixels, 1)

    shares = np.stack([mean(plane) for plane in probabilities])
    scores = 1 - shares[0]
    heights = np.clip(energy.ravel()[where], 0, 1)
    if rule == "inside_energy":
        scores = scores * (np.bincount(own, heights, count + 1)[1:] / np.maximum(pixels, 1))
    elif rule == "inside_peak":
        order = np.argsort(own, kind="stable")
        begins = np.searchsorted(own[order], np.arange(1, count + 1))
        scores = scores * np.maximum.reduceat(heights[order], begins)
    scores = np.clip(scores, 0, 1)
    best = shares[1:].argmax(axis=0)
    masks = runs_by_value(labels)
    ranked = np.argsort(-scores, kind="stable")
    return tuple(Object.of(kinds[best[i]], masks[int(i) + 1], score=float(scores[i])) for i in ranked)
