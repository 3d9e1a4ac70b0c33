"""Tasks that separate objects: targets of augmented samples, decoding, and a training step with every part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelwise.data.scenes import scenes
from pixelwise.errors import DataError
from pixelwise.imaging.instances import targets
from pixelwise.rle import RLE
from pixelwise.tasks.separate import LEVELS, Separate, separate, separate_centres, separate_levels
from pixelwise.types import IGNORE, DatasetInfo, Object, Sample

PEOPLE = DatasetInfo("people", ("background", "person"), ((0, 0, 0), (1, 1, 1)), frozenset({"objects"}))
TASKS = (separate, separate_levels, separate_centres)


def block(top: int, left: int, rows: int, columns: int, size: tuple[int, int] = (40, 60)) -> RLE:
    plane = np.zeros(size, bool)
    plane[top : top + rows, left : left + columns] = True
    return RLE.of(plane)


def picture(*objects: Object, mask: Any = None) -> Sample:
    return Sample("one", np.zeros((40, 60, 3), np.uint8), mask, list(objects))


TWO = picture(Object.of(1, block(5, 5, 30, 20)), Object.of(1, block(5, 25, 30, 25)))  # they touch


@pytest.mark.parametrize("builder", TASKS)
def test_true_maps_give_the_true_objects(builder: Any) -> None:
    task = builder(PEOPLE)
    assert set(task.encode(TWO)) == set(task.heads)
    found = task.ideal(TWO)
    assert found is not None
    assert found.size == (40, 60)
    assert {one.mask.counts.tobytes() for one in found.objects} == {o.mask.counts.tobytes() for o in TWO.objects}
    assert all(0 < one.score <= 1 and one.label == 1 for one in found.objects)


@pytest.mark.parametrize("builder", TASKS)
def test_a_picture_without_objects_has_targets_and_no_objects_are_found(builder: Any) -> None:
    task = builder(PEOPLE)
    found = task.ideal(picture())
    assert found is not None
    assert found.objects == ()
    assert not task.encode(picture())["inside"].any()
    assert task.encode(Sample("bare", np.zeros((40, 60, 3), np.uint8))) == {}


def test_targets_are_those_of_the_instance_map() -> None:
    numbers = np.zeros((40, 60), np.uint16)
    numbers[5:35, 5:25], numbers[5:35, 25:50] = 1, 2
    made = separate(PEOPLE).encode(TWO)
    np.testing.assert_array_equal(made["inside"], numbers > 0)
    np.testing.assert_array_equal(made["distance"], targets.normalised_distances(numbers))
    made = separate_levels(PEOPLE).encode(TWO)
    np.testing.assert_array_equal(made["levels"], [targets.levels(numbers), targets.areas(numbers)])
    np.testing.assert_array_equal(made["direction"][:2], targets.directions(numbers))
    assert made["levels"][0].max() < LEVELS


def test_crowds_and_void_do_not_count() -> None:
    mask = np.ones((40, 60), np.uint8)
    mask[:, :3] = 255
    sample = picture(Object.of(1, block(5, 5, 30, 20)), Object.of(1, block(0, 20, 40, 20), crowd=True), mask=mask)
    uncounted = np.zeros((40, 60), bool)
    uncounted[:, 20:40], uncounted[:, :3] = True, True
    uncounted[5:35, 20:25] = False  # the object lies before the crowd
    for builder, heads in ((separate, ("distance",)), (separate_centres, ("centre",))):
        made = builder(PEOPLE).encode(sample)
        np.testing.assert_array_equal(made["inside"] == IGNORE, uncounted)
        for head in heads:
            np.testing.assert_array_equal(np.isnan(made[head]), uncounted)
    made = separate_levels(PEOPLE).encode(sample)
    assert not made["levels"][1][uncounted].any()
    assert not made["direction"][2][uncounted].any()


def test_classes_are_those_of_the_data_set_whether_or_not_it_has_a_background() -> None:
    for classes, labels in ((("cat", "background", "dog"), (0, 2)), (("cat", "dog"), (0, 1))):
        colours = tuple((i, i, i) for i in range(len(classes)))
        task = separate(DatasetInfo("pets", classes, colours, frozenset({"objects"})))
        assert task.heads["inside"].channels == 3
        sample = picture(*(Object.of(label, block(5, 30 * n, 30, 25)) for n, label in enumerate(labels)))
        found = task.ideal(sample)
        assert found is not None
        assert sorted(one.label for one in found.objects) == sorted(labels)


def test_boxes_without_masks_and_data_without_objects_are_refused() -> None:
    with pytest.raises(DataError, match="no mask"):
        separate(PEOPLE).encode(picture(Object(1, None, (0, 0, 5, 5))))
    with pytest.raises(DataError, match="has no objects"):
        separate(DatasetInfo("maps", ("a", "b"), ((0, 0, 0), (1, 1, 1)), frozenset({"mask"})))


def test_other_options_decode_otherwise_and_unknown_ones_are_refused() -> None:
    task = separate(PEOPLE)
    assert isinstance(task, Separate)
    assert len(task.ideal(TWO).objects) == 2
    assert len(task.tuned({"smallest": 400}).ideal(TWO).objects) == 2
    with pytest.raises(ValueError, match="smoothing is 10000"):
        task.tuned({"smoothing": 10_000})
    with pytest.raises(ValueError, match="nonsense"):
        task.tuned({"nonsense": 1})
    tried = {option for grid in task.tunes for option in grid}
    assert tried == set(vars(task.cutting))


def test_counts_are_pixels_of_no_object_and_of_each_kind(tmp_path: Any) -> None:
    class Split:
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Sample:
            return TWO

    split: Any = Split()
    counts = separate(PEOPLE).counts(split)
    assert counts["inside"].tolist() == [2 * (2400 - 1350), 2 * 1350]


def test_every_object_of_drawn_scenes_lies_inside_and_keeps_its_class() -> None:
    dataset = scenes(Path(), train=3)
    task = separate(dataset.info, smallest=0)
    for index in range(3):
        sample = dataset.read("train", index)
        found = task.ideal(sample)
        assert found is not None
        assert found.objects
        for one in found.objects:
            assert one.mask is not None
            assert (sample.mask[one.mask.mask()] > 0).all()
