"""Pictures that say where each pixel came from, so that a mask beside its picture would show."""

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from pixelwise.augment import AUGMENTATIONS
from pixelwise.augment.geometry import PICTURE_FILL, ScaleCrop, crop, flip, resize, rotation, scale_crop
from pixelwise.augment.pipeline import Augmentation
from pixelwise.errors import RecipeError
from pixelwise.rle import RLE
from pixelwise.types import Object, Sample

VOID = 255
SIDE = 120


def ramp(axis):
    """Picture and mask both hold twice the coordinate of a pixel along `axis`: smooth, so interpolation keeps it."""
    mask = np.indices((SIDE, SIDE), dtype=np.uint8)[axis] * 2
    return Sample("ramp", np.repeat(mask[:, :, None], 3, axis=2), mask=mask)


def draws(transform, axis, count=12):
    augment = Augmentation([transform], seed=0)
    return [augment(ramp(axis), 0, index) for index in range(count)]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    "transform",
    [
        flip(VOID, p=0.5),
        flip(VOID, p=0.5, direction="vertical"),
        crop(VOID, size=(60, 90)),
        scale_crop(VOID, size=(90, 110), scale=(0.2, 1.0)),
        scale_crop(VOID, size=(64, 64), scale=(0.5, 3.0)),
        rotation(VOID, degrees=45),
        resize(VOID, size=(95, 171)),
    ],
    ids=["flip", "flip vertical", "small crop", "crop", "crop beyond", "rotation", "resize"],
)
def test_picture_and_mask_move_together(transform, axis):
    for sample in draws(transform, axis):
        inside = sample.mask != VOID
        inside &= np.roll(inside, 2, axis=0) & np.roll(inside, -2, axis=0)  # at the rim, a picture blends with its fill
        inside &= np.roll(inside, 2, axis=1) & np.roll(inside, -2, axis=1)
        inside[[0, 1, -2, -1]] = inside[:, [0, 1, -2, -1]] = False
        difference = sample.image[..., 0].astype(int)[inside] - sample.mask[inside]
        assert inside.mean() > 0.05
        assert np.abs(difference).max() <= 3  # the mask is a step of 2, the picture the slope through it
        assert abs(difference.mean()) < 0.25  # no systematic shift: a quarter is an eighth of a source pixel


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize(
    ("direction", "reference"), [("horizontal", v2.RandomHorizontalFlip), ("vertical", v2.RandomVerticalFlip)]
)
def test_flip_is_torchvisions(p, direction, reference):
    ours, theirs = (draws(transform, 1) for transform in (flip(VOID, p=p, direction=direction), reference(p)))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(ours, theirs, strict=True))
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(ours, theirs, strict=True))


def test_flip_is_the_mirror():
    (sample,) = draws(flip(VOID, p=1.0), axis=1, count=1)
    assert np.array_equal(sample.mask, ramp(1).mask[:, ::-1])
    assert np.array_equal(sample.image, ramp(1).image[:, ::-1])
    (sample,) = draws(flip(VOID, p=1.0, direction="vertical"), axis=0, count=1)
    assert np.array_equal(sample.mask, ramp(0).mask[::-1])


def test_flip_happens_as_often_as_asked():
    flipped = [not np.array_equal(s.mask, ramp(1).mask) for s in draws(flip(VOID, p=0.25), axis=1, count=400)]
    assert abs(np.mean(flipped) - 0.25) < 0.08


