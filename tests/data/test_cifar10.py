import numpy as np
import pytest

from pixelwise.data import DATASETS
from pixelwise.data.base import data_root
from pixelwise.data.cache import open_split
from pixelwise.data.published.cifar10 import CLASSES, TRAIN, read_batch
from pixelwise.errors import DataError, RecipeError


def cifar(small, **options):
    return DATASETS.build("cifar10", small.root, **options)


def labels_of(data, split):
    return np.bincount(data.labels(split), minlength=len(data.info.classes)).tolist()


def test_validation_is_a_stratified_part_of_the_training_files(small_cifar):
    data = cifar(small_cifar, validation=0.25)
    assert data.splits() == ("train", "val", "test")
    assert labels_of(data, "train") == [15] * 10 == list(data.info.frequencies)
    assert labels_of(data, "val") == [5] * 10
    assert labels_of(data, "test") == [4] * 10
    names = data.names("train") + data.names("val")
    assert len(set(names)) == 200
    assert {name.partition("/")[0] for name in data.names("test")} == {"test_batch"}
    assert data.names("val") == cifar(small_cifar, validation=0.25).names("val")
    assert data.names("val") != cifar(small_cifar, validation=0.25, seed=1).names("val")


def test_without_validation_all_pictures_are_for_training(small_cifar):
    data = cifar(small_cifar, validation=0.0)
    assert data.splits() == ("train", "test")
    assert len(data.names("train")) == 200


def test_samples_are_those_of_the_files(small_cifar):
    data = cifar(small_cifar)
    for index, name in enumerate(data.names("train")):
        file, _, picture = name.partition("/")
        row = int(picture[1:].partition(".")[0])
        sample = data.read("train", index)
        if index % 40 == 0:
            whole = read_batch((small_cifar.folder / file).read_bytes(), file)
            assert np.array_equal(sample.image, whole.images[row])
        assert sample.label == row % 10 == data.labels("train")[index]
        assert data.sources("train", index) == (small_cifar.folder / file,)


def test_classes_and_count(small_cifar):
    data = cifar(small_cifar, classes=["horse", "cat"], count=7, validation=0.5)
    assert data.info.classes == ("horse", "cat")
    assert labels_of(data, "train") == [4, 3] == list(data.info.frequencies)
    assert labels_of(data, "val") == [10, 10]
    horses = cifar(small_cifar, classes=["horse"])
    assert {int(name.partition("/p")[2].partition(".")[0]) % 10 for name in horses.names("test")} == {7}


def test_count_leaves_the_validation_split_alone(small_cifar):
    few, all_of_them = cifar(small_cifar, count=20), cifar(small_cifar)
    assert few.names("val") == all_of_them.names("val")
    assert set(few.names("train")) < set(all_of_them.names("train"))


def test_it_goes_through_the_cache(small_cifar, tmp_path):
    data = cifar(small_cifar)
    split = open_split(data, "val", None, folder=tmp_path)
    assert split.images.shape == (20, 32, 32, 3)
    assert split.labels.tolist() == list(data.labels("val"))
    assert split.masks is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"classes": ["hors"]}, "horse"),
        ({"classes": []}, "one class or more"),
        ({"classes": ["cat", "cat"]}, "each once"),
        ({"count": 5}, "at least 1"),
        ({"count": 500}, "it has 18"),
    ],
)
def test_options_that_cannot_be(small_cifar, options, words):
    with pytest.raises(DataError, match=words):
        cifar(small_cifar, **options)


@pytest.mark.parametrize("validation", [1.0, -0.1])
def test_shares_that_are_none(small_cifar, validation):
    with pytest.raises(RecipeError):
        cifar(small_cifar, validation=validation)


def test_a_wrong_sum_names_the_file_and_both_sums(small_cifar):
    file = small_cifar.folder / "data_batch_3"
    content = file.read_bytes()
    file.write_bytes(content[:-100] + bytes(100))
    with pytest.raises(DataError) as caught:
        cifar(small_cifar)
    (problem,) = caught.value.problems
    assert problem.where == str(file)
    assert small_cifar.sums["data_batch_3"] in problem.what
    assert "MD5" in problem.what


def test_a_missing_file_says_how_to_get_it(small_cifar):
    (small_cifar.folder / "data_batch_5").unlink()
    with pytest.raises(DataError, match="fetch cifar10"):
        cifar(small_cifar)


def test_the_test_file_is_needed_only_for_the_test_split(small_cifar):
    (small_cifar.folder / "test_batch").unlink()
    data = cifar(small_cifar)
    assert data.names("train")
    with pytest.raises(DataError):
        data.names("test")


@pytest.mark.data
def test_the_real_files_have_their_published_numbers():
    if not (data_root() / "cifar-10-batches-py").is_dir():
        pytest.skip("CIFAR-10 is not there")
    data = DATASETS.build("cifar10", data_root())
    assert [len(data.names(split)) for split in data.splits()] == [45000, 5000, 10000]
    assert labels_of(data, "val") == [500] * 10
    assert labels_of(data, "test") == [1000] * 10
    assert data.info.classes == CLASSES
    # the publisher's mean of the training pictures, as every code base quotes it
    whole = [data._batch(file).images for file in TRAIN]
    means = [np.mean([batch[..., channel].mean() for batch in whole]) / 255 for channel in range(3)]
    assert np.allclose(means, [0.4914, 0.4822, 0.4465], atol=5e-5)
