import numpy as np
import pytest

from pixelwise.data import DATASETS
from pixelwise.errors import DataError


def test_only_training_is_cut(small_cifar):
    whole = DATASETS.build("cifar10", small_cifar.root, validation=0.2)
    part = DATASETS.build("first", small_cifar.root, of={"name": "cifar10", "validation": 0.2}, count=5)
    assert part.names("train") == whole.names("train")[:5]
    assert part.labels("train") == whole.labels("train")[:5]
    assert part.names("val") == whole.names("val")
    assert part.settings() != whole.settings()
    one, other = part.read("train", 4), whole.read("train", 4)
    assert one.name == other.name
    np.testing.assert_array_equal(one.image, other.image)


def test_more_than_there_are(small_cifar):
    with pytest.raises(DataError, match="Lower `count`"):
        DATASETS.build("first", small_cifar.root, of="cifar10", count=10**6)


def test_of_must_be_an_item(small_cifar):
    with pytest.raises(DataError, match="name"):
        DATASETS.build("first", small_cifar.root, of={"count": 3}, count=1)


def test_all_training_pictures_are_still_there(small_cifar):
    whole = DATASETS.build("cifar10", small_cifar.root)
    part = DATASETS.build("first", small_cifar.root, of="cifar10", count=5)
    assert part.splits() == (*whole.splits(), "whole")
    assert part.names("whole") == whole.names("train")
    assert part.labels("whole") == whole.labels("train")
    np.testing.assert_array_equal(part.read("whole", 7).image, whole.read("train", 7).image)
    assert part.sources("whole", 7) == whole.sources("train", 7)


def test_a_cut_keeps_a_few_pictures_of_every_split_spread_over_its_order(small_cifar):
    whole = DATASETS.build("cifar10", small_cifar.root, validation=0.2)
    part = DATASETS.build("cut", small_cifar.root, of={"name": "cifar10", "validation": 0.2}, count=3)
    assert part.splits() == whole.splits()
    for split in whole.splits():
        names, there = part.names(split), whole.names(split)
        assert names == tuple(there[index * len(there) // 3] for index in range(3))
        place = there.index(names[2])
        assert (part.read(split, 2).image == whole.read(split, place).image).all()
        assert part.labels(split)[2] == whole.labels(split)[place]
    assert DATASETS.build("cut", small_cifar.root, of="cifar10", count=10**6).names("test") == whole.names("test")
