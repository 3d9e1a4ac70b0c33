import numpy as np
import pytest

from pixelwise.data import DATASETS
from pixelwise.data.base import Dataset
from pixelwise.data.part import exponential_sizes, longtail, step_sizes
from pixelwise.errors import DataError, RecipeError
from pixelwise.types import DatasetInfo, Sample


def thinned(small, **options):
    of = options.pop("of", {"name": "cifar10", "validation": 0.0})
    return DATASETS.build("longtail", small.root, of=of, **options)


def test_sizes_of_cifar_10_at_ratio_100_are_those_of_the_paper():
    sizes = exponential_sizes(5000, 100, 10)
    assert sizes == (5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50)
    assert sum(sizes) == 12406


def test_a_step_half_way():
    assert step_sizes(5000, 100, 10) == (5000,) * 5 + (50,) * 5
    assert step_sizes(9, 3, 3) == (9, 3, 3)


def test_ratio_one_and_one_class_change_nothing():
    assert exponential_sizes(7, 1, 4) == step_sizes(7, 1, 4) == (7,) * 4
    assert exponential_sizes(7, 10, 1) == (7,)


@pytest.mark.parametrize("profile", ["exponential", "step"])
def test_only_training_is_thinned_out(small_cifar, profile):
    data = thinned(small_cifar, of={"name": "cifar10", "validation": 0.2}, ratio=8.0, profile=profile)
    sizes = {"exponential": exponential_sizes, "step": step_sizes}[profile](16, 8, 10)
    assert np.bincount(data.labels("train")).tolist() == list(sizes) == list(data.info.frequencies)
    whole = DATASETS.build("cifar10", small_cifar.root, validation=0.2)
    assert data.names("val") == whole.names("val")
    assert data.names("test") == whole.names("test")
    assert set(data.names("train")) < set(whole.names("train"))
    for index in (0, len(data.names("train")) - 1):
        sample = data.read("train", index)
        assert (sample.name, sample.label) == (data.names("train")[index], data.labels("train")[index])
        assert sample.name.startswith(data.sources("train", index)[0].name)


def test_the_draw_is_seeded_and_nested(small_cifar):
    first, again, other = (thinned(small_cifar, ratio=5.0, seed=seed).names("train") for seed in (0, 0, 1))
    assert first == again != other
    assert set(thinned(small_cifar, ratio=10.0).names("train")) < set(first)


def test_settings_tell_different_tails_apart(small_cifar):
    assert thinned(small_cifar, ratio=5.0).settings() != thinned(small_cifar, ratio=4.0).settings()
    assert thinned(small_cifar, of="cifar10", ratio=5.0).settings() != thinned(small_cifar, ratio=5.0).settings()


class Toy(Dataset):
    """Labels 0, 1, 2 in turn; it knows them only by reading."""

    info = DatasetInfo("toy", ("a", "b", "c"), ((0, 0, 0), (1, 1, 1), (2, 2, 2)), frozenset({"label"}))

    def splits(self):
        return ("train",)

    def names(self, split):
        return tuple(f"p{index:02d}" for index in range(30))

    def read(self, split, index):
        return Sample(f"p{index:02d}", np.full((2, 2, 3), index, np.uint8), label=index % 3)

    def sources(self, split, index):
        return ()

    def settings(self):
        return {}


def test_any_labelled_data_set(tmp_path, monkeypatch):
    monkeypatch.setattr(type(DATASETS), "build", lambda self, name, root, **options: Toy())
    data = longtail(tmp_path, of="toy", ratio=2.0)
    assert np.bincount(data.labels("train")).tolist() == [10, 7, 5] == list(data.info.frequencies)
    assert data.info.name == "toy-longtail"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ratio": 21.0}, "would keep no picture"),
        ({"of": "scenes"}, "'ground' has no picture"),
        ({"largest": 30}, "needs 30 pictures and has 20"),
        ({"of": {"validation": 0.1}}, "a name"),
    ],
)
def test_tails_that_cannot_be(small_cifar, options, words):
    with pytest.raises(DataError, match=words):
        thinned(small_cifar, **options)


def test_faults_of_the_inner_data_set_are_told(small_cifar):
    with pytest.raises(RecipeError, match="validaton"):
        thinned(small_cifar, of={"name": "cifar10", "validaton": 0.1})


def test_a_data_set_without_labels_is_refused(pictures):
    with pytest.raises(DataError, match="no labels"):
        DATASETS.build("longtail", pictures.path.parent, of={"name": "folder", "path": "zoo"})
