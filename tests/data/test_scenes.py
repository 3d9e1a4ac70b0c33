import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pixelwise.data import DATASETS
from pixelwise.data import scenes as drawing
from pixelwise.data.scenes import CLASSES, TEXTURES, draw_scene, noise, scenes, texture

ROOT = Path("/nowhere")


def numbers(sample):
    """(H, W) the number of the object at each pixel, from 1; 0 is ground."""
    return sum(one.mask.mask() * number for number, one in enumerate(sample.objects, start=1))


@pytest.fixture(scope="module")
def samples():
    data = scenes(ROOT)
    return [data.read("train", index) for index in range(40)]


def test_splits_and_names():
    data = scenes(ROOT, train=3, val=2, test=0)
    assert data.splits() == ("train", "val")
    assert data.names("train") == ("train-00000", "train-00001", "train-00002")
    assert data.sources("train", 0) == ()


def test_a_sample_is_whole(samples):
    for sample in samples:
        assert sample.image.shape == (96, 96, 3)
        for one in sample.objects:  # an object has one class, and it is not ground
            assert set(sample.mask[one.mask.mask()]) == {one.label} != {0}
            assert (one.score, one.crowd) == (1, False)
        assert np.array_equal(sample.mask > 0, numbers(sample) > 0)
        assert sample.label == max(sample.objects, key=lambda one: one.mask.area).label


def test_a_majority_guess_is_poor(samples):
    counts = np.bincount(np.concatenate([sample.mask.ravel() for sample in samples]), minlength=len(CLASSES))
    share = counts / counts.sum()
    assert share.max() < 0.6
    assert share.min() > 0.02  # the thin wires too


def test_shapes_touch(samples):
    touching = [
        ((a != b) & (a > 0) & (b > 0)).any()
        for a, b in ((numbers(sample)[:, 1:], numbers(sample)[:, :-1]) for sample in samples)
    ]
    assert all(touching)


def test_equal_in_another_process_and_whatever_the_counts():
    code = (
        "from pathlib import Path; from hashlib import sha256; from pixelwise.data.scenes import scenes\n"
        "s = scenes(Path('/x'), train=5, val=9, test=1).read('val', 3)\n"
        "print(sha256(s.image.tobytes() + s.mask.tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    from hashlib import sha256

    sample = scenes(ROOT).read("val", 3)
    assert sha256(sample.image.tobytes() + sample.mask.tobytes()).hexdigest() == other


def test_splits_and_seeds_differ():
    first = scenes(ROOT).read("train", 0).image
    for other in (scenes(ROOT).read("val", 0), scenes(ROOT).read("train", 1), scenes(ROOT, seed=1).read("train", 0)):
        assert not np.array_equal(first, other.image)


@pytest.mark.parametrize("rim", [1, 2])
def test_the_void_rim_lies_on_both_sides_of_every_border(rim):
    bare, rimmed = (scenes(ROOT, void_rim=width).read("train", 0) for width in (0, rim))
    plane = numbers(bare)
    height, width = plane.shape
    for row in range(height):
        for column in range(width):
            # everything that `rim` steps up, down, left or right reach: a city-block disc
            near = {
                plane[row + dy, column + dx]
                for dy in range(-rim, rim + 1)
                for dx in range(-rim + abs(dy), rim - abs(dy) + 1)
                if 0 <= row + dy < height and 0 <= column + dx < width
            }
            assert rimmed.mask[row, column] == (255 if len(near) > 1 else bare.mask[row, column])
    assert scenes(ROOT, void_rim=rim).info.void == 255
    assert scenes(ROOT).info.void is None


def test_options_are_checked_without_drawing():
    problems = DATASETS.check("scenes", {"size": 8, "train": 0, "vall": 3})
    assert [problem.where for problem in problems] == ["size", "train", "vall"]
    assert "Did you mean 'val'?" in str(problems[2])


@pytest.mark.parametrize("size", [32, 65, 128])
def test_other_sizes(size):
    scene = draw_scene(size, np.random.default_rng(0))
    assert scene.image.shape == (size, size, 3)


# -- shapes and textures ---------------------------------------------------------------------------------------------


def frame(size=41):
    axis = np.arange(size, dtype=np.float32) - size // 2
    return np.broadcast_to(axis, (size, size)), np.broadcast_to(axis[:, None], (size, size))


def test_a_polygon_is_that_of_scikit_image():
    from skimage.draw import polygon2mask

    corners = np.array([[-13.3, -9.2], [14.1, -12.7], [2.2, -1.1], [9.4, 15.8]], np.float32)
    x, y = frame()
    expected = polygon2mask((41, 41), corners[:, ::-1] + 20)
    assert np.array_equal(drawing.polygon(x, y, corners) < 0, expected)


@pytest.mark.parametrize("draw", [drawing.disc, drawing.box, drawing.triangle, drawing.star, drawing.ring])
def test_signed_distances_have_slope_one_and_the_stated_reach(draw):
    x, y = frame(61)
    distance = draw(x, y, 20)
    slope = np.hypot(*np.gradient(distance))
    assert np.median(np.abs(slope - 1)) < 0.02
    for axis in (0, 1):  # a distance never grows faster than the way walked
        assert np.abs(np.diff(distance, axis=axis)).max() < 1 + 1e-4
    outside = np.hypot(x, y) > 20 * 1.1 + 1
    assert (distance[outside] > 0).all()


def test_a_wire_is_as_thin_as_stated():
    x, y = frame(81)
    inside = drawing.wire(x, y, 6.0, 40.0, 3.0) < 0
    from scipy.ndimage import distance_transform_edt

    assert 1 <= distance_transform_edt(inside).max() <= 2.3
    assert inside.any(axis=0).all()


@pytest.mark.parametrize("kind", TEXTURES)
def test_textures_are_shares(kind):
    x, y = frame()
    plane = texture(kind, x, y, 9.0, np.random.default_rng(0))
    assert plane.shape == x.shape
    assert 0 <= plane.min() <= plane.max() <= 1
    assert plane.max() > 0.9 or kind == "plain"


def test_noise_is_smooth():
    plane = noise(64, 48, 2, np.random.default_rng(0))
    assert plane.shape == (64, 48)
    assert np.abs(np.diff(plane, axis=0)).max() < 0.25 * (plane.max() - plane.min())
