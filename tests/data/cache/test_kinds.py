"""Kinds of masks, labels and counts."""

import json

import numpy as np
import pytest

from pixelwise.data.base import Dataset
from pixelwise.data.cache import open_split
from pixelwise.data.counts import class_counts
from pixelwise.data.scenes import scenes
from pixelwise.errors import DataError
from pixelwise.types import DatasetInfo, Sample


class Given(Dataset):
    """A data set of one sample that is handed over."""

    def __init__(self, sample: Sample, info: DatasetInfo) -> None:
        self.sample, self.info = sample, info

    def splits(self):
        return ("train",)

    def names(self, split):
        return (self.sample.name,)

    def read(self, split, index):
        return self.sample

    def sources(self, split, index):
        return ()

    def settings(self):
        return {}


def given(mask=None, label=None, classes=3, void=None, knows=("mask",)) -> Given:
    names = tuple(f"c{index}" for index in range(classes))
    info = DatasetInfo("given", names, ((0, 0, 0),) * classes, frozenset(knows), void)
    return Given(Sample("s", np.zeros((2, 3, 3), np.uint8), mask, None, label), info)


def test_masks_of_many_classes_are_kept_in_sixteen_bits(tmp_path):
    mask = np.array([[0, 299, 65535], [1, 2, 3]], np.uint16)
    split = open_split(given(mask, classes=300, void=65535), "train", None, folder=tmp_path)
    assert np.array_equal(split[0].mask, mask)
    counts = class_counts(split)
    assert counts.shape == (300,)
    assert counts.sum() == 5
    assert counts[299] == 1


def test_labels_without_masks(tmp_path):
    split = open_split(given(label=2, knows=("label",)), "train", None, folder=tmp_path)
    assert (split[0].label, split[0].mask, split.masks) == (2, None, None)
    with pytest.raises(DataError, match="given: the split 'train' has no masks to count"):
        class_counts(split)


def test_samples_keep_their_promises(tmp_path):
    with pytest.raises(DataError, match="s: has no mask, which every sample of 'given' should have"):
        open_split(given(), "train", None, folder=tmp_path)
    with pytest.raises(DataError, match="s: has the label 3; labels must be 0 to 2"):
        open_split(given(label=3, knows=("label",)), "train", None, folder=tmp_path)


def test_counts_are_exact_and_leave_void_out(tmp_path):
    data = scenes(tmp_path, size=32, train=7, void_rim=2)
    split = open_split(data, "train", None, folder=tmp_path)
    expected = np.zeros(7, np.int64)
    for index in range(7):
        for value in data.read("train", index).mask.ravel():
            if value != 255:
                expected[value] += 1
    assert np.array_equal(class_counts(split), expected)


def test_about_is_plain_json(tmp_path):
    split = open_split(scenes(tmp_path, size=32, train=2), "train", None, folder=tmp_path)
    about = json.loads((split.entry / "about.json").read_text())
    assert about["arrays"].pop("objects").startswith("[('label', '<i8')")
    assert about["arrays"] == {"images": "uint8", "masks": "uint8", "labels": "int64"} | {
        "runs": "uint32",
        "object_ends": "int64",
    }
    assert len(about["key"]) == 64
