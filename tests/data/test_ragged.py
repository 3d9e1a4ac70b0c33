"""Pictures of different sizes in the cache: the same bytes as the data set gives, and a damaged entry is built again."""

from dataclasses import replace

import numpy as np
import pytest

from pixelwise.data.base import Dataset
from pixelwise.data.cache import open_split
from pixelwise.data.instance_maps import sample_of
from pixelwise.errors import DataError
from pixelwise.types import DatasetInfo

SIZES = ((12, 16), (20, 9), (12, 16), (7, 30))


class Pictures(Dataset):
    info = DatasetInfo("ragged", ("background", "cell"), ((0, 0, 0), (9, 9, 9)), frozenset({"mask", "objects"}))

    def __init__(self, sizes=SIZES):
        self.sizes = sizes

    def splits(self):
        return ("train",)

    def names(self, split):
        return tuple(map(str, range(len(self.sizes))))

    def sources(self, split, index):
        return ()

    def settings(self):
        return {"sizes": self.sizes}

    def read(self, split, index):
        generator = np.random.default_rng(index)
        size = self.sizes[index]
        ids = np.zeros(size, np.uint16)
        ids[1:4, 1:5], ids[4:6, 3:8] = 300, 7
        return sample_of(str(index), generator.integers(0, 256, (*size, 3)).astype(np.uint8), ids)


def test_every_picture_keeps_its_size_mask_and_objects(tmp_path):
    data = Pictures()
    split = open_split(data, "train", None, folder=tmp_path)
    assert split.ragged
    assert split.size == (20, 30)
    assert split.aspect == "own size"
    for index, size in enumerate(SIZES):
        kept, read = split[index], data.read("train", index)
        assert kept.size == size
        assert np.array_equal(kept.image, read.image)
        assert np.array_equal(kept.mask, read.mask)
        assert np.array_equal(split.masks[index], read.mask)
        for one, other in zip(kept.objects, read.objects, strict=True):
            assert one.mask.size == size
            assert np.array_equal(one.mask.mask(), other.mask.mask())
    assert len(list(split.images)) == len(SIZES)
    assert not split.damaged()
    again = open_split(data, "train", None, folder=tmp_path, verify=True)
    assert again.key == split.key


def test_pictures_of_one_size_are_kept_as_before(tmp_path):
    split = open_split(Pictures(((12, 16),) * 3), "train", None, folder=tmp_path)
    assert not split.ragged
    assert split.images.shape == (3, 12, 16, 3)
    assert not (split.entry / "sizes.npy").exists()
    assert split.key == open_split(Pictures(((12, 16),) * 3), "train", (12, 16), folder=tmp_path).key


def test_sizes_that_do_not_add_up_are_built_again(tmp_path):
    split = open_split(Pictures(), "train", None, folder=tmp_path)
    sizes = np.load(split.entry / "sizes.npy")
    np.save(split.entry / "sizes.npy", sizes[::-1] + 1)
    again = open_split(Pictures(), "train", None, folder=tmp_path)
    assert again[1].size == SIZES[1]


def test_without_objects_pictures_must_have_one_size(tmp_path):
    data = Pictures()
    data.info = replace(data.info, knows=frozenset({"mask"}))
    with pytest.raises(DataError, match=r"the pictures of .train. have 3 sizes"):
        open_split(data, "train", None, folder=tmp_path)
