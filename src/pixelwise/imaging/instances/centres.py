"""From bells at the centres of objects, and each pixel's way to its centre, to an instance map (Cheng et al. 2020).

Pixels of one object need not touch, so that a person behind a pole stays one person; a watershed cannot do that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pixelwise.imaging.instances.watershed import Labels, renumbered

MOST = 1024  # centres in a picture
APART = 3
BLOCK = 1 << 16  # pixels that are compared with all centres at a time


def group(
    inside: NDArray[np.bool_],
    bells: NDArray[np.floating[Any]],
    way: NDArray[np.floating[Any]],
    *,
    smoothing: float,
    least: float,
    smallest: int,
) -> Labels:
    """(H, W) int32: 0 outside, and the objects 1..n by the first of their pixels in reading order.

    inside:    (H, W), which pixels are of any object
    bells:     (H, W), high at centres
    way:       (2, H, W) down and right in pixels, to the centre of the pixel's object
    smoothing: σ in pixels of a Gaussian over the bells; 0: none
    least:     height of the lowest bell that is a centre: the highest place within APART pixels, up, down, left and right
    smallest:  pixels of the smallest object that is kept

    A pixel belongs to the centre that is nearest to the end of its vector. If no bell is high enough, the highest place is
    the only centre.
    """
    found = np.zeros(inside.shape, np.int32)
    if not inside.any():
        return found
    if smoothing:
        bells = ndimage.gaussian_filter(bells, smoothing)
    highest = ndimage.maximum_filter(bells, 2 * APART + 1, mode="nearest")
    plateaus, count = ndimage.label((bells == highest) & (bells >= least))
    if count:
        centres = np.array(ndimage.center_of_mass(plateaus > 0, plateaus, np.arange(1, count + 1)))
        tops = ndimage.maximum(bells, plateaus, np.arange(1, count + 1))
        centres = centres[np.argsort(-np.asarray(tops), kind="stable")[:MOST]]
    else:
        centres = np.array([np.unravel_index(int(bells.argmax()), bells.shape)], float)
    places = np.argwhere(inside)
    led = places + way[:, inside].T
    nearest = [
        ((led[at : at + BLOCK, None] - centres) ** 2).sum(axis=2).argmin(axis=1) for at in range(0, len(led), BLOCK)
    ]
    found[inside] = np.concatenate(nearest) + 1
    return renumbered(found, smallest)
