"""Instance maps: masks in which every object has its own number, read as objects and as a mask of classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pixelwise.rle import runs_by_value
from pixelwise.types import Image, IndexMap, Object, Sample

ONE = 1  # the class of every object where a map has no classes; 0 is the background


def sample_of(name: str, image: Image, ids: IndexMap, *, divisor: int = 0, void: int | None = None) -> Sample:
    """The sample of a picture and its instance map: its objects in the order of their numbers, and its mask of classes.

    ids:      (H, W), the number of the object at each pixel; 0 is background
    divisor:  an object's class is its number // divisor (Cityscapes: 1000), and a number below the divisor is the class of
              pixels without an object; 0: every object is of class 1
    void:     the number that means "not labelled", if there is one
    """
    objects = [
        Object.of(number // divisor if divisor else ONE, runs)
        for number, runs in runs_by_value(ids).items()
        if number not in (0, void) and number >= divisor
    ]
    return Sample(name, image, _classes(ids, divisor, void), objects)


def with_components(sample: Sample, void: int | None) -> Sample:
    """The sample with an object for every connected part of each class but the first; neighbours at a corner are connected."""
    from scipy.ndimage import label

    objects = []
    for index in np.unique(sample.mask).tolist() if sample.mask is not None else ():
        if index not in (0, void):
            parts, _ = label(sample.mask == index, structure=np.ones((3, 3), int))
            objects += [Object.of(index, runs) for number, runs in runs_by_value(parts).items() if number]
    return replace(sample, objects=objects)


def _classes(ids: IndexMap, divisor: int, void: int | None) -> IndexMap:
    """(H, W), the class of each pixel, or void."""
    table = np.arange(int(ids.max(initial=0)) + 1)
    table = np.where(table >= divisor, table // divisor, table) if divisor else np.minimum(table, ONE)
    if void is not None and void < len(table):
        table[void] = void
    mask = table[ids]
    return mask.astype(np.uint8) if ids.dtype == np.uint8 else mask.astype(np.uint16)
