"""Instance maps: masks in which every object has its own number, read as objects and as a mask of classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pixelwise.data.pairing.values import ValueTable, look_up
from pixelwise.imaging.files import UnknownValues
from pixelwise.rle import runs_by_value
from pixelwise.types import Image, IndexMap, Object, Sample

ONE = 1  # the class of every object where a map has no classes; 0 is the background


def sample_of(
    name: str,
    image: Image,
    ids: IndexMap,
    *,
    divisor: int = 0,
    void: int | None = None,
    classes: ValueTable | None = None,
    where: str = "",
) -> Sample:
    """The sample of a picture and its instance map: its objects in the order of their numbers, and its mask of classes.

    ids:      (H, W), the number of the object at each pixel; 0 is background
    divisor:  the class of an object is its number // divisor (Cityscapes: 1000), and a number below the divisor is the class
              of pixels without an object; 0: every object is of class 1
    void:     the number that means "not labelled", or with `classes` the class that does; None if no number does
    classes:  the class of each number, or of each number // divisor. The first class has no objects. With a divisor, numbers
              below it of another class are crowds: groups whose members have no numbers, as in Cityscapes

    Raises UnknownValues at the file `where` for numbers without a class.
    """
    numbers = np.arange(int(ids.max(initial=0)) + 1, dtype=np.int32)
    labels = np.where(numbers >= divisor, numbers // divisor, numbers).astype(np.int32) if divisor else numbers
    mask: IndexMap
    if classes is not None:
        mask, strange = look_up(labels[ids].astype(np.uint16), classes)
        if strange:
            raise UnknownValues(strange, classes.told, where=where)
        labels = classes.table[labels]
        things = (labels != 0) & (labels != (-1 if void is None else void))
    else:
        labels = labels if divisor else np.minimum(labels, ONE)
        things = (numbers > 0) & (numbers >= divisor) & (numbers != (-1 if void is None else void))
        if void is not None and void < len(labels):
            labels[void] = void
        mask = labels[ids].astype(np.uint8) if ids.dtype == np.uint8 else labels[ids].astype(np.uint16)
    objects = [
        Object.of(int(labels[number]), runs, crowd=number < divisor)
        for number, runs in runs_by_value(ids).items()
        if things[number]
    ]
    return Sample(name, image, mask, objects)


def with_components(sample: Sample, void: int | None) -> Sample:
    """The sample with an object for every connected part of each class but the first; neighbours at a corner are connected."""
    from scipy.ndimage import label

    objects = []
    for index in np.unique(sample.mask).tolist() if sample.mask is not None else ():
        if index not in (0, void):
            parts, _ = label(sample.mask == index, structure=np.ones((3, 3), int))
            objects += [Object.of(index, runs) for number, runs in runs_by_value(parts).items() if number]
    return replace(sample, objects=objects)
