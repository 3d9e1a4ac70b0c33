"""Pictures and masks that cannot be kept: all of them named, nothing left behind."""

import pytest
from PIL import Image as Pillow

from cache_entries import entries, leftovers
from pixelwise.data.cache import open_split
from pixelwise.errors import DataError


def spoil(pictures) -> None:
    pictures.truncate("train/images/p1.png")
    pictures.mask(pictures.path / "train/masks/p2.png", (0, 1, 9, 7))
    pictures.mask(pictures.path / "train/masks/p3.png", (0, 1), size=(8, 12))
    pictures.add("p4", split="train")


def test_all_faults_are_told_at_once(pictures, tmp_path):
    data = pictures.open()
    before = open_split(data, "train", (6, 6), folder=tmp_path / "c").entry
    spoil(pictures)
    with pytest.raises(DataError) as caught:
        open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c")
    truncated, strange, sizes = caught.value.problems
    assert truncated.where.endswith("train/images/p1.png")
    assert truncated.what.startswith("is damaged or cut short")
    assert "data.on_corrupt: skip" in truncated.hint
    assert strange.where.endswith("train/masks/p2.png")
    assert strange.what == "its mask has the values 7, 9; allowed: 0 to 2."
    assert sizes.where.endswith("train/masks/p3.png")
    assert sizes.what == "the mask is 12×8, its picture 10×8 (width × height)"
    assert entries(tmp_path / "c") == [before]
    assert not leftovers(tmp_path / "c")


def test_faulty_samples_can_be_passed_over(pictures, tmp_path):
    pictures.add("p4", split="train")
    spoil(pictures)
    for _ in range(2):  # built, then from the cache
        split = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c", on_corrupt="skip")
        assert split.names == ("p0", "p4")
        assert [problem.what[:12] for problem in split.skipped] == ["is damaged o", "its mask has", "the mask is "]
        assert len(split.images) == len(split.masks) == 2
    Pillow.new("RGB", (10, 8)).save(pictures.path / "train/images/p1.png")
    assert len(open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c", on_corrupt="skip")) == 3


def test_a_missing_file_is_named(pictures, tmp_path):
    data = pictures.open()
    (pictures.path / "train/masks/p0.png").unlink()
    with pytest.raises(DataError, match=r"train/masks/p0\.png: this file does not exist"):
        open_split(data, "train", (6, 6), folder=tmp_path / "c")


def test_nothing_left_is_refused_even_when_skipping(pictures, tmp_path):
    for index in range(2):
        pictures.truncate(f"val/images/p{index}.png")
    with pytest.raises(DataError, match="damaged or cut short"):
        open_split(pictures.open(), "val", (6, 6), folder=tmp_path / "c", on_corrupt="skip")


def test_an_empty_split_is_refused(pictures, tmp_path):
    for kind in ("images", "masks"):
        for file in (pictures.path / "val" / kind).iterdir():
            file.rename(pictures.path / "train" / kind / f"v{file.name}")
    (pictures.path / "splits").mkdir()
    pictures.path.joinpath("train").rename(pictures.path / "all")
    (pictures.path / "splits/train.txt").write_text("p0\n")
    (pictures.path / "splits/val.txt").write_text("\n")
    data = pictures.open(images="all/images", masks="all/masks")
    with pytest.raises(DataError, match="zoo: the split 'val' is empty"):
        open_split(data, "val", (6, 6), folder=tmp_path / "c")
    with pytest.raises(DataError, match=r"zoo: unknown split 'tain'; it has train, val\. Did you mean 'train'\?"):
        open_split(data, "tain", (6, 6), folder=tmp_path / "c")


def test_many_faults_are_cut_with_their_number(tmp_path, pictures):
    for index in range(30):
        pictures.add(f"q{index:02d}", split="val", values=(77,))
    with pytest.raises(DataError) as caught:
        open_split(pictures.open(), "val", (6, 6), folder=tmp_path / "c")
    assert len(caught.value.problems) == 21
    assert "and 10 more faults in the split 'val'. `pixelwise data check` lists them all." in str(caught.value)


def test_void_that_was_not_declared_has_a_hint(pictures, tmp_path):
    pictures.mask(pictures.path / "val/masks/p0.png", (0, 255))  # without an object, 255 may be the object
    with pytest.raises(DataError, match=r"value 255; allowed: 0 to 2\. `pixelwise data check` looks at all masks"):
        open_split(pictures.open(), "val", (6, 6), folder=tmp_path / "c")
    pictures.mask(pictures.path / "val/masks/p0.png", (0, 1, 255))
    with pytest.raises(DataError, match=r"masks/p0\.png: its mask has the value 255; allowed: 0 to 2\..*set void: 255"):
        open_split(pictures.open(), "val", (6, 6), folder=tmp_path / "c")
    assert open_split(pictures.open(void=255), "val", (6, 6), folder=tmp_path / "c")[0].mask.max() == 255
    pictures.mask(pictures.path / "val/masks/p0.png", (0, 254))
    with pytest.raises(DataError, match=r"the value 254; allowed: 0 to 2, and 255 for void"):
        open_split(pictures.open(void=255), "val", (6, 6), folder=tmp_path / "c")


def test_what_the_pixel_limit_skipped_is_read_with_a_higher_one(pictures, tmp_path, monkeypatch):
    pictures.add("large", split="train")
    Pillow.new("RGB", (30, 30)).save(pictures.path / "train/images/large.png")
    Pillow.new("L", (30, 30)).save(pictures.path / "train/masks/large.png")
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", "100")
    few = open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c", on_corrupt="skip")
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", "1000")
    assert len(open_split(pictures.open(), "train", (6, 6), folder=tmp_path / "c", on_corrupt="skip")) == len(few) + 1
