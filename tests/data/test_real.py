"""Real data, where it is unpacked: `pytest -m data`."""

import numpy as np
import pytest

from pixelwise.data import DATASETS
from pixelwise.data.base import data_root
from pixelwise.data.cache import open_split
from pixelwise.data.checks import check_dataset
from pixelwise.data.counts import class_counts

pytestmark = pytest.mark.data
STANFORD = {"path": "stanford-background", "images": "*.jpg", "masks": "*.png"}


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


def test_the_known_faults_of_stanford_background_are_found():
    between, within = check_dataset(real("stanford-background", "folder", **STANFORD))
    assert (between.severity, between.files) == ("fatal", ("train/img_0076 = val/img_0022",))
    assert {"train/img_0361 = train/img_0539", "train/img_0159 = train/img_0258"} <= set(within.files)


def test_flowers_keep_near_duplicates_on_one_side():
    names = ["null", "flower", "leaves", "ground", "sky"]
    options = {"path": "flowers17", "images": "jpg", "masks": "trimaps", "classes": names}
    findings = check_dataset(real("flowers17", "folder", **options))
    strange = [finding for finding in findings if finding.check == "strange values"]
    assert "the values 5;" in strange[0].what  # "a few stray 5"
    assert all(finding.severity == "warning" for finding in findings if finding.check == "copies")
