import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from pixelwise.data import DATASETS
from pixelwise.data.base import data_root
from pixelwise.data.folder import Folder
from pixelwise.data.pairing.classes import Classes, read_classes
from pixelwise.data.splits import draw_splits
from pixelwise.errors import DataError


def test_splits_by_folder(pictures):
    data = pictures.open()
    assert data.splits() == ("train", "val")
    assert data.names("train") == ("p0", "p1", "p2", "p3")
    sample = data.read("val", 1)
    assert sample.name == "p1"
    assert sample.mask.ravel()[:4].tolist() == [0, 1, 2, 0]
    assert data.info.classes == ("ground", "cat", "dog")
    assert data.info.name == "zoo"


def test_splits_by_list(pictures):
    for name in ("a", "b", "c/d"):
        pictures.add(name)
    for name in ("train", "val"):
        (pictures.path / name).rename(pictures.path / f"old-{name}")
    (pictures.path / "splits").mkdir()
    (pictures.path / "splits" / "train.txt").write_text("a\nimages/b.png\n\n")
    (pictures.path / "splits" / "val.txt").write_text("c/d.png\n")
    data = pictures.open()
    assert (data.names("train"), data.names("val")) == (("a", "b"), ("c/d",))
    assert not data.problems
    (pictures.path / "splits" / "val.txt").write_text("c/d\nbb\nzz\n")
    assert "2 lines name no pair: bb, zz." in str(pictures.open().problems[0])


def test_splits_drawn(tmp_path, pictures):
    path = pictures.path.parent / "drawn"
    for index in range(10):
        pictures.path = path
        pictures.add(f"scene{index // 2}_{index}")
    pictures.classes("a", "b", "c")
    data = pictures.open(val=0.3, test=0.2, group=r"^(scene\d+)_")
    names = {split: data.names(split) for split in data.splits()}
    assert tuple(names) == ("train", "val", "test")
    groups = [{name.split("_")[0] for name in members} for members in names.values()]
    assert not groups[0] & groups[1]
    assert not groups[1] & groups[2]
    assert sum(map(len, names.values())) == 10
    assert pictures.open(val=0.3, test=0.2, group=r"^(scene\d+)_").names("val") == names["val"]
    with pytest.raises(DataError, match=r"group: read '\(', which is not a regular expression"):
        pictures.open(group="(")


def test_patterns_for_pictures_and_masks_in_one_folder(tmp_path):
    for name in ("x", "y"):
        Pillow.new("RGB", (3, 2)).save(tmp_path / f"{name}.jpg")
        Pillow.new("L", (3, 2)).save(tmp_path / f"{name}_mask.png")
    options = {"images": "*.jpg", "masks": "*.png", "mask_suffix": "_mask", "classes": ["only"], "val": 0.5}
    data = DATASETS.build("folder", tmp_path.parent, path=tmp_path.name, **options)
    assert sorted(data.names("train") + data.names("val")) == ["x", "y"]


def test_what_has_no_partner_is_told_at_once(tmp_path, pictures):
    pictures.add("lonely", split="train")
    (pictures.path / "train/masks/lonely.png").unlink()
    (pictures.path / "val/images/p0.png").unlink()
    (pictures.path / "val/images/._p1.png").write_text("of another system")
    Pillow.new("RGB", (10, 8)).save(pictures.path / "val/images/p1.jpg")
    with pytest.raises(DataError) as caught:
        DATASETS.build("folder", tmp_path, path="zoo")
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "zoo/train: pictures have no mask in masks" not in lines[0]
    assert "zoo/train: 1 picture has no mask in masks: lonely." in lines[0]
    assert "zoo/val: 1 mask has no picture in images: p0." in lines[1]
    assert "zoo/val: 1 name in images has several files: p1." in lines[2]


def test_missing_folder_pictures_and_classes(tmp_path, pictures):
    with pytest.raises(
        DataError, match=r"zou: this folder does not exist: neither .*zou \(working folder\) nor .*/zou \(data"
    ):
        DATASETS.build("folder", tmp_path, path="zou")
    (pictures.path / "classes.txt").unlink()
    with pytest.raises(DataError, match=r"zoo: the classes are not known: classes\.txt is missing\. Write one name"):
        pictures.open()
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        DataError, match=r"empty: no pictures were found in images \(\.png, .*options `images` and `masks`"
    ):
        DATASETS.build("folder", tmp_path, path="empty", classes=["a"])


def test_classes_with_colours(tmp_path):
    file = tmp_path / "classes.txt"
    file.write_text("\ufeffroad 128 64 128\n\ntraffic light, 250, 170, 30\n")
    assert read_classes(file) == Classes(("road", "traffic light"), ((128, 64, 128), (250, 170, 30)))
    file.write_text("road\nroute 66 is a road\n")
    assert read_classes(file) == Classes(("road", "route 66 is a road"))
    file.write_text("road 1 2 300\n")
    with pytest.raises(DataError, match=r"read the colour \[1, 2, 300\]"):
        read_classes(file)


def test_masks_in_colour(tmp_path, pictures):
    colours = np.array([(0, 0, 0), (9, 9, 9), (255, 0, 0), (1, 2, 3)], np.uint8)
    for split in ("train", "val"):
        for file in (pictures.path / split / "masks").iterdir():
            Pillow.fromarray(colours[np.resize([0, 1, 2, 3], (8, 10))]).save(file)
    with pytest.raises(DataError, match="the class of each colour is not known"):
        pictures.open(mask_values="colour")
    data = pictures.open(mask_values="colour", colours=colours[:3].tolist(), void_colour=[1, 2, 3])
    assert data.info.void == 255
    assert data.read("train", 0).mask[0, :5].tolist() == [0, 1, 2, 255, 0]
    with pytest.raises(DataError, match=r"contains colours \(RGB\)"):
        pictures.open().read("train", 0)
    with pytest.raises(DataError, match="two classes have the same colour"):
        pictures.open(mask_values="colour", colours=[[0, 0, 0], [0, 0, 0], [1, 1, 1]])


