"""Colours for classes: PASCAL VOC's, and a list of colours that stay apart from each other."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pixelwise.types import RGB

VOC_VOID: RGB = (224, 224, 192)  # index 255 of VOC's palette: the cream of its object borders

# Okabe and Ito (2008), "Color Universal Design": told apart by people with any of the common colour blindnesses.
# A dark grey for the first class, which is most often background, then their seven colours.
OKABE_ITO: tuple[RGB, ...] = (
    (64, 64, 72),
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)


def voc_colours(count: int) -> tuple[RGB, ...]:
    """The first `count` (at most 256) colours of PASCAL VOC's palette, as its development kit computes them.

    Bits 0, 3, 6 of the index become the highest bits of red, bits 1, 4, 7 of green, bits 2, 5 of blue.
    """

    def channel(index: int, first: int) -> int:
        return sum((index >> bit & 1) << (7 - bit // 3) for bit in range(first, 8, 3))

    return tuple((channel(index, 0), channel(index, 1), channel(index, 2)) for index in range(count))


@cache
def distinct_colours(count: int) -> tuple[RGB, ...]:
    """`count` colours: Okabe and Ito's first, then always the colour farthest from all that came before.

    Distance is Euclidean in Oklab (Ottosson 2020), in which equal steps look about equally large. The first k of
    `distinct_colours(n)` are `distinct_colours(k)`.
    """
    chosen = list(OKABE_ITO[:count])
    if count <= len(chosen):
        return tuple(chosen)
    steps = np.arange(15, 256, 20, dtype=np.int64)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    places = _oklab(grid)
    lively = (places[:, 0] > 0.35) & (places[:, 0] < 0.95)  # neither black nor white: both are used for marks
    grid, places = grid[lively], places[lively]
    nearest = np.full(len(grid), np.inf)
    for place in _oklab(np.array(chosen)):
        nearest = np.minimum(nearest, ((places - place) ** 2).sum(1))
    while len(chosen) < count:
        best = int(nearest.argmax())
        red, green, blue = (int(value) for value in grid[best])
        chosen.append((red, green, blue))
        nearest = np.minimum(nearest, ((places - places[best]) ** 2).sum(1))
    return tuple(chosen)


def _oklab(colours: NDArray[np.int64]) -> NDArray[np.float64]:
    """sRGB 0..255 (N, 3) → Oklab (N, 3). Matrices of B. Ottosson, "A perceptual color space for image processing"."""
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    to_cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566]]
    to_cones.append([0.0883024619, 0.2817188376, 0.6299787005])
    to_lab = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099]]
    to_lab.append([0.0259040371, 0.7827717662, -0.8086757660])
    cones = np.cbrt(linear @ np.array(to_cones).T)
    return np.asarray(cones @ np.array(to_lab).T)
