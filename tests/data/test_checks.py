import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data.checks import CHECKS, check_dataset
from pixelwise.data.checks.survey import Finding, own_splits
from pixelwise.data.scenes import scenes


def found(pictures, name: str, **layout) -> list[Finding]:
    return [finding for finding in check_dataset(pictures.open(**layout)) if finding.check == name]


def test_a_good_data_set_has_no_finding(pictures, tmp_path):
    assert check_dataset(pictures.open()) == []
    calls = []
    drawn = check_dataset(scenes(tmp_path, size=32, train=30, val=15, test=0), lambda *a: calls.append(a))
    assert all("objects" in finding.check or finding.check == "specks" for finding in drawn)  # they touch and overlap
    assert calls == [(done, 45) for done in range(1, 46)]


def test_one_check_is_one_documented_function():
    assert all(check.__doc__ for check in CHECKS)
    assert len({check.__name__ for check in CHECKS}) == len(CHECKS)


def test_missing_partners(pictures):
    pictures.add("alone", split="val")
    (pictures.path / "val/masks/alone.png").unlink()
    (finding,) = found(pictures, "partners")
    assert finding.severity == "fatal"
    assert finding.what == "1 picture has no mask in masks: alone."
    assert finding.files == ("val/images/alone.png",)


def test_unreadable_pictures(pictures):
    pictures.truncate("train/images/p1.png")
    pictures.truncate("val/masks/p0.png")
    (finding,) = found(pictures, "unreadable")  # one cause is one finding
    assert (finding.severity, finding.files) == ("fatal", ("train/p1", "val/p0"))
    assert finding.what.startswith("2 files have one fault. The first is ")
    assert "train/images/p1.png: is damaged or cut short" in finding.what


def test_sizes_that_differ(pictures):
    pictures.mask(pictures.path / "train/masks/p2.png", (0, 1, 2), size=(8, 12))
    (finding,) = check_dataset(pictures.open())
    assert (finding.check, finding.severity, finding.files) == ("different sizes", "fatal", ("train/p2",))
    assert finding.what == "1 picture and its mask differ in size: 10×8 and 12×8 (width × height)."


def test_strange_values(pictures):
    pictures.mask(pictures.path / "train/masks/p2.png", (0, 1, 2, 255))
    pictures.mask(pictures.path / "val/masks/p0.png", (0, 1, 2, 9))
    (finding,) = found(pictures, "strange values")
    assert finding.what == (
        "2 masks have values that are not classes: 9 (1 mask, 20 pixels), 255 (1 mask, 20 pixels). Allowed: 0 to 2."
    )
    assert set(finding.files) == {"train/p2", "val/p0"}
    assert found(pictures, "strange values", void=255)[0].files == ("val/p0",)


def test_empty_and_constant_masks(pictures):
    pictures.mask(pictures.path / "train/masks/p2.png", (255,))
    pictures.mask(pictures.path / "train/masks/p3.png", (1, 255))
    findings = check_dataset(pictures.open(void=255))
    assert [(finding.check, finding.severity, finding.files) for finding in findings] == [
        ("empty masks", "warning", ("train/p2",)),
        ("constant masks", "warning", ("train/p3",)),
    ]
    assert findings[1].what == "1 of 6 masks contain only 'cat'."


def test_the_same_picture_in_two_splits(pictures):
    source = pictures.path / "train/images/p1.png"
    (pictures.path / "val/images/p0.png").write_bytes(source.read_bytes())
    (finding,) = check_dataset(pictures.open())
    assert (finding.check, finding.severity) == ("copies", "fatal")
    assert finding.files == ("train/p1 = val/p0",)
    assert finding.what == "1 picture of 'train' is also in 'val'."


def test_a_picture_stored_again_is_the_same(tmp_path, pictures):
    smooth = scenes(tmp_path).read("train", 0).image
    Pillow.fromarray(smooth).resize((10, 8)).save(pictures.path / "train/images/p1.png")
    (pictures.path / "train/images/p2.png").unlink()
    Pillow.fromarray(smooth).resize((10, 8)).save(pictures.path / "train/images/p2.jpg", quality=95, subsampling=0)
    (finding,) = check_dataset(pictures.open())
    assert (finding.check, finding.severity, finding.files) == ("copies", "warning", ("train/p1 = train/p2",))


