"""Segmentation: what masks become as targets, what outputs become as class maps."""

import numpy as np
import pytest

from pixelwise.engine.torch.loader import build_augmentation
from pixelwise.errors import DataError
from pixelwise.recipe.load import load_recipe
from pixelwise.run.normalisation import IMAGENET_MEAN, IMAGENET_STD
from pixelwise.tasks.segment import Segment, segment
from pixelwise.types import IGNORE, ClassMap, DatasetInfo, Sample

GREY = (9, 9, 9)


def info(*classes: str, void: int | None = None, knows: str = "mask") -> DatasetInfo:
    return DatasetInfo("things", classes, (GREY,) * len(classes), frozenset({knows}), void)


def target(task: Segment, mask: list[list[int]], dtype: type = np.uint8) -> list[list[int]]:
    array = np.array(mask, dtype)
    return task.encode(Sample("one", np.zeros((*array.shape, 3), np.uint8), array))["class"].tolist()


VOC = info("background", "cat", "dog", void=255)


def test_void_is_left_out_or_background() -> None:
    mask = [[0, 1, 2], [255, 2, 255]]
    assert target(segment(VOC), mask) == [[0, 1, 2], [IGNORE, 2, IGNORE]]
    assert target(segment(VOC, void="background"), mask) == [[0, 1, 2], [0, 2, 0]]


def test_background_is_the_class_of_that_name_wherever_it_stands() -> None:
    task = segment(info("cat", "background", void=255), void="background")
    assert target(task, [[0, 1, 255]]) == [[0, 1, 1]]


def test_void_as_background_needs_such_a_class() -> None:
    with pytest.raises(DataError, match=r"no class has that name; the classes are sky, grass\. Use `void: ignore`"):
        segment(info("sky", "grass", void=255), void="background")
    segment(info("sky", "grass"), void="background")  # no void, nothing to decide


@pytest.mark.parametrize("void", ["ignore", "background"])
def test_uncovered_pixels_of_data_without_void_never_count(void: str) -> None:
    assert target(segment(info("background", "cat"), void=void), [[0, 1, 255]]) == [[0, 1, IGNORE]]


def test_masks_of_more_classes_than_a_byte_holds() -> None:
    task = segment(info(*map(str, range(300)), void=65535))
    assert target(task, [[0, 255, 256, 299, 65535]], np.uint16) == [[0, 255, 256, 299, IGNORE]]


@pytest.mark.parametrize("classes", [3, 255, 300])
def test_what_an_augmentation_uncovers_is_no_class(classes: int) -> None:
    recipe = load_recipe("quickstart", ["augment=[{name: rotation, degrees: 45.0}]"])
    things = info(*map(str, range(classes)))
    mask = np.full((32, 32), classes - 1, np.uint8 if classes <= 256 else np.uint16)
    augment, task = build_augmentation(recipe, things), segment(things)
    found: set[int] = set()
    for epoch in range(4):
        turned = augment(Sample("one", np.zeros((32, 32, 3), np.uint8), mask), epoch, 0)
        found |= set(np.unique(task.encode(turned)["class"]).tolist())
    assert found == {IGNORE, classes - 1}


def test_a_byte_full_of_classes_leaves_nothing_for_uncovered_pixels() -> None:
    recipe = load_recipe("quickstart", ["augment=[{name: rotation, degrees: 10.0}]"])
    with pytest.raises(DataError, match=r"256 classes.*Declare a void index above 255"):
        build_augmentation(recipe, info(*map(str, range(256))))


def test_a_data_set_without_masks_is_refused() -> None:
    with pytest.raises(DataError, match="things: has no masks, so it cannot be segmented"):
        segment(info("cat", knows="label"))


def test_the_winner_is_the_class_map_and_its_probability_the_confidence() -> None:
    task, winner, sure = segment(VOC), np.array([[0, 2]], np.uint8), np.array([[0.5, 0.9]], np.float32)
    plain, confident = (task.decode({"class": {"winner": winner, **more}}) for more in ({}, {"probability": sure}))
    assert isinstance(plain, ClassMap)
    assert plain.indices is winner
    assert plain.confidence is None
    assert confident.confidence is sure
    assert (task.out_channels, task.per, task.kind) == (3, "pixel", "class_map")
    assert (task.input.mean, task.input.std) == (IMAGENET_MEAN, IMAGENET_STD)
    assert task.encode(Sample("one", np.zeros((4, 5, 3), np.uint8))) == {}
