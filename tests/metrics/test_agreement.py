"""Scores of a matrix against scikit-learn on the pixels behind it, and against numbers worked out by hand."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as sklearn_metrics

from pixelwise.metrics import agreement

matrices = st.integers(1, 6).flatmap(
    lambda c: arrays.arrays(np.int64, (c, c), elements=st.sampled_from([0, 0, 1, 2, 7, 40]))
)

# two of class 0 right, one of class 0 called 1, three of class 1 right, class 2 never seen nor said, class 3 said once
BY_HAND = np.array([[2, 1, 0, 1], [0, 3, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], np.int64)


def test_by_hand():
    assert agreement.pixel_accuracy(BY_HAND) == 5 / 7
    assert agreement.class_iou(BY_HAND) == [2 / 4, 3 / 4, None, 0 / 1]
    assert agreement.mean_iou(BY_HAND) == pytest.approx((2 / 4 + 3 / 4 + 0) / 3)
    assert agreement.class_accuracy(BY_HAND) == [2 / 4, 3 / 3, None, None]
    assert agreement.mean_class_accuracy(BY_HAND) == pytest.approx((2 / 4 + 1) / 2)
    assert agreement.class_dice(BY_HAND) == [4 / 6, 6 / 7, None, 0]
    assert agreement.frequency_weighted_iou(BY_HAND) == pytest.approx(4 / 7 * 2 / 4 + 3 / 7 * 3 / 4)


def test_nothing_counted_is_no_number():
    empty = np.zeros((3, 3), np.int64)
    assert agreement.pixel_accuracy(empty) is None
    assert agreement.mean_iou(empty) is None
    assert agreement.mean_class_accuracy(empty) is None
    assert agreement.mean_dice(empty) is None
    assert agreement.frequency_weighted_iou(empty) is None
    assert agreement.class_iou(empty) == [None] * 3


@settings(deadline=None)
@given(matrices.filter(lambda m: m.any()))
def test_all_are_scikit_learns(matrix):
    classes = np.arange(len(matrix))
    truth, prediction = (axis.ravel().repeat(matrix.ravel()) for axis in np.indices(matrix.shape))
    per_class = {"labels": classes, "average": None, "zero_division": np.nan}

    def same(ours, theirs):
        np.testing.assert_allclose([np.nan if v is None else v for v in ours], theirs)

    assert agreement.pixel_accuracy(matrix) == pytest.approx(sklearn_metrics.accuracy_score(truth, prediction))
    same(agreement.class_accuracy(matrix), sklearn_metrics.recall_score(truth, prediction, **per_class))
    same(agreement.class_dice(matrix), sklearn_metrics.f1_score(truth, prediction, **per_class))
    iou = [
        sklearn_metrics.jaccard_score(truth == c, prediction == c) if c in truth or c in prediction else np.nan
        for c in classes
    ]
    same(agreement.class_iou(matrix), iou)
    assert agreement.mean_iou(matrix) == pytest.approx(np.nanmean(iou))
    weights = np.bincount(truth, minlength=len(classes)) / len(truth)
    assert agreement.frequency_weighted_iou(matrix) == pytest.approx(np.nansum(weights * np.nan_to_num(iou)))


@given(matrices, st.randoms(use_true_random=False))
def test_the_order_of_classes_changes_no_bit(matrix, random):
    order = list(range(len(matrix)))
    random.shuffle(order)
    shuffled = matrix[np.ix_(order, order)]
    for score in (
        agreement.pixel_accuracy,
        agreement.mean_iou,
        agreement.mean_class_accuracy,
        agreement.mean_dice,
        agreement.frequency_weighted_iou,
    ):
        assert score(matrix) == score(shuffled)


@given(matrices)
def test_scores_lie_between_0_and_1_and_iou_below_dice(matrix):
    for iou, dice in zip(agreement.class_iou(matrix), agreement.class_dice(matrix), strict=True):
        if iou is None:
            assert dice is None
        else:
            assert 0 <= iou <= dice <= 1


def test_counts_beyond_32_bits_keep_every_digit():
    matrix = np.array([[3 * 10**15 + 1, 10**15], [7, 10**15]], np.int64)
    assert agreement.pixel_accuracy(matrix) == float(Fraction(4 * 10**15 + 1, 5 * 10**15 + 8))
