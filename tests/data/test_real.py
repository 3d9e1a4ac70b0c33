"""Real data, where it is unpacked: `pytest -m data`."""

import numpy as np
import pytest

from pixelwise.data import DATASETS
from pixelwise.data.base import data_root
from pixelwise.data.cache import open_split
from pixelwise.data.checks import check_dataset
from pixelwise.data.counts import class_counts
from pixelwise.data.exclude import excluding

pytestmark = pytest.mark.data
COPIES = ["img_0076", "img_0159", "img_0177", "img_0361", "img_0488"]  # of Stanford Background's train


def real(folder: str, name: str, **options):
    if not (data_root() / folder).is_dir():
        pytest.skip(f"{data_root() / folder} is not there")
    return DATASETS.build(name, data_root(), **options)


def test_voc_2007_has_its_published_numbers():
    data = real("VOCdevkit/VOC2007", "voc")
    assert [len(data.names(split)) for split in ("train", "val", "trainval")] == [209, 213, 422]


def test_constant_background_scores_what_is_known(tmp_path):
    """.7507 pixel accuracy and .0357 mean IoU on val at 224 × 224, void counted as background."""
    split = open_split(real("VOCdevkit/VOC2007", "voc"), "val", (224, 224), folder=tmp_path)
    masks = np.where(split.masks == 255, 0, split.masks)
    assert round(float((masks == 0).mean()), 4) == 0.7507
    assert round(float((masks == 0).mean()) / 21, 4) == 0.0357
    counts = class_counts(split)
    assert counts.sum() + (split.masks == 255).sum() == split.masks.size
    assert (counts > 0).all()


def test_voc_2007_has_no_fatal_finding():
    assert not [f for f in check_dataset(real("VOCdevkit/VOC2007", "voc")) if f.severity == "fatal"]


def test_the_known_faults_of_stanford_background_are_found_and_can_be_excluded():
    data = real("stanford-background", "stanford_background")
    assert [len(data.names(split)) for split in data.splits()] == [572, 72]
    assert data.absent() == ("test",)
    between, within = check_dataset(data)
    assert (between.severity, between.files) == ("fatal", ("train/img_0076 = val/img_0022",))
    pairs = (("0159", "0258"), ("0177", "0447"), ("0361", "0539"), ("0488", "0549"))
    assert within.files == tuple(f"train/img_{one} = train/img_{other}" for one, other in pairs)
    assert not check_dataset(excluding(data, [f"train/{name}" for name in COPIES]))


def test_flowers_keep_copies_on_one_side():
    data = real("flowers17", "flowers17")
    assert [len(data.names(split)) for split in data.splits()] == [570, 171]
    findings = check_dataset(data)
    assert [(finding.check, finding.severity) for finding in findings] == [("copies", "warning")] * 2


def test_a_draw_of_the_flowers_keeps_copies_on_one_side_and_kinds_even(tmp_path):
    (tmp_path / "flowers17").mkdir()
    for name in ("jpg", "trimaps"):
        (tmp_path / "flowers17" / name).symlink_to(data_root() / "flowers17" / name)
    real("flowers17", "flowers17")
    data = DATASETS.build("flowers17_classes", tmp_path)
    assert sum(len(data.names(split)) for split in data.splits()) == 741
    train, val = (np.bincount(data.labels(split), minlength=17) for split in ("train", "val"))
    assert all(abs(held - 0.2 * (held + left)) < 1.7 for held, left in zip(val, train, strict=True))
    copies = [finding for finding in check_dataset(data) if finding.check == "copies"]
    assert len(copies) == 2
    assert all(finding.severity == "warning" for finding in copies)


def test_penn_fudan_keeps_twenty_pictures_for_validation():
    data = real("PennFudanPed", "penn_fudan")
    assert [len(data.names(split)) for split in data.splits()] == [120, 20]
    assert sum(len(data.read(s, i).objects) for s in data.splits() for i in range(len(data.names(s)))) == 347
    assert not [f for f in check_dataset(data) if f.severity == "fatal"]
