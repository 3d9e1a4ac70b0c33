"""Masks that were resized smoothly or stored with loss, brought back to the values that were drawn, where these are sure.

Large areas keep the value that was drawn, also in a JPEG (or one next to it). A pixel between two areas gets the value of the
nearest area, or of another one near it if that is closer in value. Thin objects, whose value is outside of what lies around
them, keep theirs.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.checks.outlines import SHORT, between
from pixelwise.types import RGB, Image, IndexMap

RARE = 2e-4  # share of the pixels of all masks, in areas, below which a value was not drawn
NEXT, LESS, APART = 2, 0.25, 4  # values so near each other, of which one is so much rarer, are one; and a safe distance
SURE = 0.25  # share of a mask's pixels that may change
COLOURS = 40  # largest difference in a channel between a pixel in an area and the colour of its class


def drawn_values(masks: Sequence[IndexMap]) -> tuple[int, ...]:
    """The values that were drawn: those of areas in all masks; none if it is not sure which.

    Interpolation leaves areas unchanged. JPEG changes them by 1 or so: then the values that are left must be APART.
    """
    counts = np.zeros(1 << 16, np.int64)
    for mask in masks:
        counts += np.bincount(mask[~between(mask)], minlength=1 << 16)
    present = np.flatnonzero(counts > RARE * counts.sum())
    if not _is_noisy(counts):
        return tuple(present.tolist())
    kept: list[int] = []
    for value in present[np.argsort(-counts[present], kind="stable")].tolist():
        if not any(abs(value - other) <= NEXT and counts[value] < LESS * counts[other] for other in kept):
            kept.append(value)
    unclear = any(high - low < APART for low, high in itertools.pairwise(sorted(kept)))
    return () if unclear else tuple(sorted(kept))


def _is_noisy(counts: NDArray[np.int64]) -> bool:
    """Whether most frequent values have a rare one on both sides or next to them, as in areas of a JPEG."""
    frequent = np.flatnonzero(counts > 0.02 * counts.sum())
    beside = [counts[max(0, value - 1) : value].sum() + counts[value + 1 : value + 2].sum() for value in frequent]
    return bool(np.mean([0 < near < LESS * counts[value] for near, value in zip(beside, frequent, strict=True)]) > 0.5)


def snap(mask: IndexMap, values: Sequence[int]) -> IndexMap | None:
    """The mask with these values alone; None if too much of it would change to be sure."""
    from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter

    known, own = np.array(values), mask.astype(np.int32)
    if not len(known):
        return None
    nearest = known[np.abs(own[..., None] - known).argmin(axis=-1)]
    area = ~between(mask) & (np.abs(own - nearest) <= NEXT)
    if not area.any():
        return None
    rows, columns = distance_transform_edt(~area, return_distances=False, return_indices=True)
    reach = 2 * SHORT + 1
    around = nearest[rows, columns]
    low = np.minimum(minimum_filter(np.where(area, nearest, 1 << 16), reach), around)
    high = np.maximum(maximum_filter(np.where(area, nearest, -1), reach), around)
    candidates = np.stack([around, low, high])
    chosen = np.take_along_axis(candidates, np.abs(candidates - own).argmin(axis=0)[None], axis=0)[0]
    thin = ~area & ((own < low) | (own > high)) & np.isin(own, known)
    snapped = np.where(thin | area, nearest, chosen)
    if np.count_nonzero(snapped != own) > SURE * mask.size:
        return None
    made: IndexMap = snapped.astype(np.uint8) if max(values) < 256 else snapped.astype(np.uint16)
    return made


def snap_colours(image: Image, colours: Mapping[RGB, int]) -> IndexMap | None:
    """The class of each pixel of a mask in colour; None if an area has the colour of no class."""
    table = np.array(list(colours), np.int32)
    index = np.array(list(colours.values()))
    distance = np.abs(image.astype(np.int32)[:, :, None] - table).max(axis=-1)
    place = distance.argmin(axis=-1)
    solid = ~np.logical_or.reduce([between(image[..., channel]) for channel in range(3)])
    far = distance.min(axis=-1) > COLOURS
    if not solid.any() or np.count_nonzero(far & solid) > RARE * solid.sum():
        return None
    snapped = snap(place.astype(np.uint8), sorted(set(place[solid & ~far].tolist())))
    if snapped is None:
        return None
    classes: IndexMap = index[snapped].astype(np.uint8) if index.max() < 256 else index[snapped].astype(np.uint16)
    return classes


def classes_of(values: Collection[int], classes: int, void: int | None) -> dict[int, int] | None:
    """Drawn value → class: unchanged where each is one; 0 and the other value of two classes; None if it is not sure."""
    if all(value < classes or value == void for value in values):
        return {value: value for value in values}
    drawn = sorted(value for value in values if value != void)
    if len(drawn) == classes == 2 and drawn[0] <= NEXT and void not in values:
        return {drawn[0]: 0, drawn[1]: 1}
    return None
