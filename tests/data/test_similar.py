"""Crops, mirror images and shifted frames across splits are similar; other pictures, and copies, are not. Groups by names."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data.checks import findings_of
from pixelwise.data.checks.similar import FOUND, correlation, found_in, near_duplicates, torn_groups
from pixelwise.data.checks.survey import Facts, Survey, survey
from pixelwise.data.copies import fine_of, thumbnail_of
from pixelwise.data.scenes import scenes


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    drawn = scenes(tmp_path_factory.mktemp("scenes"), size=128, train=8)
    return [drawn.read("train", index).image for index in range(8)]


def colours(image) -> np.ndarray:
    """Features that need no network: how often each colour occurs, of length 1."""
    counts, _ = np.histogramdd(image.reshape(-1, 3), bins=2, range=[(0, 256)] * 3)
    return (counts.ravel() / np.linalg.norm(counts)).astype(np.float32)


def facts_of(image, split: str, name: str) -> Facts:
    return Facts(split, name, size=image.shape[:2], digest=image.tobytes(), fine=fine_of(image), features=colours(image),
                 thumbnail=thumbnail_of(image))  # fmt: skip


CHANGES = {
    "crop": lambda image: image[20:110, 10:100],
    "mirror image": lambda image: image[:, ::-1],
    "next frame": lambda image: np.roll(image, (3, 4), axis=(0, 1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_pictures_are_found_and_others_are_not(images, change):
    whole = [facts_of(image, "train", f"a{index}") for index, image in enumerate(images[:4])]
    changed = [facts_of(CHANGES[change](image), "val", f"b{index}") for index, image in enumerate(images[:4])]
    others = [facts_of(image, "val", f"c{index}") for index, image in enumerate(images[4:])]
    seen = Survey(scenes_info(), ("train", "val"), (*whole, *changed, *others))
    (finding,) = near_duplicates(seen)
    assert finding.severity == "warning"
    assert finding.files == tuple(f"train/a{index} ~ val/b{index}" for index in range(4))


def scenes_info():
    from pathlib import Path

    return scenes(Path(), size=32).info


def test_correlation_is_1_for_a_part_of_a_picture(images):
    fine = fine_of(images[0])
    assert correlation(fine, fine, 1.0) == pytest.approx(1.0)
    naive = np.corrcoef(fine[3:61, 3:61].ravel(), fine[3:61, 3:61].ravel())[0, 1]
    assert naive == pytest.approx(1.0)
    assert correlation(fine, 255 - fine, 1.0) < FOUND
    assert not found_in(facts_of(images[0], "train", "a"), facts_of(images[1], "val", "b"))


def test_without_features_nothing_is_compared(images):
    seen = Survey(scenes_info(), ("train", "val"), (replace(facts_of(images[0], "train", "a"), features=None),) * 2)
    assert list(near_duplicates(seen)) == []


def grouped(images, alike: bool) -> Survey:
    """Six groups of two pictures; the second of each is the first one, brighter, or another picture."""
    facts = []
    for group in range(6):
        for frame in range(2):
            image = images[group] if alike or not frame else images[(group + 3) % 8]
            image = np.clip(image.astype(int) + 12 * frame, 0, 255).astype(np.uint8)
            split = "val" if group == 2 and frame else "train"
            facts.append(facts_of(image, split, f"scene{group:02}_{frame}"))
    return Survey(scenes_info(), ("train", "val"), tuple(facts))


def test_groups_by_names_in_two_splits(images):
    (finding,) = torn_groups(grouped(images, alike=True))
    assert finding.files == ("train/scene02_0", "val/scene02_1")
    assert finding.what.startswith("1 group that names suggest")
    assert list(torn_groups(grouped(images, alike=False))) == []  # names alone say nothing


@pytest.mark.parametrize("kind", ["belt", "endoscope"])
def test_one_belt_or_field_with_other_defects_is_not_a_copy(pictures, kind):
    """Twenty pictures of one fixed scene: each has its own defect, and its own mask."""
    y, x = np.mgrid[:160, :160]
    part = np.where((abs(x - 80) < 55) & (abs(y - 80) < 38), 190, 60)
    field = np.where((y - 80) ** 2 + (x - 80) ** 2 < 75**2, 120, 0)
    for index in range(20):
        drawn = np.random.default_rng(index)
        cy, cx = drawn.integers(45, 115, 2)
        spot = (y - cy) ** 2 + (x - cx) ** 2 < 25
        plane = (part - 110 * spot if kind == "belt" else field + 60 * spot) + drawn.normal(0, 3, (160, 160))
        split = "train" if index % 4 else "val"
        pictures.add(f"s{index:02}", split=split, size=(160, 160))
        image = np.repeat(plane.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
        Pillow.fromarray(image).save(pictures.path / split / f"images/s{index:02}.png")
        Pillow.fromarray(spot.astype(np.uint8)).save(pictures.path / split / f"masks/s{index:02}.png")
    data = pictures.open()
    findings = findings_of(data, survey(data))
    assert not [finding for finding in findings if finding.check == "copies" or finding.severity == "fatal"]
    assert all("not copies" in finding.what for finding in findings if finding.check == "alike")
