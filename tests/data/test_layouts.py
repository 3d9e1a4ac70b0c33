"""Folders as they come: where splits lie, what is named how, what is left out. Nothing is left out without a word."""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data import DATASETS
from pixelwise.data.base import find_folder
from pixelwise.data.cache import open_split
from pixelwise.data.checks import check_dataset
from pixelwise.data.exclude import excluding
from pixelwise.data.folder import Folder
from pixelwise.errors import DataError


class Files:
    """A folder to which pictures and masks are added by their paths."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.write("classes.txt", "ground\ndisc\n")

    def write(self, name: str, text: str) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)

    def image(self, name: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(sum(map(ord, name))).integers(0, 256, (6, 8, 3)).astype(np.uint8)
        Pillow.fromarray(pixels).save(file)

    def mask(self, name: str, values=(0, 1)) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(np.resize(np.array(values, np.uint8), (6, 8))).save(file)

    def pair(self, name: str, place: str = "", values=(0, 1)) -> None:
        self.image(f"{place}images/{name}.png")
        self.mask(f"{place}masks/{name}.png", values)

    def open(self, **options) -> Folder:
        return Folder(self.path, **options)


@pytest.fixture
def files(tmp_path) -> Files:
    return Files(tmp_path / "set")


def names(data: Folder) -> dict[str, tuple[str, ...]]:
    return {split: data.names(split) for split in data.splits()}


def said(data: Folder) -> str:
    return " ".join(str(notice) for notice in data.notices())


# -- splits ----------------------------------------------------------------------------------------------------------


def test_splits_inside_the_folders_of_images_and_masks_are_the_splits(files):
    for split, count in (("train", 3), ("valid", 2)):
        for index in range(count):
            files.pair(f"{split}/{index}")
    data = files.open()
    assert names(data) == {"train": ("0", "1", "2"), "val": ("0", "1")}
    assert not said(data)
    assert data.sources("val", 0)[0] == files.path / "images/valid/0.png"
    files.pair("loose")
    assert "1 picture is in no split and not used: loose." in said(files.open())


def test_pictures_beside_a_test_folder_are_not_swallowed(files):
    for index in range(5):
        files.pair(f"p{index}")
        files.pair(f"q{index}", "test/")
    data = files.open()
    assert {split: len(found) for split, found in names(data).items()} == {"train": 4, "val": 1, "test": 5}
    assert "the 5 pictures in images that are in no split are taken as 'train', beside 'test'." in said(data)
    assert "split 'val' is missing: 20 % for 'val' are drawn from 'train'." in said(data)
    assert [finding.check for finding in check_dataset(data)] == ["layout", "layout"]


@pytest.mark.parametrize("form", ["folder", "list"])
def test_a_lone_train_gives_a_validation_split_and_says_so(files, form):
    for index in range(5):
        files.pair(f"p{index}", "train/" if form == "folder" else "")
    if form == "list":
        files.write("splits/train.txt", "".join(f"p{index}\n" for index in range(5)))
    data = files.open()
    assert [len(found) for found in names(data).values()] == [4, 1]
    assert "split 'val' is missing" in said(data)
    assert names(files.open(val=0.0)) == {"train": tuple(f"p{index}" for index in range(5))}


def test_lists_beside_folders_two_spellings_and_empty_folders_are_told(files):
    files.pair("a", "train/")
    files.pair("b", "val/")
    files.pair("c")
    files.write("splits/train.txt", "c\n")
    data = files.open()
    assert "the list train.txt is not used, because the folders train/, val/ say" in said(data)
    assert "1 picture is in no split and not used: c." in said(data)
    files.pair("d", "valid/")
    assert "val/ and valid/ are both the split 'val'." in str(files.open().problems[0])
    files.image("test/e.png")
    assert "the folder test/ is not used: no pictures were found in test/images." in said(files.open())


def test_what_is_said_reaches_the_training_through_every_wrapper(files):
    for index in range(4):
        files.pair(f"p{index}", "train/")
    data = files.open()
    assert excluding(data, ["train/" + data.names("train")[0]]).notices() == data.notices()


# -- lists -----------------------------------------------------------------------------------------------------------


def test_a_bare_name_that_two_folders_have_is_refused(files):
    for name in ("a/p", "b/p", "b/q"):
        files.pair(name)
    files.write("splits/train.txt", "p\n")
    files.write("splits/val.txt", "q\n")
    data = files.open()
    assert "1 line names more than one picture: p. Write the folder too: a/p or b/p for p." in str(data.problems[0])
    assert names(data)["val"] == ("b/q",)
    files.write("splits/train.txt", "b/p\nimages/a/p.png\n")
    assert names(files.open())["train"] == ("b/p", "a/p")


def test_lists_as_windows_and_spreadsheets_write_them(files):
    for name in ("a/p", "q", "r"):
        files.pair(name)
    files.write("splits/train.txt", 'images\\a\\p.png\n"q"\n')
    files.write("splits/val.txt", "R.PNG\n")
    files.write("splits/readme.txt", "how they were made\n")
    data = files.open()
    assert names(data)["train"] == ("a/p", "q")
    assert "Names differ in upper and lower case: did you mean 'r'?" in str(data.problems[0])
    assert "readme.txt is not a list of pictures" in said(data)


def with_lists(files, *, pairs: int, train: str, val: str):
    """A folder of the pairs p0, p1, … with the lists of its splits."""
    for number in range(pairs):
        files.pair(f"p{number}")
    files.write("splits/train.txt", train)
    files.write("splits/val.txt", val)
    return files.open()


def test_a_list_with_flags_as_voc_has_them_names_its_pictures(files):
    data = with_lists(files, pairs=3, train="p0  1\np1 -1\n", val="p2  0\n")
    assert names(data) == {"train": ("p0", "p1"), "val": ("p2",)}
    assert not data.problems
    assert "3 lines have a flag behind the name (1, -1 or 0)" in said(data)


def test_pictures_without_a_mask_that_no_list_names_are_left_out_as_in_voc(files):
    files.image("images/alone.png")
    data = with_lists(files, pairs=3, train="p0\np1\n", val="p2\n")
    assert not data.problems
    assert "1 picture has no mask in masks: alone. No list names them: they are left out." in said(data)
    files.write("splits/val.txt", "p2\nalone\n")
    assert "1 picture has no mask in masks: alone." in str(files.open().problems[0])


def test_a_name_that_a_list_has_twice_is_read_once(files):
    data = with_lists(files, pairs=2, train="p0\np0\n", val="p1\n")
    assert names(data)["train"] == ("p0",)
    assert "1 name is in train.txt more than once, and read once: p0." in said(data)


def test_faults_of_two_lists_are_one_problem_and_their_pictures_are_not_named_again(files):
    data = with_lists(files, pairs=2, train="q0\n", val="q1\n")
    (problem,) = data.problems
    assert problem.where.endswith("train.txt, val.txt")
    assert "2 lines name no pair: q0, q1." in problem.what
    assert not data.notices()


def test_case_ignore_pairs_names_and_lists_in_any_case(files):
    for index in range(3):
        files.image(f"images/IMG_{index}.png")
        files.mask(f"masks/img_{index}.png")
    assert "Set case: ignore" in str(files.open().problems[0])
    files.write("splits/train.txt", "img_0.PNG\nIMG_1\n")
    files.write("splits/val.txt", "Img_2\n")
    data = files.open(case="ignore")
    assert names(data) == {"train": ("IMG_0", "IMG_1"), "val": ("IMG_2",)}
    assert not data.problems
    files.image("images/Img_0.png")
    assert "1 name in images has several files" in str(files.open(case="ignore").problems[0])


# -- names -----------------------------------------------------------------------------------------------------------


def test_linked_folders_are_searched_and_broken_links_named(files, tmp_path):
    files.pair("p")
    store = Files(tmp_path / "store")
    store.pair("q")
    for kind in ("images", "masks"):
        (files.path / kind / "sub").symlink_to(store.path / kind)
        (files.path / kind / "back").symlink_to(files.path / kind)  # a circle
    (files.path / "images/gone.png").symlink_to(tmp_path / "nowhere.png")
    data = files.open(val=0.5)
    assert sorted(names(data)["train"] + names(data)["val"]) == ["p", "sub/q"]
    assert "1 link leads nowhere: images/gone.png." in str(data.problems[0])


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser reads everything")
def test_a_folder_that_cannot_be_read_is_named(files):
    files.pair("sub/p")
    (files.path / "images/sub").chmod(0)
    with pytest.raises(DataError, match="images/sub: could not be read: Permission denied"):
        files.open()


@pytest.mark.parametrize("place", [".ipynb_checkpoints", "__MACOSX", "@eaDir"])
def test_folders_of_systems_and_programs_are_not_data(files, place):
    for index in range(3):
        files.pair(f"p{index}")
    files.pair(f"{place}/p0-checkpoint")
    assert sum(map(len, names(files.open()).values())) == 3


def test_gif_and_jfif_are_read_and_other_kinds_named(files):
    for index in range(3):
        files.pair(f"p{index}")
    files.image("images/g.gif")
    files.mask("masks/g.gif")
    Pillow.new("RGB", (8, 6)).save(files.path / "images/j.jfif", format="JPEG")
    files.mask("masks/j.png")
    files.write("images/h.heic", "")
    data = files.open(val=0.0)
    assert names(data)["train"] == ("g", "j", "p0", "p1", "p2")
    assert data.read("train", 0).mask.max() == 1
    assert "1 picture is of a kind that is not read (.heic) and left out: images/h.heic." in said(data)


def test_unicode_forms_of_a_name_pair_and_masks_in_one_folder_do_too(files):
    files.image(f"images/{unicodedata.normalize('NFD', 'Grünfläche')}.png")
    files.mask(f"masks/{unicodedata.normalize('NFC', 'Grünfläche')}.png")
    files.image("images/a/p.png")
    files.mask("masks/p.png")
    data = files.open(val=0.5)
    assert not data.problems
    assert sum(map(len, names(data).values())) == 2


@pytest.mark.parametrize(
    ("image", "mask", "cure"),
    [
        ("IMG_{}", "img_{}", "differ in upper and lower case only, e.g. IMG_0 and img_0. Set case: ignore"),
        ("p{}", "p{}_mask", "Set mask_suffix: '_mask'"),
        ("p{}", "p{}.jpg", "Set mask_suffix: '.jpg'"),
        ("image_{}", "mask_{}", "Set image_prefix: 'image' and mask_prefix: 'mask'"),
        ("{}_leftImg8bit", "{}_labelIds", "Set image_suffix: 'leftImg8bit' and mask_suffix: 'labelIds'"),
    ],
)
def test_the_likely_cause_of_missing_partners_is_one_line(files, image, mask, cure):
    for index in range(4):
        files.image(f"images/{image.format(index)}.png")
        files.mask(f"masks/{mask.format(index)}.png")
    (problem,) = files.open().problems
    assert "4 pictures have no mask in masks, and 4 masks have no picture in images" in problem.what
    assert cure in str(problem)
    (finding,) = check_dataset(files.open())
    assert finding.check == "partners"
    if "Set " in cure:
        options = dict(one.split(": ") for one in problem.hint.removeprefix("Set ").split(" for ")[0].split(" and "))
        data = files.open(**{name: value.strip("'") for name, value in options.items()})
        assert not data.problems
        assert sum(map(len, names(data).values())) == 4


def test_names_that_only_resemble_each_other_have_no_cause(files):
    files.image("images/cat.png")
    files.mask("masks/car.png")
    assert [problem.hint for problem in files.open().problems] == ["Add what is missing, or remove the rest."] * 2


# -- paths -----------------------------------------------------------------------------------------------------------


def test_the_working_folder_comes_first_then_the_data_folder(tmp_path, monkeypatch):
    work, data = tmp_path / "work", tmp_path / "data"
    for place in (work, data):
        place.mkdir()
    monkeypatch.chdir(work)
    (data / "pets").mkdir()
    assert find_folder("pets", data) == data / "pets"
    (work / "pets").mkdir()
    assert find_folder("pets", data) == work / "pets"
    with pytest.raises(DataError, match=f"neither {work}/zoo \\(working folder\\) nor {data}/zoo \\(data folder\\)"):
        DATASETS.build("folder", data, path="zoo")


def test_a_path_that_ends_in_dots_names_the_folder_and_stays_in_the_cache(files, tmp_path):
    files.pair("p0")
    files.pair("p1")
    data = files.open()
    dotted = Folder(files.path / "images" / "..")
    assert dotted.info.name == "set"
    dotted.info = type(data.info)(**{**vars(data.info), "name": ".."})  # as a data set of another package may have it
    entry = open_split(dotted, "train", (6, 8), folder=tmp_path / "cache").entry
    assert (tmp_path / "cache") in entry.resolve().parents


# -- what has no partner, left out -----------------------------------------------------------------------------------


def test_unpaired_files_are_left_out_where_the_option_says_so(files):
    """Pictures without a mask, a mask without a picture, and the lines of lists that name them; the rest still refuses."""
    for index in range(4):
        files.pair(f"p{index}")
    files.image("images/late.png")
    files.mask("masks/lone.png")
    files.write("splits/train.txt", "p0\np1\nlate\n")
    files.write("splits/val.txt", "p2\np3\n")
    problems = [str(problem) for problem in files.open().problems]
    assert any("1 picture has no mask in masks: late. Set unpaired: skip to leave them out" in one for one in problems)
    data = files.open(unpaired="skip")
    assert (names(data), data.problems) == ({"train": ("p0", "p1"), "val": ("p2", "p3")}, ())
    assert "1 picture has no mask in masks: late. They are left out." in said(data)
    assert "1 mask has no picture in images: lone." in said(data)
    files.write("splits/val.txt", "p2\nnowhere\n")
    assert "1 line names no pair: nowhere." in str(files.open(unpaired="skip").problems[0])


def test_nothing_is_left_out_where_nothing_pairs(files):
    files.image("images/a.png")
    files.mask("masks/b.png")
    assert files.open(unpaired="skip").problems
