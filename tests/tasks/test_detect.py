"""Detection as a task: targets of objects, what is refused, and decoding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pixelwise.errors import DataError
from pixelwise.metrics.instances import instances
from pixelwise.rle import RLE
from pixelwise.tasks.detect import detect
from pixelwise.types import DatasetInfo, Object, Sample

CLASSES = ("cat", "background", "dog")
INFO = DatasetInfo("pets", CLASSES, tuple((n, n, n) for n in range(3)), frozenset({"objects"}))


def block(top: int, left: int, rows: int, columns: int) -> RLE:
    plane = np.zeros((20, 30), bool)
    plane[top : top + rows, left : left + columns] = True
    return RLE.of(plane)


def picture(*objects: Object) -> Sample:
    return Sample("one", np.zeros((20, 30, 3), np.uint8), objects=list(objects))


CAT, DOG = Object.of(0, block(2, 3, 10, 1)), Object.of(2, block(5, 10, 8, 12))


def as_found(targets: Any) -> dict[str, Any]:
    """The truth as a model would give it, the second object with the best score."""
    scores = np.linspace(0.4, 0.9, len(targets["labels"]), dtype=np.float32)
    return {"objects": {**targets, "scores": scores, "masks": targets["masks"].astype(bool)}}


def test_targets_are_boxes_labels_and_masks_without_crowds() -> None:
    crowd = Object.of(0, block(0, 0, 2, 2), crowd=True)
    targets = detect(INFO).encode(picture(CAT, crowd, DOG))
    assert targets["boxes"].tolist() == [[3, 2, 4, 12], [10, 5, 22, 13]]
    assert targets["labels"].tolist() == [1, 2]
    assert targets["masks"].sum(axis=(1, 2)).tolist() == [10, 96]


def test_the_truth_decodes_to_itself_best_score_first() -> None:
    task = detect(INFO)
    sample = picture(CAT, DOG)
    found = task.decode(as_found(task.encode(sample)))
    assert [one.label for one in found.objects] == [2, 0]
    assert [one.label for one in found.found] == [2]
    assert found.objects[0].box == DOG.box
    metric = instances(INFO)
    metric.update(sample, found)
    scores = {score.name: score.value for score in metric.scores()}
    assert (scores["mask_ap"], scores["box_ap"]) == pytest.approx((1, 1))


def test_objects_without_masks_have_boxes_only() -> None:
    task = detect(INFO)
    targets = task.encode(picture(CAT, Object(2, None, (1.5, 2, 9, 8))))
    assert set(targets) == {"boxes", "labels"}
    found = task.decode(as_found({**targets, "masks": np.zeros((0, 20, 30))}))
    assert [one.mask for one in found.objects] == [None, None]


def test_a_picture_without_objects() -> None:
    task = detect(INFO)
    targets = task.encode(picture())
    assert [targets[name].shape for name in ("boxes", "labels", "masks")] == [(0, 4), (0,), (0, 20, 30)]
    assert task.decode(as_found(targets)).objects == ()
    assert task.encode(Sample("one", np.zeros((20, 30, 3), np.uint8))) == {}


@pytest.mark.parametrize("box", [(3.0, 4.0, 3.0, 9.0), (3.0, 4.0, 8.0, 4.0)])
def test_boxes_without_area_are_refused(box: Any) -> None:
    with pytest.raises(DataError, match=r"one: has an object of class 'dog' whose box .* has no area"):
        detect(INFO).encode(picture(CAT, Object(2, None, box)))


def test_boxes_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(DataError, match="finite"):
        Object(0, None, (0.0, 0.0, float("nan"), 4.0))
    task = detect(INFO)
    found = as_found(task.encode(picture(CAT)))
    found["objects"]["scores"][:] = np.nan
    with pytest.raises(DataError, match="finite"):
        task.decode(found)


def test_a_data_set_without_objects_is_refused() -> None:
    with pytest.raises(DataError, match="has no objects"):
        detect(DatasetInfo("masks", ("a",), ((0, 0, 0),), frozenset({"mask"})))