def test_a_window_larger_than_the_picture_shows_void_around_all_of_it():
    for sample in draws(scale_crop(VOID, size=(SIDE, SIDE), scale=(4.0, 4.0), ratio=(1.0, 1.0)), axis=1):
        covered = sample.mask != VOID
        assert covered.mean() == pytest.approx(0.25, abs=0.01)
        rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
        assert covered[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        corner = sample.image[0, 0] if not covered[:4, :4].any() else sample.image[-1, -1]
        assert tuple(corner) == PICTURE_FILL


def test_windows_have_the_area_and_shape_that_were_asked_for():
    torch.manual_seed(0)
    transform = ScaleCrop((10, 10), (0.2, 0.6), (0.5, 2.0), VOID)
    drawn = [transform.make_params([torch.zeros(3, 300, 400)]) for _ in range(500)]
    area = np.array([p["rows"] * p["columns"] for p in drawn]) / (300 * 400)
    shape = np.log2([p["columns"] / 400 * 300 / p["rows"] for p in drawn])
    assert area.min() > 0.19
    assert area.max() < 0.61
    assert area.mean() == pytest.approx(0.4, abs=0.02)
    assert np.abs(shape).max() < 1.02
    assert shape.mean() == pytest.approx(0, abs=0.1)
    for p in drawn:
        if p["rows"] <= 300:
            assert 0 <= p["top"] <= 300 - p["rows"]
        else:
            assert 300 - p["rows"] <= p["top"] <= 0


def test_rotation_leaves_the_centre_and_voids_the_corners():
    turned = [s for s in draws(rotation(VOID, degrees=45), axis=0) if (s.mask == VOID).mean() > 0.05]
    assert turned
    for sample in turned:
        assert sample.mask[0, 0] == VOID
        assert tuple(sample.image[0, 0]) == PICTURE_FILL
        assert abs(int(sample.mask[SIDE // 2, SIDE // 2]) - SIDE) <= 2


def test_objects_move_with_their_mask_and_void_is_not_an_object():
    planes = np.zeros((2, SIDE, SIDE), bool)
    planes[0, 20:60, 20:60], planes[1, 50:110, 70:90] = True, True
    mask = planes.any(axis=0).astype(np.uint16) * 3
    objects = (Object.of(5, RLE.of(planes[0])), Object(9, RLE.of(planes[1]), (70, 50, 90, 110), 0.5, crowd=True))
    boxes = tuple(Object(one.label, None, one.box) for one in objects)
    sample = Sample("two", np.zeros((SIDE, SIDE, 3), np.uint8), mask=mask, objects=(*objects, *boxes), label=7)
    transforms = [rotation(60_000, degrees=30), scale_crop(60_000, size=(77, 99), scale=(0.5, 2.0))]
    for index in range(10):
        moved = Augmentation(transforms, seed=1)(sample, 0, index)
        assert moved.mask.dtype == np.uint16
        assert [(one.label, one.score, one.crowd) for one in moved.objects if one.mask] == [(5, 1, 0), (9, 0.5, 1)]
        assert [one.label for one in moved.objects if not one.mask] == [5, 9]
        for one, boxed in zip(moved.objects[:2], moved.objects[2:], strict=True):
            assert one.box == boxed.box == one.mask.box
        assert set(np.unique(moved.mask)) <= {0, 3, 60_000}
        known = moved.mask != 60_000
        seen = moved.objects[0].mask.mask() | moved.objects[1].mask.mask()
        assert np.array_equal(seen[known], moved.mask[known] == 3)
        assert not seen[~known].any()
        assert moved.label == 7


def test_ranges_that_make_no_sense_are_refused():
    with pytest.raises(RecipeError, match=r"scale: read \[1.0, 0.5\]"):
        AUGMENTATIONS.build("scale_crop", VOID, size=(8, 8), scale=(1.0, 0.5))
    with pytest.raises(RecipeError, match="size: read"):
        AUGMENTATIONS.build("resize", VOID, size=(0, 8))
    with pytest.raises(RecipeError, match="needs the option 'size'"):
        AUGMENTATIONS.build("resize", VOID)
    with pytest.raises(RecipeError, match="degrees"):
        AUGMENTATIONS.build("rotation", VOID, degrees=200)


@pytest.mark.parametrize(("edge", "colour"), [("mean", PICTURE_FILL), ("black", (0, 0, 0))])
def test_crop_is_a_window_of_the_padded_picture(edge, colour):
    drawn = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    padded = np.full((9 + 6, 7 + 6, 3), colour, np.uint8)
    padded[3:12, 3:10] = drawn
    windows = {padded[y : y + 9, x : x + 7].tobytes() for y in range(7) for x in range(7)}
    augment = Augmentation([crop(255, padding=3, edge=edge)], seed=0)
    seen = {augment(Sample("p", drawn), epoch, index).image.tobytes() for epoch in range(12) for index in range(40)}
    assert seen <= windows
    assert len(seen) == 49


def test_a_small_crop_is_a_piece_of_the_picture_anywhere_inside_it():
    places = set()
    for sample in draws(crop(VOID, size=(119, 30)), axis=0, count=40):
        assert sample.image.shape == (119, 30, 3)
        top = int(sample.mask[0, 0]) // 2
        np.testing.assert_array_equal(sample.mask, ramp(0).mask[top : top + 119, :30])
        np.testing.assert_array_equal(sample.image[:, :, 0], sample.mask)
        places.add(top)
    assert places == {0, 1}
    with pytest.raises(RecipeError, match="a window of 121×30 does not fit into a picture of 120×120"):
        draws(crop(VOID, size=(121, 30)), axis=0, count=1)
