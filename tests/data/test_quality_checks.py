"""The checks of masks resized smoothly, of classes nearly absent from a split, and of dark, plain and blurred pictures."""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.ndimage import gaussian_filter

from pixelwise.data.checks import check_dataset
from pixelwise.data.checks.outlines import SMOOTH, between, smooth_share
from pixelwise.data.scenes import scenes

FILE = Path(__file__).parents[2] / "benchmarks/smooth_masks.py"


@pytest.fixture(scope="module")
def drawn():
    specification = importlib.util.spec_from_file_location("smooth_masks", FILE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def naive_share(mask: np.ndarray) -> float:
    """The same row by row and column by column."""
    direct = indirect = 0
    for line in [*mask, *mask.T]:
        cuts = [0, *(np.flatnonzero(np.diff(line.astype(int))) + 1), len(line)]
        runs = [(start, stop - start, int(line[start])) for start, stop in itertools.pairwise(cuts)]
        long = [at for at, (start, length, _) in enumerate(runs) if length > 3 or start in (0, len(line) - length)]
        for first, last in itertools.pairwise(long):
            gap = runs[last][0] - runs[first][0] - runs[first][1]
            if abs(runs[first][2] - runs[last][2]) > 1 and gap <= 16 and min(runs[first][1], runs[last][1]) > 3:
                direct, indirect = direct + (gap == 0), indirect + (gap > 0)
    return indirect / (direct + indirect) if direct + indirect >= 12 else 0.0


@pytest.mark.parametrize("kind", ["nearest", "bilinear", "bicubic", "jpeg"])
def test_smooth_masks_are_told_from_others(drawn, kind):
    shares = [smooth_share(drawn.spoiled(drawn.draw_mask(index), kind, index)) for index in range(12)]
    assert [share >= SMOOTH for share in shares] == [kind != "nearest"] * 12
    one = drawn.spoiled(drawn.draw_mask(3), kind, 3)
    assert smooth_share(one) == naive_share(one)


def test_values_next_to_each_other_and_void_are_not_judged():
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 1
    assert smooth_share(mask) == 0.0
    mask[mask == 1], mask[14:16, 14:50], mask[48:50, 14:50] = 4, 255, 255
    mask[14:50, 14:16] = mask[14:50, 48:50] = 255
    assert smooth_share(mask, void=255) == 0.0
    assert between(mask).sum() == 256  # the border without its four corners, along which it is long


def test_smooth_masks_are_one_finding(pictures, drawn):
    pictures.classes(*(f"c{number}" for number in range(21)))
    for index in range(2, 5):
        mask = drawn.spoiled(drawn.draw_mask(index), "bilinear", index)
        Pillow.fromarray(np.zeros((*mask.shape, 3), np.uint8) + 9 * index).save(
            pictures.path / f"train/images/s{index}.png"
        )
        Pillow.fromarray(np.minimum(mask, 20)).save(pictures.path / f"train/masks/s{index}.png")
    (finding,) = [one for one in check_dataset(pictures.open()) if one.check == "smooth masks"]
    assert (finding.severity, finding.files) == ("fatal", ("train/s2", "train/s3", "train/s4"))
    pictures.classes("ground", "cat", "dog")  # then the same masks have values that are not classes: still one finding
    (finding,) = [one for one in check_dataset(pictures.open()) if one.severity == "fatal"]
    assert finding.check == "strange values"
    assert "resized smoothly or stored with loss" in finding.what


def test_a_class_that_is_nearly_absent_from_a_split(pictures):
    for number in range(3):
        pictures.add(f"large{number}", split="val", values=(0, 1), size=(400, 300))
    mask = np.zeros((400, 300), np.uint8)
    mask[7, 5:8] = 2
    for name in ("p0", "p1"):
        (pictures.path / f"val/images/{name}.png").unlink()
        (pictures.path / f"val/masks/{name}.png").unlink()
    Pillow.fromarray(mask).save(pictures.path / "val/masks/large1.png")
    (finding,) = [one for one in check_dataset(pictures.open()) if one.check == "rare classes"]
    assert (finding.severity, finding.files) == ("warning", ("val/large1",))
    assert "dog (3 pixels of 360,000, in 1 picture; elsewhere 0.33 of them)" in finding.what


def test_dark_plain_and_blurred_pictures(pictures, tmp_path):
    sharp = scenes(tmp_path, size=64, train=8).read
    for index in range(6):
        image = sharp("train", index).image
        if index == 1:
            image = np.full_like(image, 90)
        if index == 2:
            image = image // 10
        if index == 3:
            image = gaussian_filter(image, (2.5, 2.5, 0))
        Pillow.fromarray(image).save(pictures.path / f"train/images/q{index}.png")
        pictures.mask(pictures.path / f"train/masks/q{index}.png", (0, 1, 2), (64, 64))
    for index in range(4):
        (pictures.path / f"train/images/p{index}.png").unlink()
        (pictures.path / f"train/masks/p{index}.png").unlink()
    found = {one.check: one.files for one in check_dataset(pictures.open())}
    assert found["single colours"] == ("train/q1",)
    assert found["dark pictures"] == ("train/q2",)
    assert found["blurred pictures"] == ("train/q3",)


def test_pictures_of_another_shape_are_named(pictures):
    pictures.add("wide", split="train", size=(8, 30))
    (finding,) = [one for one in check_dataset(pictures.open()) if one.check == "sizes"]
    assert finding.files == ("train/wide",)
    assert "Width / height is 1.25 to 3.75; 1 picture is more than 1.3 times wider or narrower" in finding.what
