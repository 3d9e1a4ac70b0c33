"""Objects of truth and prediction laid over each other: panoptic quality, and the kinds of mistakes.

Both sides are made disjoint first: of overlapping predictions the higher score wins, of overlapping objects of the truth the
smaller one. With I the pixels that an object t of the truth and a prediction p share:

    p covers t      I > |t| / 2
    p lies inside t I > |p| / 2
    they match      I / |t ∪ p| > 1/2, which is at most one p for each t; void pixels do not count in the union

Each object of the truth is one of these, the first that applies: merged (a prediction that covers it also covers another),
split (two or more predictions lie inside it), found (it matches), confused (it matches a prediction of another class),
missed. Each prediction is one of these: merging (it covers two or more), a piece (of a split object), found or confused,
void (more than half of it), invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelwise.imaging.draw import number_objects, touching_pairs
from pixelwise.types import Object

FOUND, CONFUSED, MERGED, SPLIT, MISSED = range(5)  # of the truth
MERGING, PIECE, VOID, INVENTED = range(2, 6)  # of predictions, besides FOUND and CONFUSED
UNIT = 1 << 32  # an IoU is kept as a whole number of 2⁻³² parts
SIZES = ("small", "medium", "large")
LIMITS = (32**2, 96**2)  # pixels from which an object is medium, and large


@dataclass(frozen=True, eq=False)
class Overlaps:
    """The result for each object (N,) and each prediction (M,) of a picture.

    iou:       of the object with its match of the same class, in units of 2⁻³²; 0 where it has none
    touching:  whether the object touches another one, also at a corner, or overlaps it
    right:     whether the prediction matches an object of its class
    """

    truth: NDArray[np.int64]
    iou: NDArray[np.int64]
    touching: NDArray[np.bool_]
    found: NDArray[np.int64]
    right: NDArray[np.bool_]


def overlaps(
    truth: Sequence[Object], found: Sequence[Object], size: tuple[int, int], void: NDArray[np.bool_] | None = None
) -> Overlaps:
    """Compare objects, none of them a crowd, all with masks. void: (H, W), pixels that do not count outside of objects."""
    order = np.argsort(_areas(truth), kind="stable").tolist()
    ids, others = number_objects([truth[place] for place in order], size), number_objects(found, size)
    n, m = len(truth), len(found)
    table = np.bincount(ids.ravel().astype(np.int64) * (m + 1) + others.ravel(), minlength=(n + 1) * (m + 1))
    table = table.reshape(n + 1, m + 1)
    places = np.zeros(n + 1, np.int64)
    places[1:][order] = np.arange(1, n + 1)
    table = table[places]  # rows in the order of `truth`
    empty = np.zeros(m + 1, np.int64)
    lost = empty if void is None else np.bincount(others[void & (ids == 0)], minlength=m + 1)
    shared, t, p = table[1:, 1:], table[1:].sum(axis=1), table[:, 1:].sum(axis=0)
    union = t[:, None] + (p - lost[1:])[None, :] - shared
    matches = 2 * shared > union
    same = np.array([[a.label == b.label for b in found] for a in truth], bool).reshape(n, m)
    covers, inside = 2 * shared > t[:, None], 2 * shared > p[None, :]
    merging = covers.sum(axis=0) > 1
    merged = (covers & merging).any(axis=1)
    split = ~merged & ((inside & ~merging).sum(axis=1) > 1)
    right = matches & same
    state = np.select([merged, split, right.any(axis=1), matches.any(axis=1)], [MERGED, SPLIT, FOUND, CONFUSED], MISSED)
    piece, inside_void = (inside & split[:, None]).any(axis=0), 2 * lost[1:] > p
    conditions = [merging, piece, right.any(axis=0), matches.any(axis=0), inside_void]
    states = np.select(conditions, [MERGING, PIECE, FOUND, CONFUSED, VOID], INVENTED)
    iou = np.where(right, (2 * shared * UNIT + union) // np.maximum(2 * union, 1), 0).max(axis=1, initial=0)
    touching = np.isin(places[1:], touching_pairs(ids)) | (t == 0)
    return Overlaps(state, iou, touching, states, right.any(axis=0))


def size_of(objects: Sequence[Object]) -> NDArray[np.int64]:
    """0 small, 1 medium, 2 large, by the area of each mask."""
    return np.searchsorted(LIMITS, _areas(objects), side="right").astype(np.int64)


def _areas(objects: Sequence[Object]) -> NDArray[np.int64]:
    return np.array([one.mask.area if one.mask else 0 for one in objects], np.int64)
