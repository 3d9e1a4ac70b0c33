"""Segmentation: what masks become as targets, what outputs become as class maps."""

import numpy as np
import pytest
import torch
from torch import nn

from pixelwise.engine.build import build_augmentation
from pixelwise.errors import DataError
from pixelwise.losses.base import IGNORE
from pixelwise.losses.cross_entropy import cross_entropy
from pixelwise.recipe.load import load_recipe
from pixelwise.tasks.pixels import normalise
from pixelwise.tasks.segment import IMAGENET_MEAN, IMAGENET_STD, Segment, segment
from pixelwise.types import ClassMap, DatasetInfo, Sample

GREY = (9, 9, 9)


def info(*classes: str, void: int | None = None, knows: str = "mask") -> DatasetInfo:
    return DatasetInfo("things", classes, (GREY,) * len(classes), frozenset({knows}), void)


def target(task: Segment, mask: list[list[int]], dtype: type = np.uint8) -> list[list[int]]:
    array = np.array(mask, dtype)
    return task.encode(Sample("one", np.zeros((*array.shape, 3), np.uint8), array))["target"].tolist()


VOC = info("background", "cat", "dog", void=255)


def test_void_is_left_out_or_background() -> None:
    mask = [[0, 1, 2], [255, 2, 255]]
    assert target(segment(VOC, None), mask) == [[0, 1, 2], [IGNORE, 2, IGNORE]]
    assert target(segment(VOC, None, void="background"), mask) == [[0, 1, 2], [0, 2, 0]]


def test_background_is_the_class_of_that_name_wherever_it_stands() -> None:
    task = segment(info("cat", "background", void=255), None, void="background")
    assert target(task, [[0, 1, 255]]) == [[0, 1, 1]]


def test_void_as_background_needs_such_a_class() -> None:
    with pytest.raises(DataError, match=r"no class has that name; there are sky, grass\. Use `void: ignore`"):
        segment(info("sky", "grass", void=255), None, void="background")
    segment(info("sky", "grass"), None, void="background")  # no void, nothing to decide


@pytest.mark.parametrize("void", ["ignore", "background"])
def test_uncovered_pixels_of_data_without_void_never_count(void: str) -> None:
    assert target(segment(info("background", "cat"), None, void=void), [[0, 1, 255]]) == [[0, 1, IGNORE]]


def test_masks_of_more_classes_than_a_byte_holds() -> None:
    task = segment(info(*map(str, range(300)), void=65535), None)
    assert target(task, [[0, 255, 256, 299, 65535]], np.uint16) == [[0, 255, 256, 299, IGNORE]]


@pytest.mark.parametrize("classes", [3, 255, 300])
def test_what_an_augmentation_uncovers_is_no_class(classes: int) -> None:
    recipe = load_recipe("quickstart", ["augment=[{name: rotation, degrees: 45.0}]"])
    things = info(*map(str, range(classes)))
    mask = np.full((32, 32), classes - 1, np.uint8 if classes <= 256 else np.uint16)
    augment, task = build_augmentation(recipe, things), segment(things, None)
    found: set[int] = set()
    for epoch in range(4):
        turned = augment(Sample("one", np.zeros((32, 32, 3), np.uint8), mask), epoch, 0)
        found |= set(np.unique(task.encode(turned)["target"]).tolist())
    assert found == {IGNORE, classes - 1}


def test_a_byte_full_of_classes_leaves_nothing_for_uncovered_pixels() -> None:
    recipe = load_recipe("quickstart", ["augment=[{name: rotation, degrees: 10.0}]"])
    with pytest.raises(DataError, match=r"256 classes.*Declare a void index above 255"):
        build_augmentation(recipe, info(*map(str, range(256))))


def test_a_data_set_without_masks_is_refused() -> None:
    with pytest.raises(DataError, match="things: has no masks, so it cannot be segmented"):
        segment(info("cat", knows="label"), None)


def test_pictures_without_a_mask_can_be_predicted_but_have_no_loss() -> None:
    task = segment(VOC, cross_entropy(np.ones(3, np.int64)))
    batch = task.collate([task.encode(Sample("one", np.zeros((4, 5, 3), np.uint8)))], ["one"])
    outputs = task.forward(nn.Conv2d(3, 3, 1), batch)
    assert task.losses(outputs, batch) == {}
    assert task.decode(outputs)[0].indices.shape == (4, 5)


def test_of_equal_scores_the_first_class_is_taken_whatever_the_layout() -> None:
    task = segment(VOC, None)
    scores = torch.tensor([[2.0, 2.0, 1.0], [1.0, 3.0, 3.0], [5.0, 5.0, 5.0]]).T[None, :, None, :]
    for layout in (torch.contiguous_format, torch.channels_last):
        (prediction,) = task.decode(scores.contiguous(memory_format=layout))
        assert isinstance(prediction, ClassMap)
        assert prediction.indices.tolist() == [[0, 1, 0]]
        assert prediction.indices.dtype == np.uint8


@pytest.mark.parametrize(("classes", "dtype"), [(256, np.uint8), (257, np.uint16)])
def test_the_class_map_is_as_wide_as_the_classes_need(classes: int, dtype: type) -> None:
    scores = torch.zeros(1, classes, 1, 2)
    scores[0, classes - 1] = 1
    (prediction,) = segment(info(*map(str, range(classes))), None).decode(scores)
    assert prediction.indices.dtype == dtype
    assert prediction.indices.tolist() == [[classes - 1] * 2]


def test_the_model_reads_normalised_pictures() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), np.uint8)
    expected = (images / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    made = normalise(torch.from_numpy(images), IMAGENET_MEAN, IMAGENET_STD)
    np.testing.assert_allclose(made.permute(0, 2, 3, 1).numpy(), expected, atol=1e-6)
    assert made.is_contiguous(memory_format=torch.channels_last)
    assert segment(VOC, None).out_channels == 3
