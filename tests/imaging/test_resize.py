import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from pixelwise.errors import ShapeError
from pixelwise.imaging.resize import resize_image, resize_mask

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(sizes, sizes, st.sampled_from([np.uint8, np.uint16]))
def test_masks_take_the_index_beneath_each_centre(own, target, dtype):
    mask = np.random.default_rng(0).integers(0, 250, own).astype(dtype)
    resized = resize_mask(mask, target)
    assert resized.dtype == dtype
    assert resized.shape == target
    for row in range(target[0]):
        for column in range(target[1]):
            y, x = int((row + 0.5) * own[0] / target[0]), int((column + 0.5) * own[1] / target[1])
            near = {mask[y, x]}
            # exactly on a border between two pixels floating point may fall to either side: the rule itself is in integers
            if ((2 * row + 1) * own[0]) % (2 * target[0]) == 0 or ((2 * column + 1) * own[1]) % (2 * target[1]) == 0:
                near |= {mask[max(y - a, 0), max(x - b, 0)] for a in (0, 1) for b in (0, 1)}
            assert resized[row, column] in near


@given(sizes, sizes)
def test_no_index_is_made_up(own, target):
    mask = np.random.default_rng(1).choice(np.array([0, 7, 255], np.uint8), own)
    assert set(np.unique(resize_mask(mask, target))) <= set(np.unique(mask))


def test_nearest_is_that_of_torch():
    torch = pytest.importorskip("torch")
    mask = np.random.default_rng(2).integers(0, 21, (375, 500)).astype(np.uint8)
    expected = torch.nn.functional.interpolate(torch.from_numpy(mask)[None, None], (224, 224), mode="nearest-exact")
    assert np.array_equal(resize_mask(mask, (224, 224)), expected[0, 0].numpy())


def test_pictures_are_bilinear_with_antialias():
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(3).integers(0, 256, (60, 90, 3)).astype(np.uint8)
    planes = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    expected = torch.nn.functional.interpolate(planes, (23, 31), mode="bilinear", antialias=True, align_corners=False)
    difference = resize_image(image, (23, 31)) - expected[0].permute(1, 2, 0).numpy()
    assert np.abs(difference).max() <= 1.0  # Pillow rounds between its two passes
    plain = torch.nn.functional.interpolate(planes, (23, 31), mode="bilinear", align_corners=False)
    assert np.abs(resize_image(image, (23, 31)) - plain[0].permute(1, 2, 0).numpy()).max() > 20


def test_a_thin_line_does_not_vanish_from_a_picture():
    image = np.zeros((96, 96, 3), np.uint8)
    image[:, 50] = 255
    assert resize_image(image, (12, 12)).max() > 20


def test_the_own_size_is_the_same_array():
    image = np.asarray(Pillow.new("RGB", (5, 4)))
    assert resize_image(image, (4, 5)) is image


@pytest.mark.parametrize("size", [(0, 5), (5, -1)])
def test_a_size_without_pixels_is_refused(size):
    with pytest.raises(ShapeError, match="both must be at least 1"):
        resize_mask(np.zeros((3, 3), np.uint8), size)
    with pytest.raises(ShapeError, match="has no pixel"):
        resize_image(np.zeros((3, 3, 3), np.uint8), size)