@pytest.mark.parametrize("noise", [0, 4])
def test_dark_pictures_are_not_copies_and_black_ones_are_named_once(pictures, noise):
    for index in (0, 1):
        pixels = np.zeros((8, 10, 3), np.uint8) + noise * np.random.default_rng(index).integers(0, 3, (8, 10, 3))
        Pillow.fromarray(pixels.astype(np.uint8)).save(pictures.path / f"train/images/p{index}.png")
    assert not found(pictures, "copies")
    plain = found(pictures, "single colours")
    assert [one.files for one in plain] == ([("train/p0", "train/p1")] if not noise else [])


def test_absent_classes_and_empty_splits(pictures):
    for index in range(2):
        pictures.mask(pictures.path / f"val/masks/p{index}.png", (0, 1))
    (finding,) = check_dataset(pictures.open())
    assert (finding.check, finding.severity) == ("absent classes", "warning")
    assert finding.what == "The split 'val' has no pixel of dog: it cannot be scored there."
    for index in range(4):
        pictures.mask(pictures.path / f"train/masks/p{index}.png", (0, 2))
    assert "The split 'train' has no pixel of cat: it cannot be learnt." in check_dataset(pictures.open())[0].what
    (pictures.path / "train").rename(pictures.path / "all")
    (pictures.path / "splits").mkdir()
    (pictures.path / "val").rename(pictures.path / "old")
    (pictures.path / "splits/train.txt").write_text("p0\np1\n")
    (pictures.path / "splits/val.txt").write_text("")
    findings = found(pictures, "empty splits", images="all/images", masks="all/masks")
    assert [(f.severity, f.what) for f in findings] == [("fatal", "The split 'val' is empty.")]


def test_fatal_findings_come_first_and_all_checks_see_the_same_pass(pictures):
    pictures.mask(pictures.path / "train/masks/p3.png", (1,))
    pictures.truncate("val/images/p0.png")
    findings = check_dataset(pictures.open())
    assert [finding.severity for finding in findings] == sorted(finding.severity for finding in findings)


def test_a_split_put_together_from_others_is_not_looked_at_twice(pictures):
    for name in ("train", "val"):
        (pictures.path / name).rename(pictures.path / f"old-{name}")
    for name in "abcd":
        pictures.add(name)
    lists = pictures.path / "splits"
    lists.mkdir()
    (lists / "train.txt").write_text("a\nb\n")
    (lists / "val.txt").write_text("c\n")
    (lists / "trainval.txt").write_text("a\nb\nc\n")
    (lists / "leaky.txt").write_text("a\nd\n")
    data = pictures.open()
    assert own_splits(data) == ("train", "val", "leaky")
    (finding,) = check_dataset(data)
    assert finding.files == ("train/a = leaky/a",)


def test_colours_drawn_on_purpose_are_not_called_smooth(pictures):
    """A colour that classes.txt has not needs a class; red and blue exchanged are named; both are one finding."""
    colours = [[0, 0, 0], [10, 20, 30], [200, 100, 50]]
    for file in sorted(pictures.path.glob("*/masks/*.png")):
        plane = np.zeros((8, 10, 3), np.uint8)
        plane[2:5, 2:5], plane[5:, 6:] = (10, 20, 30), (220, 20, 60)
        Pillow.fromarray(plane).save(file)
    (finding,) = found(pictures, "strange values", mask_values="colour", colours=colours)
    assert finding.cure == (
        "Write the name of a class and its colour for each into classes.txt. "
        "If it means 'not labelled', set mask_values: colour and void_colour: [220, 20, 60]."
    )
    (finding,) = found(
        pictures, "strange values", mask_values="colour", colours=[[0, 0, 0], [10, 20, 30], [60, 20, 220]]
    )
    assert "red and blue exchanged" in finding.cure


def test_pictures_that_are_dark_by_their_bits_are_one_finding(pictures):
    for file in sorted(pictures.path.glob("*/images/*.png")):
        Pillow.fromarray(np.random.default_rng(len(file.name)).integers(0, 999, (8, 10)).astype(np.uint16)).save(file)
    assert {finding.check for finding in check_dataset(pictures.open())} & {
        "bits",
        "single colours",
        "dark pictures",
    } == {"bits"}