# -- drawing of splits -----------------------------------------------------------------------------------------------

some_names = st.lists(st.text("abc", min_size=1, max_size=5), min_size=3, max_size=40, unique=True)


@given(some_names, st.randoms(), st.integers(0, 5))
def test_a_draw_is_a_partition_that_no_order_changes(names, random, seed):
    drawn = draw_splits(names, {"val": 0.3, "test": 0.1}, seed=seed)
    assert sorted(name for split in drawn.values() for name in split) == sorted(names)
    assert all(drawn.values())
    shuffled = list(names)
    random.shuffle(shuffled)
    assert draw_splits(shuffled, {"val": 0.3, "test": 0.1}, seed=seed) == drawn


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(0, 30)), min_size=5, unique=True))
def test_groups_are_never_torn(pairs):
    names = [f"{letter}{number}" for letter, number in pairs]
    groups = {name[0] for name in names}
    if len(groups) < 2:
        return
    drawn = draw_splits(names, {"val": 0.4}, group=lambda name: name[0])
    assert not {name[0] for name in drawn["train"]} & {name[0] for name in drawn["val"]}


def test_one_new_picture_moves_at_most_one():
    names = [f"{index:03d}" for index in range(100)]
    before = set(draw_splits(names, {"val": 0.2})["val"])
    after = set(draw_splits([*names, "new"], {"val": 0.2})["val"])
    assert len(before ^ after) <= 2


def test_bad_shares_are_refused():
    with pytest.raises(
        DataError, match=r"the shares val 0\.7, test 0\.3 must each be at least 0 and together less than 1"
    ):
        draw_splits("abcdef", {"val": 0.7, "test": 0.3})
    with pytest.raises(DataError, match="1 group cannot be divided into train, val"):
        draw_splits(["a1", "a2"], {"val": 0.5}, group=lambda name: name[0])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_classes_and_lists_as_windows_writes_them(pictures, encoding):
    path = pictures.path
    (path / "classes.txt").write_bytes("Boden\r\nFlüsse\r\nDächer\r\n".encode(encoding))
    for name in ("flüsse0", "flüsse1"):
        pictures.add(name)
    for name in ("train", "val"):
        (path / name).rename(path / f"old-{name}")
    (path / "splits").mkdir()
    for split, name in (("train", "flüsse0"), ("val", "flüsse1")):
        (path / "splits" / f"{split}.txt").write_bytes(f"{name}\r\n".encode(encoding))
    data = pictures.open()
    assert data.info.classes == ("Boden", "Flüsse", "Dächer")
    assert (data.names("train"), data.names("val"), data.problems) == (("flüsse0",), ("flüsse1",), ())


def test_texts_in_latin_1_are_refused_in_one_line(pictures):
    (pictures.path / "classes.txt").write_bytes("Boden\nFlüsse\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"classes\.txt: is not UTF-8 text: byte 8 is 0xfc\. Save it as UTF-8\.$"):
        pictures.open()
    (pictures.path / "classes.txt").write_text("")
    with pytest.raises(DataError, match=r"classes\.txt: has no class; write one name per line\."):
        pictures.open()


@pytest.fixture
def scenes(tmp_path):
    """`a/images/0.png` with `a/masks/0.png`, and so on: the kinds are folders inside each scene."""
    for scene in ("a", "b"):
        for number in range(2):
            for kind, mode in (("images", "RGB"), ("masks", "L")):
                (tmp_path / "set" / scene / kind).mkdir(parents=True, exist_ok=True)
                Pillow.new(mode, (3, 2)).save(tmp_path / "set" / scene / kind / f"{number}.png")
    return tmp_path / "set"


@pytest.mark.parametrize(
    "form", ["*/{}/*.png", "**/{}/*.png", "{{root}}/*/{}/*.png", "../set/*/{}/?.png", "[ab]/{}/*.png"]
)
def test_the_name_is_what_the_pattern_leaves_open(scenes, form):
    images, masks = (form.format(kind).format(root=scenes) for kind in ("images", "masks"))
    data = Folder(scenes, images=images, masks=masks, classes=["x"], val=0.5)
    assert sorted(data.names("train") + data.names("val")) == ["a/0", "a/1", "b/0", "b/1"]
    assert data.problems == ()


@pytest.mark.parametrize("group", ["a{99999999999}", "(" * 5000 + ")" * 5000])
def test_what_is_no_regular_expression_is_refused_in_one_line(pictures, group):
    with pytest.raises(DataError, match="which is not a regular expression"):
        pictures.open(group=group)


def test_a_picture_whose_group_is_not_found_is_its_own(pictures):
    for number in range(4):
        pictures.add(f"p{number}")
    for name in ("train", "val"):
        (pictures.path / name).rename(pictures.path / f"old-{name}")
    data = pictures.open(group="(x)|p", val=0.5)
    assert sorted(map(len, (data.names("train"), data.names("val")))) == [2, 2]


def test_a_home_that_is_not_there(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="the home folder that '~' means is not known"):
        DATASETS.build("folder", tmp_path, path="~nobody-of-that-name/zoo")
    monkeypatch.setenv("PIXELWISE_DATA", "~nobody-of-that-name")
    with pytest.raises(DataError, match="Name the data folder with --data or PIXELWISE_DATA"):
        data_root()
