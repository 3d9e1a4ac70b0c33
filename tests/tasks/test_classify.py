"""The task classify: labels in, probabilities out, the mean that is subtracted."""

import numpy as np
import pytest

from pixelwise.data import DATASETS
from pixelwise.data.cache import open_split
from pixelwise.errors import DataError, RunError
from pixelwise.tasks import TASKS
from pixelwise.tasks.classify import classify
from pixelwise.types import DatasetInfo, Labels, Sample

INFO = DatasetInfo("toy", ("a", "b", "c"), ((0, 0, 0),) * 3, frozenset({"label"}))


def test_a_label_is_the_target_and_probabilities_are_the_prediction():
    task = classify(INFO, mixup=0.4)
    image = np.zeros((4, 5, 3), np.uint8)
    assert task.encode(Sample("p", image, label=2)) == {"class": 2}
    assert task.encode(Sample("p", image)) == {}
    shares = np.array([0.2, 0.5, 0.3], np.float32)
    prediction = task.decode({"class": {"vector": shares}})
    assert isinstance(prediction, Labels)
    assert prediction.probabilities is shares
    assert (task.per, task.kind, task.out_channels, task.mixup) == ("picture", "labels", 3, 0.4)


def test_labels_are_counted(tmp_path):
    split = open_split(DATASETS.build("scenes", tmp_path, size=32, train=12), "train", None, folder=tmp_path)
    task = classify(split.info)
    assert task.counts(split).tolist() == np.bincount(split.labels, minlength=len(split.info.classes)).tolist()


def test_a_data_set_without_labels_is_refused():
    masks = DatasetInfo("toy", ("a",), ((0, 0, 0),), frozenset({"mask"}))
    with pytest.raises(DataError, match="no labels"):
        classify(masks)


def test_the_mean_picture_is_found_once_and_given_back(tmp_path):
    split = open_split(DATASETS.build("scenes", tmp_path, size=32, train=5), "train", None, folder=tmp_path)
    blind = classify(split.info, mean="image", std=None)
    findings = blind.study(split)
    np.testing.assert_allclose(findings["mean_image"], split.images.mean(axis=0), rtol=1e-12)
    task = blind.informed(findings)
    np.testing.assert_array_equal(task.input.mean_image, np.array(findings["mean_image"], np.float32))
    assert (blind.input.mean_image, task.input.std, classify(split.info).study(split)) == (None, None, {})
    with pytest.raises(RunError, match="does not contain the mean training picture"):
        blind.informed({})


def test_what_a_recipe_gets_by_default():
    assert TASKS.declared("classify")["best"] == "accuracy"
