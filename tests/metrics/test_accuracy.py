"""Accuracy against scikit-learn, calibration against its definition in plain floats."""

import numpy as np
import pytest
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    precision_score,
    recall_score,
    top_k_accuracy_score,
)

from pixelwise.errors import DataError
from pixelwise.metrics.accuracy import BINS, UNIT, accuracy, calibration_error, confidence_row
from pixelwise.types import DatasetInfo, Labels, Sample

BLACK = np.zeros((2, 2, 3), np.uint8)


def info(classes=7, frequencies=None):
    names = tuple(f"c{i}" for i in range(classes))
    return DatasetInfo("toy", names, ((0, 0, 0),) * classes, frozenset({"label"}), frequencies=frequencies)


def drawn(count=300, classes=7, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, classes, count), generator.dirichlet([0.3] * classes, count).astype(np.float32)


def counted(metric, labels, probabilities):
    for label, row in zip(labels, probabilities, strict=True):
        metric.update(Sample("p", BLACK, label=int(label)), Labels(row))
    return {score.key: score for score in metric.scores()}


def test_scores_are_scikit_learns():
    labels, probabilities = drawn()
    predicted = probabilities.argmax(1)
    metric = accuracy(info(), top=3)
    scores = counted(metric, labels, probabilities)
    assert scores["accuracy"].value == (labels == predicted).mean()
    assert scores["accuracy"].support == 300
    assert scores["balanced_accuracy[classes=truth]"].value == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert scores["top_accuracy[k=3]"].value == top_k_accuracy_score(labels, probabilities, k=3)
    rows = metric.per_class()
    assert metric.figures()["matrix"] == confusion_matrix(labels, predicted).tolist()
    for name, score in (("accuracy", recall_score), ("precision", precision_score)):
        np.testing.assert_allclose([row.values[name] for row in rows], score(labels, predicted, average=None))


def test_calibration_error_is_its_definition():
    labels, probabilities = drawn(500)
    confidence, right = probabilities.max(1).astype(float), probabilities.argmax(1) == labels
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    expected = sum(
        (which == b).mean() * abs(right[which == b].mean() - confidence[which == b].mean()) for b in set(which)
    )
    scores = counted(accuracy(info()), labels, probabilities)
    assert scores["calibration_error[bins=15]"].value == pytest.approx(expected, abs=1e-8)
    assert not scores["calibration_error[bins=15]"].higher_is_better


def test_confidence_at_the_ends_of_its_range():
    assert confidence_row(1.0) == (BINS - 1, UNIT)
    assert confidence_row(0.0) == (0, 0)
    assert confidence_row(1.0000001) == (BINS - 1, UNIT)  # float32 rows sum to about 1
    assert calibration_error(np.zeros((BINS, 3), np.int64)) is None


def test_order_and_parts_change_no_bit():
    labels, probabilities = drawn(200)
    order = np.random.default_rng(1).permutation(200)
    whole, shuffled = accuracy(info()), accuracy(info())
    assert counted(whole, labels, probabilities) == counted(shuffled, labels[order], probabilities[order])


def test_of_equal_probabilities_the_first_counts():
    flat = np.full(7, 1 / 7, np.float32)
    scores = counted(accuracy(info(), top=2), [0, 1, 2], [flat] * 3)
    assert scores["accuracy"].value == 1 / 3
    assert scores["top_accuracy[k=2]"].value == 2 / 3


def test_classes_by_their_training_pictures():
    labels, probabilities = drawn(400, classes=4)
    right = probabilities.argmax(1) == labels
    scores = counted(accuracy(info(4, (5000, 101, 100, 19))), labels, probabilities)
    assert scores["accuracy_many[n>100]"].value == pytest.approx(right[labels <= 1].mean())
    assert scores["accuracy_medium[n=20..100]"].value == pytest.approx(right[labels == 2].mean())
    assert scores["accuracy_few[n<20]"].value == pytest.approx(right[labels == 3].mean())
    assert scores["accuracy_few[n<20]"].support == int((labels == 3).sum())


def test_a_group_without_a_class_has_no_number():
    scores = counted(accuracy(info(4, (5000, 300, 100, 50))), *drawn(50, classes=4))
    assert scores["accuracy_few[n<20]"].value is None
    assert scores["accuracy_few[n<20]"].support == 0


@pytest.mark.parametrize("frequencies", [None, (10, 10, 10, 10)])
def test_no_groups_where_classes_are_alike(frequencies):
    assert not [key for key in counted(accuracy(info(4, frequencies)), *drawn(20, classes=4)) if "many" in key]


@pytest.mark.parametrize(
    ("sample", "prediction", "words"),
    [
        (Sample("p", BLACK), Labels(np.full(7, 1 / 7, np.float32)), "has no label"),
        (Sample("p", BLACK, label=7), Labels(np.full(7, 1 / 7, np.float32)), "label 7"),
        (Sample("p", BLACK, label=1), Labels(np.full(5, 1 / 5, np.float32)), "5 probabilities"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_pictures_name(sample, prediction, words):
    with pytest.raises(DataError, match=words) as caught:
        accuracy(info()).update(sample, prediction)
    assert caught.value.problems[0].where == "p"


def test_groups_that_overlap_are_refused():
    with pytest.raises(DataError, match="overlap"):
        accuracy(info(), many=10, few=20)


def test_the_constant_guess_is_what_a_constant_predictor_scores():
    labels, probabilities = drawn()
    metric = accuracy(info(frequencies=(500, 300, 90, 50, 30, 10, 5)))
    counted(metric, labels, probabilities)
    guess = metric.constant_guess()
    most = int(np.bincount(labels).argmax())
    sure = np.eye(7, dtype=np.float32)[np.full(len(labels), most)]
    constant = counted(accuracy(metric.info), labels, sure)
    assert guess.name == f"c{most}"
    assert guess.scores["accuracy"] == np.mean(labels == most)
    assert guess.scores == {key: constant[key].value for key in guess.scores}
    assert {"balanced_accuracy[classes=truth]", "accuracy_few[n<20]"} < set(guess.scores)
    assert accuracy(info()).constant_guess() is None
