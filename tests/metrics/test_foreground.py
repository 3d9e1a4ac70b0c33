"""Foreground IoU over pictures and over the split, and the thresholded score of a course, against floats."""

from math import ceil

import numpy as np
import pytest

from pixelwise.errors import DataError
from pixelwise.metrics.foreground import foreground_iou, thresholded
from pixelwise.types import ClassMap, DatasetInfo, Sample

FLOWERS = DatasetInfo("flowers", ("background", "flower"), ((0, 0, 0),) * 2, frozenset({"mask"}), void=255)


def picture(mask: np.ndarray, predicted: np.ndarray) -> tuple[Sample, ClassMap]:
    return Sample("p", np.zeros((*mask.shape, 3), np.uint8), mask), ClassMap(predicted)


def values(metric) -> dict[str, float | None]:
    return {score.key: score.value for score in metric.scores()}


def test_means_over_pictures_and_over_the_split_differ_and_void_is_left_out() -> None:
    metric, draw = foreground_iou(FLOWERS), np.random.default_rng(0)
    ious, hits, union = [], 0, 0
    for share in (0.1, 0.5, 0.9, 0.0):
        mask = draw.choice(np.array([0, 1, 255], np.uint8), (8, 9), p=(0.9 - share, share, 0.1))
        predicted = (draw.uniform(size=(8, 9)) < share).astype(np.uint8)
        metric.update(*picture(mask, predicted))
        kept = mask != 255
        inside, either = ((mask == 1) & (predicted == 1) & kept).sum(), (((mask == 1) | (predicted == 1)) & kept).sum()
        hits, union = hits + inside, union + either
        ious += [inside / either] if either else []
    assert len(ious) == 3  # the last picture is empty
    found = values(metric)
    assert found["foreground_iou[over=pictures,void=ignore,empty=skipped]"] == pytest.approx(np.mean(ious), abs=1e-9)
    assert found["foreground_iou[over=split,void=ignore]"] == hits / union
    course = [ceil(min(10, max(0, 20 * (iou - 0.5)))) / 10 for iou in ious]
    assert found["thresholded_iou[over=pictures,void=ignore,empty=skipped]"] == pytest.approx(np.mean(course))


@pytest.mark.parametrize(
    ("hits", "union", "tenths"),
    [(0, 5, 0), (1, 2, 0), (51, 100, 1), (11, 20, 1), (56, 100, 2), (19, 20, 9), (96, 100, 10), (7, 7, 10)],
)
def test_the_steps_of_the_thresholded_score(hits: int, union: int, tenths: int) -> None:
    assert thresholded(hits, union) == tenths


def test_the_foreground_is_the_class_that_is_not_background_or_the_one_named() -> None:
    turned = DatasetInfo("t", ("flower", "background"), ((0, 0, 0),) * 2, frozenset({"mask"}))
    mask, predicted = np.array([[0, 0, 1, 1]], np.uint8), np.array([[0, 1, 1, 1]], np.uint8)
    for options, expected in (({}, 1 / 2), ({"foreground": "background"}, 2 / 3)):
        metric = foreground_iou(turned, **options)
        metric.update(*picture(mask, predicted))
        assert values(metric)["foreground_iou[over=split,void=none]"] == expected


def test_other_classes_are_refused() -> None:
    with pytest.raises(DataError, match=r"masks of two classes; there are 3: a, b, c\. Use 'confusion'"):
        foreground_iou(DatasetInfo("t", ("a", "b", "c"), ((0, 0, 0),) * 3, frozenset({"mask"})))
    with pytest.raises(
        DataError, match=r"unknown class 'flour'; choose from background, flower\. Did you mean 'flower'"
    ):
        foreground_iou(FLOWERS, foreground="flour")
