"""Layouts as people have them: which picture is read with which mask or class, in which split. None is lost without a word."""

from pathlib import Path

import numpy as np
import pytest

from pixelwise.data import DATASETS
from pixelwise.data.base import Dataset
from pixelwise.imaging.files import write_image, write_mask

NAMES = ("amy", "bob", "eve", "joe", "kim", "tom")
FLAT = {"images": "*.jpg", "masks": "*.png"}
CITY = {"images": "leftImg8bit", "masks": "gtFine", "image_suffix": "_leftImg8bit", "mask_suffix": "_gtFine_labelIds"}
LAYOUTS = {
    "images/train": ("images/{split}/{name}.png", "masks/{split}/{name}.png", {}),
    "train/images": ("{split}/images/{name}.png", "{split}/masks/{name}.png", {}),
    "flat pairs in splits": ("{split}/{name}.jpg", "{split}/{name}.png", FLAT),
    "flat pairs": ("{name}.jpg", "{name}.png", FLAT),
    "suffix": ("images/{name}.png", "masks/{name}_mask.png", {"mask_suffix": "_mask"}),
    "prefixes": (
        "images/image_{name}.png",
        "masks/mask_{name}.png",
        {"image_prefix": "image_", "mask_prefix": "mask_"},
    ),
    "cityscapes": (
        "leftImg8bit/{split}/ulm/{name}_leftImg8bit.png",
        "gtFine/{split}/ulm/{name}_gtFine_labelIds.png",
        CITY,
    ),
}


def write(path: Path, shape: str, value: int, mask: bool = False, **words: str) -> None:
    file = path / shape.format(**words)
    file.parent.mkdir(parents=True, exist_ok=True)
    if mask:
        write_mask(file, np.full((4, 5), value % 2, np.uint8), [(0, 0, 0), (255, 0, 0)])
    else:
        write_image(file, np.full((4, 5, 3), 40 * value, np.uint8))


def seen(data: Dataset) -> dict[str, set[str]]:
    return {split: {name.rpartition("/")[2] for name in data.names(split)} for split in data.splits()}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_images_and_masks(tmp_path, layout):
    image, mask, options = LAYOUTS[layout]
    expected: dict[str, set[str]] = {}
    for value, name in enumerate(NAMES):
        split = "train" if "{split}" not in image or value < 4 else "val"
        expected.setdefault(split, set()).add(name)
        write(tmp_path, image, value, name=name, split=split)
        write(tmp_path, mask, value, mask=True, name=name, split=split)
    data = DATASETS.build("folder", tmp_path, path=str(tmp_path), classes=["ground", "disc"], val=0.0, **options)
    assert seen(data) == expected
    for split in data.splits():
        for index, name in enumerate(data.names(split)):
            value = NAMES.index(name.rpartition("/")[2])
            sample = data.read(split, index)
            assert (round(sample.image.mean() / 40), sample.mask.max()) == (value, value % 2)


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        ([""], {"train": 6}),
        (["train", "val"], {"train": 6, "val": 6}),
        (["Train", "valid", "TEST"], {"train": 6, "val": 6, "test": 6}),
        (["train", "test"], {"train": 6, "test": 6}),
    ],
)
@pytest.mark.parametrize("kind", ["labelled", "pictures"])
def test_folders_of_classes_and_pictures_alone(tmp_path, splits, expected, kind):
    shape = "{split}/{label}/{name}.png" if kind == "labelled" else "{split}/{name}.png"
    for split in splits:
        for value, name in enumerate(NAMES):
            write(tmp_path, shape.lstrip("/"), value, split=split or ".", label=("cat", "dog")[value % 2], name=name)
    data = DATASETS.build(kind, tmp_path, path=str(tmp_path), val=0.0)
    assert {split: len(names) for split, names in seen(data).items()} == expected
    if kind == "labelled":
        assert data.labels("train") == (0, 0, 0, 1, 1, 1)
    if "val" not in expected:
        drawn = DATASETS.build(kind, tmp_path, path=str(tmp_path), val=0.34)
        files = {
            split: {drawn.sources(split, i)[0] for i in range(len(drawn.names(split)))} for split in drawn.splits()
        }
        assert len(files["val"]) == 2
        assert not files["val"] & files["train"]
        if "test" in expected:  # a test picture is never trained on
            assert files["test"] == {drawn.path / one.relative_to(tmp_path) for one in tmp_path.glob("test/**/*.png")}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("header", [True, False])
def test_tables_of_labels(tmp_path, separator, header):
    for value, name in enumerate(NAMES):
        write(tmp_path, "photos/{name}.png", value, name=name)
    rows = [(f"photos/{name}.png", ("cat", "dog")[value % 2]) for value, name in enumerate(NAMES)]
    lines = [("file", "label")] * header + rows
    (tmp_path / "labels.csv").write_text("\n".join(separator.join(line) for line in lines), encoding="utf-8")
    data = DATASETS.build("labelled", tmp_path, path=str(tmp_path), table="labels.csv", val=0.0)
    assert dict(zip((one.rpartition("/")[2] for one in data.names("train")), data.labels("train"), strict=True)) == {
        name: value % 2 for value, name in enumerate(NAMES)
    }


def test_pictures_of_no_split_beside_train_are_named(tmp_path):
    for value, name in enumerate(NAMES):
        write(tmp_path, "train/{label}/{name}.png", value, label=("cat", "dog")[value % 2], name=name)
    write(tmp_path, "cat/zoe.png", 1)
    data = DATASETS.build("labelled", tmp_path, path=str(tmp_path), val=0.34)
    assert sum(len(data.names(split)) for split in data.splits()) == 6
    assert "1 picture is in no split and not used: cat/zoe." in str(data.notices()[0])
