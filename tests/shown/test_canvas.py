"""Predictions put together from parts: held against the prediction that the parts were cut from."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from pixelwise.shown.base import Canvas
from pixelwise.types import ClassMap, Colours

QUARTERS = [(rows, columns) for rows in (slice(0, 3), slice(3, 7)) for columns in (slice(0, 2), slice(2, 5))]
RNG = np.random.default_rng(0)
CONFIDENCE = RNG.random((7, 5), np.float32)
IMAGE = RNG.integers(0, 256, (7, 5, 3), np.uint8)
INDICES = RNG.integers(0, 24, (7, 5)).astype(np.uint8)


@pytest.mark.parametrize(
    "whole",
    [
        ClassMap(INDICES, CONFIDENCE),
        ClassMap(INDICES),
        ClassMap(INDICES.astype(np.uint16) + 300, CONFIDENCE),
        Colours(IMAGE, INDICES, CONFIDENCE),
    ],
)
def test_quarters_are_the_whole(whole):
    canvas = Canvas((7, 5))
    planes = {field.name: getattr(whole, field.name) for field in fields(whole)}
    for place in QUARTERS:
        cut = {name: None if plane is None else plane[place] for name, plane in planes.items()}
        canvas.put(type(whole)(**cut), *place)
    found = canvas.finished()
    assert type(found) is type(whole)
    for name, plane in planes.items():
        assert np.array_equal(getattr(found, name), plane)
        assert plane is None or getattr(found, name).dtype == plane.dtype
