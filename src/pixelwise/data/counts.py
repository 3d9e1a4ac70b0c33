"""How many pixels, or pictures, each class has: what class weights are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.cache import CachedSplit
from pixelwise.errors import DataError


def class_counts(split: CachedSplit) -> NDArray[np.int64]:
    """Pixels of each class over the whole split, (C,) int64, void left out. Exact: whole numbers that add up.

    Raises DataError if the split has no masks.
    """
    classes = len(split.info.classes)
    if split.masks is None:
        raise DataError(f"the split '{split.split}' has no masks to count", where=split.info.name)
    counts = np.zeros(classes, dtype=np.int64)
    for mask in split.masks:  # one picture at a time: bincount widens its input eightfold
        counts += np.bincount(mask.ravel(), minlength=classes)[:classes]
    return counts


def label_counts(split: CachedSplit) -> NDArray[np.int64]:
    """Pictures of each class over the whole split, (C,). Raises DataError if the split has no labels."""
    if split.labels is None:
        raise DataError(f"the pictures of the split '{split.split}' have no labels to count", where=split.info.name)
    return np.bincount(split.labels, minlength=len(split.info.classes)).astype(np.int64)
