"""What an entry of the cache contains, and when it is built again."""

import os

import numpy as np
import pytest
from PIL import Image as Pillow

from cache_entries import entries
from pixelwise.data.base import Dataset
from pixelwise.data.cache import open_split
from pixelwise.data.folder import Folder
from pixelwise.data.scenes import scenes
from pixelwise.errors import DataError
from pixelwise.imaging.resize import resize_image, resize_mask
from pixelwise.rle import RLE
from pixelwise.types import DatasetInfo, Object, Sample


def test_a_split_is_what_was_read_and_resized(tmp_path):
    data = scenes(tmp_path, size=32, train=5, void_rim=1)
    calls = []
    split = open_split(data, "train", (20, 24), folder=tmp_path / "cache", progress=lambda *a: calls.append(a))
    assert calls == [(done, 5) for done in range(1, 6)]
    assert (len(split), split.size, split.split, split.skipped) == (5, (20, 24), "train", ())
    assert split.names == data.names("train")
    for index in range(5):
        got, want = split[index], data.read("train", index)
        assert got.name == want.name
        assert got.label == want.label
        assert np.array_equal(got.image, resize_image(want.image, (20, 24)))
        assert np.array_equal(got.mask, resize_mask(want.mask, (20, 24)))
        resized = [resize_mask(one.mask.mask(), (20, 24)) for one in want.objects]
        assert len(got.objects) == sum(mask.any() for mask in resized)
        for one, mask in zip(got.objects, [mask for mask in resized if mask.any()], strict=True):
            assert np.array_equal(one.mask.mask(), mask)
            assert one.box == one.mask.box
        for array in (got.image, got.mask):
            assert type(array) is np.ndarray
            assert not array.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        split[0].image[0, 0, 0] = 1
    assert split.images.shape == (5, 20, 24, 3)
    assert split.masks.dtype == np.uint8


@pytest.mark.parametrize(
    ("size", "key"),
    [
        (None, "7c0e857039c01a99677751f2289da8c7bf51e7f7473159abde350c65b53b68e1"),
        ((20, 24), "28a0c8a091f585ba715f027e74671e2b339718b0f0fe410f5d0cf30c1456f770"),
    ],
)
def test_scenes_have_the_key_they_had_in_version_0_1(tmp_path, size, key):
    assert open_split(scenes(tmp_path, size=32, train=5, void_rim=1), "train", size, folder=tmp_path).key == key


class WithObjects(Dataset):
    """One black picture of 4×6 (width × height) with the given objects."""

    def __init__(self, *objects):
        self.objects = objects
        self.info = DatasetInfo("objects", ("a", "b"), ((0, 0, 0), (9, 9, 9)), frozenset({"objects"}))

    splits = lambda self: ("train",)  # noqa: E731
    names = lambda self, split: ("s", "empty")  # noqa: E731
    sources = lambda self, split, index: ()  # noqa: E731
    settings = lambda self: {"objects": [str(one) for one in self.objects]}  # noqa: E731

    def read(self, split, index):
        return Sample("s", np.zeros((6, 4, 3), np.uint8), objects=() if index else self.objects)


def test_objects_come_back_as_they_were_and_decide_the_key(tmp_path):
    planes = np.zeros((2, 6, 4), bool)
    planes[0, 1:5, :3], planes[1, 2:, 2:] = True, True  # they overlap
    first, second = (Object.of(label, RLE.of(plane)) for label, plane in enumerate(planes))
    crowd, boxed = Object.of(0, second.mask, crowd=True), Object(1, None, (0.5, 1, 3.25, 6), 0.25)
    keys = set()
    for objects in [(), (first,), (first, second), (second, first), (crowd,), (second,), (first, second, boxed)]:
        split = open_split(WithObjects(*objects), "train", None, folder=tmp_path)
        keys.add(split.key)
        assert [len(sample.objects) for sample in split] == [len(objects), 0]
        for one, want in zip(split[0].objects, objects, strict=True):
            assert (one.label, one.box, one.score, one.crowd) == (want.label, want.box, want.score, want.crowd)
            assert (one.mask is None) == (want.mask is None)
            assert one.mask is None or np.array_equal(one.mask.counts, want.mask.counts)
        split.release()
    assert len(keys) == 7
    (half,) = open_split(WithObjects(boxed), "train", (3, 8), folder=tmp_path)[0].objects
    assert half.box == (1, 0.5, 6.5, 3)
    with pytest.raises(DataError, match="has an object of class 2; classes must be 0 to 1"):
        open_split(WithObjects(Object(2, None, boxed.box)), "train", None, folder=tmp_path)


def test_the_second_opening_decodes_nothing(pictures, tmp_path, monkeypatch):
    data = pictures.open()
    first = open_split(data, "train", (6, 6), folder=tmp_path / "cache")
    monkeypatch.setattr(type(data), "read", lambda *a: pytest.fail("decoded again"))
    again = open_split(data, "train", (6, 6), folder=tmp_path / "cache", progress=lambda *a: pytest.fail("built"))
    assert again.key == first.key
    assert np.array_equal(again.images, first.images)


def test_the_key_is_of_the_content(pictures, tmp_path):
    data = pictures.open()
    keys = {
        open_split(data, split, size, folder=tmp_path / "c").key for split in data.splits() for size in (None, (6, 6))
    }
    assert len(keys) == 4
    first = open_split(data, "train", (6, 6), folder=tmp_path / "c")
    for file in pictures.path.rglob("*.png"):
        os.utime(file, (1, 1))  # another time, the same pixels
    moved = pictures.path.rename(
        tmp_path / "elsewhere" if (tmp_path / "elsewhere").mkdir() else tmp_path / "elsewhere/zoo"
    )
    second = open_split(Folder(moved), "train", (6, 6), folder=tmp_path / "c")
    assert second.entry != first.entry
    assert second.key == first.key


@pytest.mark.parametrize("change", ["picture", "mask", "time", "classes"])
def test_a_changed_source_rebuilds_and_the_old_entry_goes(pictures, tmp_path, change):
    first = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    other = open_split(pictures.open(), "val", (6, 6), folder=tmp_path / "c")
    old = np.array(first.images)
    if change == "picture":
        Pillow.new("RGB", (10, 8), (1, 2, 3)).save(pictures.path / "train/images/p1.png")
    elif change == "mask":
        pictures.mask(pictures.path / "train/masks/p1.png", (2, 2, 1))
    elif change == "time":
        os.utime(pictures.path / "train/images/p1.png", ns=(5, 5))
    else:
        pictures.classes("ground", "cat", "hound")
    second = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    assert second.entry != first.entry
    assert (second.key == first.key) == (change == "time")
    if change != "classes":  # other classes are another data set to the cache
        assert entries(tmp_path / "c") == sorted([second.entry, other.entry])
    assert np.array_equal(first.images, old)  # an open split keeps its pictures
    if change == "picture":
        assert (second[1].image == (1, 2, 3)).all()


def test_own_size_needs_equal_sizes(pictures, tmp_path):
    assert open_split(pictures.open(), "train", None, folder=tmp_path / "c").size == (8, 10)
    pictures.add("wide", split="train", size=(8, 11))
    pictures.add("high", split="train", size=(9, 10))
    said = (
        r"^zoo: the pictures of 'train' have 3 sizes, from 10×8 to 10×9 \(width × height\)\. .* data\.size: \[32, 32\]"
    )
    with pytest.raises(DataError, match=said):  # one line, and none that blames a mask
        open_split(pictures.open(), "train", None, folder=tmp_path / "c")
    assert len(open_split(pictures.open(), "train", (8, 8), folder=tmp_path / "c")) == 6
