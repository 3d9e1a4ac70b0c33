"""`repair` writes a copy that passes the checks for what was repaired, and never touches its source."""

import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data import DATASETS
from pixelwise.data.checks import check_dataset
from pixelwise.data.folder import Folder
from pixelwise.data.repair import RECORD, repair
from pixelwise.data.repair.snapping import drawn_values, snap
from pixelwise.errors import DataError

FILE = Path(__file__).parents[2] / "benchmarks/smooth_masks.py"


@pytest.fixture(scope="module")
def drawn():
    specification = importlib.util.spec_from_file_location("smooth_masks", FILE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def state(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*.*")
    }


def kinds(dataset) -> set[str]:
    return {finding.check for finding in check_dataset(dataset)}


def test_what_has_a_sure_cure_is_cured(pictures, tmp_path):
    train, val = pictures.path / "train", pictures.path / "val"
    (val / "images/p0.png").write_bytes((train / "images/p1.png").read_bytes())
    pictures.truncate("train/images/p2.png")
    pixels = np.random.default_rng(5).integers(0, 256, (40, 30, 3)).astype(np.uint8)
    exif = Pillow.Exif()
    exif[274] = 6
    Pillow.fromarray(pixels).save(train / "images/turned.jpg", exif=exif)
    pictures.mask(train / "masks/turned.png", (0, 1, 2), (40, 30))  # over the stored pixels
    deep = np.random.default_rng(6).integers(0, 65536, (8, 10)).astype(np.uint16)
    Pillow.fromarray(deep).save(train / "images/deep.png")
    pictures.mask(train / "masks/deep.png", (0, 1, 2, 255))
    before = state(pictures.path)
    made = repair(pictures.open(void=255), tmp_path / "copy")
    assert state(pictures.path) == before
    copy = Folder(tmp_path / "copy")
    assert (copy.info.classes, copy.info.void) == (("ground", "cat", "dog"), 255)
    assert copy.names("train") == ("deep", "p0", "p3", "turned")
    assert kinds(pictures.open(void=255)) >= {"copies", "unreadable", "different sizes"}
    assert kinds(copy) <= {"sizes", "single colours"}
    assert made.copied == {"train": 4, "val": 2}
    assert made.left_out == {"also in a later split": ["train/p1"], "the picture cannot be read": ["train/p2"]}
    assert made.done["mask turned as its picture is by EXIF"] == ["train/turned"]
    assert (tmp_path / "copy/train/images/p0.png").read_bytes() == (train / "images/p0.png").read_bytes()
    sample = copy.read("train", copy.names("train").index("turned"))
    source = np.array(Pillow.open(train / "masks/turned.png"))
    assert np.array_equal(sample.mask, np.rot90(source, -1))
    assert json.loads((tmp_path / "copy" / RECORD).read_text())["copied"] == made.copied


@pytest.mark.parametrize("kind", ["bilinear", "bicubic", "jpeg"])
def test_smooth_masks_are_snapped_to_what_was_drawn(drawn, kind):
    found = []
    for index in range(10):
        mask = drawn.draw_mask(index) // 4 * 4 if kind == "jpeg" else drawn.draw_mask(index)
        wanted = mask if kind == "jpeg" else drawn.spoiled(mask, "nearest", index)
        smooth = drawn.spoiled(mask, kind, index)
        snapped = snap(smooth, drawn_values([smooth]))
        if snapped is not None:
            found.append((snapped == wanted).mean())
    assert len(found) >= 7
    assert np.mean(found) > (0.95 if kind == "jpeg" else 0.98)


def test_a_folder_of_jpeg_masks_becomes_one_of_index_masks(pictures, tmp_path):
    pictures.classes(*(f"c{number}" for number in range(9)))
    drawn = {}
    for index in range(4):
        mask = np.zeros((64, 64), np.uint8)
        mask[10 + index : 40, 12:50] = 8
        drawn[f"j{index}"] = mask
        pictures.add(f"j{index}", split="train", size=(64, 64), seed=index + 40)
        (pictures.path / f"train/masks/j{index}.png").unlink()
        Pillow.fromarray(mask).save(pictures.path / f"train/masks/j{index}.jpg", quality=85)
    made = repair(pictures.open(), tmp_path / "copy")
    copy = Folder(tmp_path / "copy")
    assert made.done["mask snapped to the values that were drawn"] == [f"train/j{index}" for index in range(4)]
    assert not kinds(copy) & {"unreadable", "smooth masks"}
    for name, mask in drawn.items():
        read = copy.read("train", copy.names("train").index(name)).mask
        assert (read != mask).mean() < 0.04  # JPEG keeps little of an outline between values so near each other


def test_names_that_suggest_a_suffix_are_paired(pictures, tmp_path):
    for file in (pictures.path / "train/masks").iterdir():
        file.rename(file.with_name(f"{file.stem}_label.png"))
    made = repair(pictures.open(), tmp_path / "copy")
    assert "names paired by mask_suffix: '_label'" in made.done
    assert made.copied["train"] == 4


def test_palettes_are_unified(pictures, tmp_path):
    for index, table in enumerate(([0, 0, 0, 255, 0, 0], [255, 0, 0, 0, 0, 0])):
        picture = Pillow.fromarray(np.resize(np.array([0, 1], np.uint8), (8, 10)), mode="P")
        picture.putpalette(table)
        picture.save(pictures.path / f"train/masks/p{index}.png")
    assert "palettes" in kinds(pictures.open())
    repair(pictures.open(), tmp_path / "copy")
    assert "palettes" not in kinds(Folder(tmp_path / "copy"))


def test_the_copy_needs_an_empty_folder_outside_of_the_data(pictures, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty"):
        repair(pictures.open(), tmp_path / "full")
    with pytest.raises(DataError, match="own folder"):
        repair(pictures.open(), pictures.path / "copy")
    (tmp_path / "empty").mkdir()
    repair(pictures.open(), tmp_path / "empty")
    assert kinds(Folder(tmp_path / "empty")) == set()
    with pytest.raises(DataError, match="has pictures alone"):
        repair(DATASETS.build("pictures", tmp_path, path=str(pictures.path)), tmp_path / "other")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["empty", "full", "zoo"]
