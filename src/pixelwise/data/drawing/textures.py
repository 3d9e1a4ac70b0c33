"""Textures between two colours, as one plane 0..1 each, and smooth noise."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
TEXTURES = ("plain", "stripes", "checks", "dots", "waves", "grain")


def texture(kind: str, x: Plane, y: Plane, period: float, generator: np.random.Generator) -> Plane:
    """The share 0..1 of the second colour at every coordinate (x, y); edges are about a pixel soft.

    `period` is the length in pixels after which the pattern repeats.
    """
    k = np.float32(2 * np.pi / period)
    soft = np.float32(period / 7)  # slope of the edge: from one colour to the other within about a pixel
    if kind == "stripes":
        return _step(np.sin(k * x) * soft)
    if kind == "checks":
        return _step(np.sin(k * x) * np.sin(k * y) * soft * 1.4)
    if kind == "dots":
        return _step((np.cos(k * x) + np.cos(k * y) - np.float32(0.55)) * soft)
    if kind == "waves":
        return _step(np.sin(k * (x + np.float32(period / 5) * np.sin(k * np.float32(0.7) * y))) * soft)
    if kind == "grain":
        return generator.random(x.shape, dtype=np.float32)
    return np.zeros_like(x)


def noise(height: int, width: int, cells: int, generator: np.random.Generator) -> Plane:
    """Smooth noise (H, W) around 0, about ±1: three octaves of random grids, enlarged by cubic B-splines.

    `cells` is the number of grid cells across the picture in the coarsest octave.
    """
    total = np.zeros((height, width), dtype=np.float32)
    for octave in range(3):
        count = cells * 2**octave
        grid = generator.standard_normal((count + 3, count + 3), dtype=np.float32)
        total += np.float32(1.6 * 0.5**octave) * (_enlarge(height, count) @ grid @ _enlarge(width, count).T)
    return total


@cache
def _enlarge(length: int, cells: int) -> Plane:
    """The matrix (length, cells + 3) that interpolates a row of grid points by uniform cubic B-splines."""
    place = (np.arange(length) + 0.5) / length * cells
    left = np.minimum(place.astype(int), cells - 1)
    t = place - left
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    matrix = np.zeros((length, cells + 3), dtype=np.float32)
    for offset, weight in enumerate(weights):
        matrix[np.arange(length), left + offset] = weight / 6
    matrix.setflags(write=False)
    return matrix


def _step(value: Plane) -> Plane:
    return np.asarray(np.clip(value + np.float32(0.5), 0, 1))
