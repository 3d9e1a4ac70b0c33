"""Shapes as signed distances: negative inside, in pixels, so that one formula gives the exact mask and the soft edge.

Every function takes the coordinates (H, W) float32 of pixel centres in the shape's own frame (origin at its centre).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]  # (H, W)


def disc(x: Plane, y: Plane, radius: float) -> Plane:
    """A disc."""
    return np.asarray(np.hypot(x, y) - np.float32(radius))


def ring(x: Plane, y: Plane, radius: float) -> Plane:
    """A ring whose hole is half as wide as itself: what lies beneath shows through."""
    return np.asarray(np.abs(np.hypot(x, y) - np.float32(0.74 * radius)) - np.float32(0.26 * radius))


def box(x: Plane, y: Plane, radius: float) -> Plane:
    """A square with rounded corners; `radius` reaches its corners."""
    half, corner = np.float32(0.76 * radius), np.float32(0.12 * radius)
    across, down = np.abs(x) - half + corner, np.abs(y) - half + corner
    outside = np.hypot(np.maximum(across, 0), np.maximum(down, 0))
    return np.asarray(outside + np.minimum(np.maximum(across, down), 0) - corner)


def triangle(x: Plane, y: Plane, radius: float) -> Plane:
    """An equilateral triangle with slightly rounded corners."""
    return polygon(x, y, _corners(3, radius * 1.06, radius * 1.06)) - np.float32(0.06 * radius)


def star(x: Plane, y: Plane, radius: float) -> Plane:
    """A star of five points, a little rounded."""
    return polygon(x, y, _corners(5, radius, 0.48 * radius)) - np.float32(0.05 * radius)


def wire(x: Plane, y: Plane, amplitude: float, wavelength: float, thickness: float) -> Plane:
    """A wavy line along the x axis, `thickness` pixels wide: a thin structure.

    Distance to the curve y = a·sin(kx), to first order: |y − a·sin(kx)| / √(1 + (a·k·cos(kx))²).
    """
    k = np.float32(2 * np.pi / wavelength)
    slope = np.float32(amplitude) * k * np.cos(k * x)
    distance = np.abs(y - np.float32(amplitude) * np.sin(k * x)) / np.sqrt(1 + slope * slope)
    return np.asarray(distance - np.float32(thickness / 2))


def polygon(x: Plane, y: Plane, corners: NDArray[np.float32]) -> Plane:
    """The exact signed distance to a simple polygon with `corners` (N, 2) in order.

    The nearest point of each edge gives the distance, the number of edges crossed by a ray the sign (even-odd rule).
    """
    nearest = np.full(x.shape, np.inf, dtype=np.float32)
    inside = np.zeros(x.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ex, ey = bx - ax, by - ay
        px, py = x - ax, y - ay
        along = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, (px - along * ex) ** 2 + (py - along * ey) ** 2)
        if ey != 0:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * (ex / ey))
    distance = np.sqrt(nearest)
    return np.where(inside, -distance, distance)


def _corners(points: int, outer: float, inner: float) -> NDArray[np.float32]:
    """Corners on a circle of radius `outer`; where `inner` differs, one of radius `inner` between every two."""
    count = points if inner == outer else 2 * points
    angles = 2 * np.pi * np.arange(count) / count - np.pi / 2
    radii = np.where(np.arange(count) % 2 == 0, outer, inner) if count > points else np.full(count, outer)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1).astype(np.float32)
