"""Predictions put together from parts: held against the prediction that the parts were cut from."""

from __future__ import annotations

import numpy as np
import pytest

from pixelwise.errors import RunError
from pixelwise.imaging.canvas import Canvas
from pixelwise.types import ClassMap, Colours, Labels

QUARTERS = [(rows, columns) for rows in (slice(0, 3), slice(3, 7)) for columns in (slice(0, 2), slice(2, 5))]


@pytest.mark.parametrize(("classes", "kind"), [(2, np.uint8), (256, np.uint8), (257, np.uint16)])
def test_class_maps_in_quarters_are_the_whole(classes, kind):
    rng = np.random.default_rng(0)
    indices = rng.integers(0, classes, (7, 5)).astype(kind)
    confidence = rng.random((7, 5), np.float32)
    canvas = Canvas((7, 5), classes)
    for place in QUARTERS:
        canvas.put(ClassMap(indices[place]), confidence[place], *place)
    whole = canvas.finished()
    assert isinstance(whole, ClassMap)
    assert whole.indices.dtype == kind
    assert np.array_equal(whole.indices, indices)
    assert np.array_equal(whole.confidence, confidence)


def test_colours_in_quarters_are_the_whole():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (7, 5, 3), np.uint8)
    indices = rng.integers(0, 24, (7, 5)).astype(np.uint8)
    confidence = rng.random((7, 5), np.float32)
    canvas = Canvas((7, 5), 24)
    for place in QUARTERS:
        canvas.put(Colours(image[place], indices[place], None), confidence[place], *place)
    whole = canvas.finished()
    assert isinstance(whole, Colours)
    assert np.array_equal(whole.image, image)
    assert np.array_equal(whole.indices, indices)
    assert np.array_equal(whole.confidence, confidence)


def test_a_label_of_a_whole_picture_is_no_part():
    with pytest.raises(RunError, match="gives Labels, nothing for each pixel"):
        Canvas((2, 2), 2).put(Labels(np.array([0.5, 0.5], np.float32)), np.ones((2, 2), np.float32), *QUARTERS[0])
