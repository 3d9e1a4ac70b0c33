"""Objects and their run lengths: round trips, areas and boxes, beside the masks they come from and beside pycocotools."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from pixelwise.deferred import Deferred
from pixelwise.errors import DataError
from pixelwise.rle import RLE, runs_by_value
from pixelwise.types import ClassMap, DatasetInfo, Instances, Object, Sample

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))


@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9), elements=st.integers(0, 3)))
def test_the_runs_of_every_value_are_those_of_its_own_mask(plane):
    found = runs_by_value(plane)
    assert list(found) == np.unique(plane).tolist()
    for value, runs in found.items():
        assert runs.counts.tolist() == RLE.of(plane == value).counts.tolist()


@given(masks)
def test_run_lengths_are_those_of_coco(mask):
    runs = RLE.of(mask)
    assert np.array_equal(runs.mask(), mask)
    assert runs.mask().dtype == bool
    assert runs.area == mask.sum()
    assert (runs.counts[1:] > 0).all()
    uncompressed = {"size": list(mask.shape), "counts": runs.counts.tolist()}
    theirs = coco.frPyObjects(uncompressed, *mask.shape)
    assert theirs["counts"] == coco.encode(np.asfortranarray(mask.view(np.uint8)))["counts"]
    left, top, width, height = coco.toBbox(theirs).tolist()
    assert runs.box == (left, top, left + width, top + height)


@given(masks)
def test_a_box_is_the_smallest_around_every_one(mask):
    rows, columns = mask.nonzero()
    expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if len(rows) else (0, 0, 0, 0)
    assert RLE.of(mask).box == expected
    assert all(isinstance(side, float) for side in RLE.of(mask).box)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20).filter(any))
def test_runs_of_length_zero_change_nothing(lengths):
    runs = RLE((1, sum(lengths)), np.array(lengths, np.uint32))
    again = RLE.of(runs.mask())
    assert (runs.area, runs.box) == (again.area, again.box)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (np.array([4, 1], np.uint32), "the runs of a 3×2 mask have 6 pixels; these have 5"),
        (np.array([6]), r"run lengths are one row of uint32, not \(1,\) int64"),
        (np.array([[6]], np.uint32), r"run lengths are one row of uint32, not \(1, 1\) uint32"),
    ],
)
def test_run_lengths_that_fit_no_mask_are_refused(counts, said):
    with pytest.raises(DataError, match=said):
        RLE((2, 3), counts)


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(DataError, match=r"a mask is \(H, W\), this one is \(3,\)"):
        RLE.of(np.ones(3))


@pytest.mark.parametrize(
    "wrong", [{"label": -1}, {"box": (2, 0, 1, 1)}, {"box": (0, 0, float("nan"), 1)}, {"score": float("inf")}]
)
def test_objects_are_validated(wrong):
    with pytest.raises(DataError, match="an object has a label of at least 0"):
        Object(**{"label": 0, "mask": None, "box": (0, 0, 1, 1), **wrong})


def test_masks_have_the_size_of_their_picture():
    one = Object.of(1, RLE.of(np.eye(2)))
    assert one.box == (0, 0, 2, 2)
    for objects in ((one,), [one]):
        with pytest.raises(DataError, match="s: the mask of object 0 is 2×2, its picture 3×2"):
            Sample("s", np.zeros((2, 3, 3), np.uint8), objects=objects)
    with pytest.raises(DataError, match="the mask of object 0 is 2×2"):
        Instances((2, 3), (one,))


def test_found_objects_come_best_first():
    objects = [Object(0, None, (0, 0, 1, 1), score) for score in (0.9, 0.2)]
    assert Instances((4, 4), tuple(objects)).kind == "instances"
    with pytest.raises(DataError, match="sorted by score, best first"):
        Instances((4, 4), tuple(reversed(objects)))
    assert ClassMap.kind == "class_map"


def test_deferred_objects_are_made_once_and_travel_as_a_tuple():
    made = []
    objects = Deferred(lambda: [made.append(1), Object(3, None, (0, 0, 1, 1))][1:])
    sample = Sample("s", np.zeros((2, 3, 3), np.uint8), objects=objects)
    assert not made
    assert (len(sample.objects), sample.objects[0].label, [one.label for one in sample.objects]) == (1, 3, [3])
    assert made == [1]
    assert pickle.loads(pickle.dumps(objects)) == (Object(3, None, (0, 0, 1, 1)),)  # noqa: S301


@pytest.mark.parametrize("more", [{}, {"channels": 5, "padded": True, "void": 255, "frequencies": (3, 4)}])
def test_what_is_known_about_a_data_set_is_read_back_from_its_record(more):
    info = DatasetInfo("toy", ("a", "b"), ((0, 1, 2), (3, 4, 5)), frozenset({"mask", "label"}), source="drawn", **more)
    record = json.loads(json.dumps(info.as_record()))
    assert DatasetInfo.from_record(record) == info
    assert {"channels", "padded"} & record.keys() == more.keys() & {"channels", "padded"}
    with pytest.raises((KeyError, TypeError)):
        DatasetInfo.from_record({key: value for key, value in record.items() if key != "classes"})
