"""Oxford 17 Flowers in both of its forms, for both of its uses, drawn small."""

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.io import savemat

from pixelwise.data.checks import check_dataset
from pixelwise.data.published.flowers17 import KINDS, flowers17, flowers17_classes, kind_of, read_datasplits
from pixelwise.errors import DataError
from pixelwise.imaging.files import write_mask
from pixelwise.imaging.palettes import voc_colours

NUMBERS = [1, 2, 3, 4, 5, 81, 82, 83, 84, 85, 1360]


@pytest.fixture
def folder(tmp_path):
    """Eleven pictures of three kinds; 3 is 1 again; 5 and 1360 have no label map."""
    folder = tmp_path / "flowers17"
    (folder / "jpg").mkdir(parents=True)
    (folder / "trimaps").mkdir()
    for number in NUMBERS:
        drawn = np.random.default_rng(1 if number == 3 else number)
        image = Pillow.fromarray(drawn.integers(0, 256, (16, 16, 3)).astype(np.uint8))
        image.save(folder / "jpg" / f"image_{number:04d}.jpg")
        if number not in (5, 1360):
            mask = np.resize(np.arange(6, dtype=np.uint8), (16, 16))
            write_mask(folder / "trimaps" / f"image_{number:04d}.png", mask, voc_colours(8))
    return folder


def name(number):
    return f"image_{number:04d}"


def write_lists(folder, **splits):
    (folder / "splits").mkdir()
    for split, numbers in splits.items():
        (folder / "splits" / f"{split}.txt").write_text("".join(f"{name(number)}\n" for number in numbers))


def write_datasplits(folder):
    folds = {f"{word}{fold}": np.array([numbers]) for fold in (1, 2, 3) for word, numbers in
             zip(("trn", "val", "tst"), ([1, 3, 5, 81], [2, 82 + fold], [4, 1360]), strict=True)}  # fmt: skip
    savemat(folder / "datasplits.mat", folds)


def test_label_maps_become_flower_and_background(folder):
    write_lists(folder, train=[1, 2, 81], val=[3, 82])
    data = flowers17(folder.parent)
    assert data.splits() == ("train", "val")
    assert data.absent() == ("test",)
    assert data.info.classes == ("background", "flower")
    # null, flower, leaves, background, sky, and a stray 5
    assert data.read("train", 0).mask[0, :6].tolist() == [255, 1, 0, 0, 0, 255]
    assert flowers17(folder.parent, null="background").read("train", 0).mask[0, :6].tolist() == [0, 1, 0, 0, 0, 0]
    assert flowers17(folder.parent, null="background").info.void is None


def test_a_picture_without_a_label_map_can_only_be_told_apart(folder):
    write_lists(folder, train=[1, 5, 81], val=[1360])
    assert flowers17(folder.parent).names("train") == (name(1), name(81))
    assert flowers17(folder.parent).splits() == ("train",)
    data = flowers17_classes(folder.parent)
    assert data.names("train") == (name(1), name(5), name(81))
    assert data.labels("train") == (0, 0, 1)
    assert data.read("val", 0).label == 16
    assert data.info.classes == KINDS
    assert len(KINDS) == 17


def test_the_publishers_splits(folder):
    write_datasplits(folder)
    data = flowers17_classes(folder.parent)
    assert data.splits() == ("train", "val", "test")
    assert data.names("train") == (name(1), name(3), name(5), name(81))
    assert data.names("val") == (name(2), name(83))
    assert flowers17_classes(folder.parent, fold=2).names("val") == (name(2), name(84))
    assert flowers17(folder.parent).names("test") == (name(4),)
    (remark,) = flowers17(folder.parent, val=0.5).remarks()
    assert remark == "data.dataset.val=0.5: no effect, because datasplits.mat says which picture is in which split."


def test_without_a_list_splits_are_drawn_evenly_and_keep_copies_together(folder):
    data = flowers17(folder.parent, val=0.3)
    assert data.absent() == ()
    side = {one: split for split in data.splits() for one in data.names(split)}
    assert len(side) == 9
    assert side[name(1)] == side[name(3)]
    assert {kind_of(one) for one in data.names("val")} == {0, 1}
    (remark,) = flowers17(folder.parent, fold=2).remarks()
    assert remark == "data.dataset.fold=2: no effect, because datasplits.mat is missing."


def test_lists_that_name_what_is_not_there(folder):
    write_lists(folder, train=[1, 6], val=[2])
    with pytest.raises(DataError, match=r"1 pictures of the splits are not in jpg/: image_0006. Did you mean"):
        flowers17(folder.parent).splits()


def test_values_and_names_that_mean_nothing(folder):
    write_lists(folder, train=[1], val=[2])
    write_mask(folder / "trimaps" / f"{name(1)}.png", np.full((16, 16), 7, np.uint8), voc_colours(8))
    with pytest.raises(DataError, match="has the value 7; a label map of Flowers 17 has 0"):
        flowers17(folder.parent).read("train", 0)
    for wrong in ("image_0000", "image_1361", "tulip"):
        with pytest.raises(DataError, match=f"image_0001 to image_1360; this one is called {wrong}"):
            kind_of(wrong)


def test_a_damaged_datasplits_and_one_without_the_fold(folder):
    file = folder / "datasplits.mat"
    file.write_bytes(b"not a MATLAB file" * 20)
    with pytest.raises(DataError, match="is not a MATLAB file with trn1, val1, tst1"):
        read_datasplits(file, 1)
    savemat(file, {"trn1": np.array([[1]])})
    with pytest.raises(DataError, match="is not a MATLAB file with trn1, val1, tst1: 'val1'"):
        read_datasplits(file, 1)


def test_data_that_are_not_here(tmp_path):
    with pytest.raises(DataError, match="Oxford 17 Flowers is not here"):
        flowers17(tmp_path)
    (tmp_path / "flowers17" / "jpg").mkdir(parents=True)
    with pytest.raises(DataError, match="no pictures trimaps/"):
        flowers17(tmp_path)


def test_kinds_without_a_picture_are_named_by_the_check(folder):
    write_lists(folder, train=[1, 81], val=[2])
    found = [one.what for one in check_dataset(flowers17_classes(folder.parent)) if one.check == "absent classes"]
    assert found[0].startswith("The split 'train' has no picture of lily of the valley, bluebell, ")
    assert found[1].startswith("The split 'val' has no picture of snowdrop, ")
