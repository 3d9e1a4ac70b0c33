"""Stanford Background in both of its forms, drawn small."""

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data.published.stanford_background import CLASSES, read_regions, stanford_background
from pixelwise.errors import DataError
from pixelwise.imaging.files import write_mask
from pixelwise.imaging.palettes import voc_colours


def picture(number, size=(8, 12)):
    return Pillow.fromarray(np.random.default_rng(number).integers(0, 256, (*size, 3)).astype(np.uint8))


@pytest.fixture
def taught(tmp_path):
    folder = tmp_path / "stanford-background"
    for split, count in (("train", 3), ("val", 2)):
        (folder / split).mkdir(parents=True)
        for index in range(count):
            picture(index).save(folder / split / f"img_{index:04d}.jpg")
            mask = np.resize(np.arange(9, dtype=np.uint8), (8, 12))
            write_mask(folder / split / f"img_{index:04d}.png", mask, voc_colours(9))
    (folder / "classes.txt").write_text("\n".join((*CLASSES, "misc")))
    return tmp_path


@pytest.fixture
def published(tmp_path):
    """30 pictures in two ranges of numbers, of which four pairs are the same picture."""
    folder = tmp_path / "iccv09Data"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for index in range(30):
        name = f"{0 if index < 20 else 9}{index:06d}"
        picture(index % 26, (16, 16)).save(folder / "images" / f"{name}.jpg")
        rows = np.arange(16 * 16).reshape(16, 16) % 9 - 1
        (folder / "labels" / f"{name}.regions.txt").write_text(
            "\n".join(" ".join(map(str, row)) for row in rows) + "\n"
        )
    return tmp_path


def test_the_form_used_in_teaching(taught):
    data = stanford_background(taught)
    assert data.splits() == ("train", "val")
    assert data.names("train") == ("img_0000", "img_0001", "img_0002")
    assert data.info.classes == (*CLASSES, "misc")
    assert data.info.void is None
    assert data.read("val", 1).mask[0, :9].tolist() == list(range(9))
    assert [path.name for path in data.sources("val", 1)] == ["img_0001.jpg", "img_0001.png"]


def test_a_split_that_is_not_on_the_disk_is_named(taught):
    data = stanford_background(taught)
    assert data.absent() == ("test",)
    with pytest.raises(DataError, match="the split 'test' is not on this disk; the splits on it are train, val"):
        data.check_split("test")


def test_misc_may_be_void(taught):
    data = stanford_background(taught, unknown="void")
    assert data.info.classes == CLASSES
    assert data.read("train", 0).mask[0, :9].tolist() == [*range(8), data.info.void]


def test_other_classes_and_a_missing_partner_are_refused(taught):
    folder = taught / "stanford-background"
    (folder / "train" / "img_0001.png").unlink()
    with pytest.raises(DataError, match=r"1 picture has no mask in \*\.png: img_0001"):
        stanford_background(taught)
    (folder / "classes.txt").write_text("sky\nsea\n")
    with pytest.raises(DataError, match=r"names sky, sea; expected is sky, tree, .* use data set 'folder'"):
        stanford_background(taught)


def test_options_of_the_draw_do_nothing_where_folders_say_it(taught):
    (remark,) = stanford_background(taught, seed=3).remarks()
    assert remark.startswith("data.dataset.seed=3: no effect, because the folder has subfolders")
    assert stanford_background(taught).remarks() == ()


def test_the_publishers_form_with_unknown_as_void_or_class(published):
    data = stanford_background(published)
    assert data.info.classes == CLASSES
    assert data.read("train", 0).mask[0, :9].tolist() == [255, *range(8)]
    assert stanford_background(published, unknown="class").read("train", 0).mask[0, :9].tolist() == [8, *range(8)]


def test_drawn_splits_keep_copies_together_and_both_ranges_in_each(published):
    data = stanford_background(published, val=0.2, test=0.1)
    side = {name: split for split in data.splits() for name in data.names(split)}
    assert len(side) == 30
    names = sorted(side)
    for index in range(26, 30):
        assert side[names[index]] == side[names[index - 26]]
    assert {name[0] for name in data.names("val")} == {"0", "9"}
    assert data.names("val") == stanford_background(published, val=0.2, test=0.1).names("val")
    assert data.names("val") != stanford_background(published, val=0.2, test=0.1, seed=1).names("val")
    assert len(list((published / "cache" / "alike").glob("*.json"))) == 1


def test_what_was_found_alike_is_found_again_where_a_file_has_changed(published):
    stanford_background(published).names("train")
    picture(99, (16, 16)).save(published / "iccv09Data" / "images" / "0000000.jpg")
    stanford_background(published).names("train")
    (published / "cache" / "alike" / "x.json").write_text("[]")
    assert len(list((published / "cache" / "alike").glob("*.json"))) == 3


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("0 1\n2\n", "its rows have 1 to 2 numbers"),
        ("", "has no numbers"),
        ("0 x\n", "contains something that is not a whole number"),
        ("0 8\n", "has the value 8; allowed: 0 to 7"),
        ("0 99999999999999999999\n", "contains something that is not a whole number"),
    ],
)
def test_a_label_text_that_is_wrong(tmp_path, text, what):
    file = tmp_path / "1.regions.txt"
    file.write_text(text)
    with pytest.raises(DataError, match=what):
        read_regions(file)


def test_data_that_are_not_here_say_where_they_belong(tmp_path):
    with pytest.raises(DataError, match=r"Stanford Background is not here.*iccv09Data"):
        stanford_background(tmp_path)
    (tmp_path / "iccv09Data").mkdir()
    with pytest.raises(DataError, match="neither folders train/, val/, test/ nor images/"):
        stanford_background(tmp_path)
