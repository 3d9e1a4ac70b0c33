"""From an inside mask and an energy that is high in the middle of objects to objects: markers, then a watershed.

    energy ─┬─ Gaussian ──► peaks that rise by `depth` or more ── markers ─┐
            └──────────────────────────────────────────────────────────────┴─► watershed within the mask ──► small ones removed

Plain peaks of the distance cut people into limbs: every bulge has one. A peak of `depth` h is a marker only where one has to
go down by more than h to reach a higher one (Soille 2003, chapter 6: extended maxima). A marker is the whole plateau
{energy ≥ peak − h} around it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed as flood

from pixelwise.errors import DataError

OUTSIDE = -1.0  # the energy outside of the mask, below every energy within
EIGHT = np.ones((3, 3), bool)  # neighbours of a pixel
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))  # half of them: each pair of pixels is looked at once
TRUNCATE = 4.0  # standard deviations at which the Gaussian ends

Labels = NDArray[np.int32]
Energy = NDArray[np.floating[Any]]


def separate(inside: NDArray[np.bool_], energy: Energy, *, smoothing: float, depth: float, smallest: int) -> Labels:
    """(H, W) int32: 0 outside, and the objects 1..n by the first of their pixels in reading order.

    inside:     (H, W), which pixels are of any object
    energy:     (H, W) float32, 0 at boundaries and up to about 1 in the middle of objects; what is below 0 counts as 0
    smoothing:  σ of the Gaussian in pixels, over the energy in which markers are looked for; 0: none
    depth:      how far a peak must rise above the path to a higher one, above 0
    smallest:   pixels of the smallest object that is kept

    Every pixel of an object is inside. Equal inputs give equal outputs, for any number of threads. Everything is computed
    in the smallest window that contains the mask; the result is the same as over the whole picture. Raises DataError for an
    energy that is not finite.
    """
    found = np.zeros(inside.shape, np.int32)
    if not np.isfinite(energy).all():
        raise DataError("the energy of a watershed must be finite; this one has nan or inf.")
    if not inside.any():
        return found
    window, margin = _window(inside, int(TRUNCATE * smoothing + 0.5))
    wider = tuple(slice(w.start - m, w.stop + n) for w, (m, n) in zip(window, margin, strict=True))
    smooth = np.maximum(energy[wider], 0).astype(np.float32)
    (above, below), (left, right) = margin
    inner = (slice(above, smooth.shape[0] - below), slice(left, smooth.shape[1] - right))
    mask, plain = inside[window], smooth[inner]
    if smoothing:
        smooth = ndimage.gaussian_filter(smooth, smoothing, truncate=TRUNCATE)
    found_markers = markers(np.where(mask, smooth[inner], np.float32(OUTSIDE)), mask, depth)
    cut = _flooded(plain, found_markers, mask)
    found[window] = renumbered(cut, smallest)
    return found


def markers(energy: NDArray[np.float32], mask: NDArray[np.bool_], depth: float) -> Labels:
    """(H, W) int32: 0, or the number of the marker.

    A marker is a connected part of {energy ≥ m − depth}, m the largest energy in it: the regional maxima of the
    morphological reconstruction of energy − depth below energy, which would take most of the time of the whole chain. Here
    every pixel goes uphill to a peak, which makes basins, and the heights of the passes between basins say which of them are
    connected at which height: each pixel of a basin is connected to its peak by pixels that are not lower.
    """
    basins, heights = _uphill(energy, mask)
    threshold, owner = _connected(heights, *_passes(energy, basins), np.float32(depth))
    return np.where(energy >= threshold[basins], owner[basins], 0).astype(np.int32)


def _uphill(energy: NDArray[np.float32], mask: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """((H, W) the basin of each pixel, 0 outside of the mask, (1 + N,) the height of each basin's peak).

    From every pixel one goes to its highest neighbour, the first of equals, until none is higher. Pixels where that ends lie
    beside each other only where they are equally high, and are then one peak. It may be beside an equal one that leads
    further up; the pass between the two basins is as high as the peak itself, so that they are connected.
    """
    padded = np.pad(energy, 1, constant_values=-np.inf)
    width, inner = padded.shape[1], (slice(1, -1), slice(1, -1))
    target = np.arange(padded.size, dtype=np.int32).reshape(padded.shape)
    highest, led = padded[inner].copy(), target[inner].copy()
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            rows, columns = slice(1 + down, padded.shape[0] - 1 + down), slice(1 + right, width - 1 + right)
            near = padded[rows, columns]
            higher = near > highest
            np.copyto(highest, near, where=higher)
            np.copyto(led, target[rows, columns], where=higher)
    ends = (led == target[inner]) & mask
    peaks, count = ndimage.label(ends, EIGHT)
    heights = np.full(count + 1, -np.inf, np.float32)
    heights[peaks[ends]] = energy[ends]
    target[inner] = led
    flat = target.ravel()
    while not np.array_equal(further := flat[flat], flat):
        flat = further
    basin = np.zeros(padded.shape, np.int32)
    basin[inner] = peaks
    return np.where(mask, basin.ravel()[flat].reshape(padded.shape)[inner], 0), heights


def _flooded(energy: NDArray[np.float32], found: Labels, mask: NDArray[np.bool_]) -> NDArray[Any]:
    """The watershed of −energy from markers; a connected part of the mask with a single marker is one region."""
    parts, count = ndimage.label(mask, EIGHT)
    first, last = np.full(count + 1, np.iinfo(np.int32).max), np.zeros(count + 1, np.int64)
    marked = found > 0
    np.minimum.at(first, parts[marked], found[marked])
    np.maximum.at(last, parts[marked], found[marked])
    several = first < last
    cut: NDArray[Any] = last[parts]
    if several.any():
        window = ndimage.find_objects(several[parts].astype(np.int8))[0]
        within = several[parts[window]]
        regions = flood(-energy[window], found[window], connectivity=EIGHT, mask=within)
        cut[window] = np.where(within, regions, cut[window])
    return cut


def renumbered(labels: NDArray[Any], smallest: int) -> Labels:
    """(H, W): the regions of at least `smallest` pixels, numbered 1..n by the first of their pixels in reading order."""
    counts = np.bincount(labels.ravel())
    kept = counts >= max(1, smallest)
    kept[0] = False
    first = np.full(len(counts), labels.size)
    numbers, places = np.unique(labels, return_index=True)
    first[numbers] = places
    order = [number for number in np.argsort(first, kind="stable") if kept[number]]
    table = np.zeros(len(counts), np.int32)
    table[order] = np.arange(1, len(order) + 1)
    numbered: Labels = table[labels]
    return numbered


def _window(inside: NDArray[np.bool_], reach: int) -> tuple[tuple[slice, slice], list[tuple[int, int]]]:
    """The smallest window that holds the mask and a pixel around it, and how much more there is on each side, up to `reach`."""
    window, margin = [], []
    for axis, size in enumerate(inside.shape):
        places = np.flatnonzero(inside.any(axis=1 - axis))
        start, stop = max(0, places[0] - 1), min(size, places[-1] + 2)
        window.append(slice(int(start), int(stop)))
        margin.append((int(min(reach, start)), int(min(reach, size - stop))))
    return (window[0], window[1]), margin


def _passes(energy: NDArray[np.float32], basins: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """((P, 2) pairs of neighbouring basins, (P,) the height of each pass), the highest pass first.

    Two neighbouring pixels are a pass as high as the lower one of them.
    """
    pairs, heights = [], []
    for down, right in NEIGHBOURS:
        rows, beyond = slice(0, energy.shape[0] - down), slice(down, None)
        columns = slice(max(0, -right), energy.shape[1] - max(0, right))
        across = slice(max(0, right), energy.shape[1] - max(0, -right))
        one, other = basins[rows, columns], basins[beyond, across]
        meet = (one != other) & (one > 0) & (other > 0)
        pairs.append(np.sort(np.stack([one[meet], other[meet]], axis=1), axis=1))
        heights.append(np.minimum(energy[rows, columns][meet], energy[beyond, across][meet]))
    joined, lows = np.concatenate(pairs), np.concatenate(heights)
    order = np.lexsort((-lows, joined[:, 1], joined[:, 0]))  # the highest pass of each pair comes first
    joined, lows = joined[order], lows[order]
    first = np.ones(len(joined), bool)
    first[1:] = (joined[1:] != joined[:-1]).any(axis=1)
    joined, lows = joined[first], lows[first]
    falling = np.argsort(-lows, kind="stable")
    return joined[falling], lows[falling]


def _connected(
    heights: NDArray[np.float32], pairs: NDArray[Any], lows: NDArray[np.float32], depth: np.float32
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """For each basin the height at which its marker begins (inf: it has none), and the marker's number.

    Passes are opened from the highest down. A part of connected basins whose largest height is m is complete when the next
    pass lies below m − depth: then it is a marker, unless it has been connected to a higher basin before.
    """
    top, parts = heights.copy(), {number: [number] for number in range(1, len(heights))}
    home = list(range(len(heights)))
    complete = np.zeros(len(heights), bool)
    threshold, owner = np.full(len(heights), np.inf, np.float32), np.zeros(len(heights), np.int32)

    def close(part: int) -> None:
        if not complete[part]:
            threshold[parts[part]], owner[parts[part]] = top[part] - depth, part
            complete[part] = True

    for (one, other), low in zip(pairs.tolist(), lows, strict=True):
        high, lower = home[one], home[other]
        if high == lower:
            continue
        if top[high] < top[lower]:
            high, lower = lower, high
        for part in (high, lower):
            if low < top[part] - depth:
                close(part)
        for member in parts[lower]:
            home[member] = high
        parts[high] += parts.pop(lower)
    for part in parts:
        close(part)
    return threshold, owner
