"""What classes.txt may say, and how values in masks become classes."""

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data.cache import open_split
from pixelwise.data.checks import check_dataset
from pixelwise.data.folder import Folder
from pixelwise.data.pairing.classes import Classes, read_classes
from pixelwise.data.pairing.values import advise
from pixelwise.errors import DataError


@pytest.fixture
def zoo(tmp_path):
    """`zoo(content, classes)`: a folder of four pictures whose masks have these values or colours; options go to Folder."""

    def make(content, classes="ground\ndisc\n", mode=None, suffix="png", **options):
        path = tmp_path / "zoo"
        for kind in ("images", "masks"):
            (path / kind).mkdir(parents=True, exist_ok=True)
        for index in range(4):
            pixels = np.random.default_rng(index).integers(0, 256, (8, 12, 3)).astype(np.uint8)
            Pillow.fromarray(pixels).save(path / f"images/p{index}.png")
            mask = np.asarray(content, np.uint8)
            mask = np.tile(mask, (8, 12 // len(mask), 1)) if mask.ndim == 2 else np.tile(mask, (8, 12 // len(mask)))
            Pillow.fromarray(mask).save(path / f"masks/p{index}.{suffix}")
        (path / "classes.txt").write_text(classes)
        return Folder(path, **options)

    return make


def found(data: Folder, check: str):
    return [finding for finding in check_dataset(data) if finding.check == check]


def row(data: Folder) -> list[int]:
    return data.read("train", 0).mask[0].tolist()


# -- classes.txt -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# my classes\nground\n\ndisc\n", Classes(("ground", "disc"))),
        ("Pixel Value, Class\n0, ground\n1, disc\n", Classes(("ground", "disc"), None, {0: "ground", 1: "disc"})),
        (
            "7 road\n8: road\n26=car\n0 void\n",
            Classes(("road", "car"), None, {7: "road", 8: "road", 26: "car", 0: "void"}),
        ),
        ("ground #000000\ndisc #ff0000\n", Classes(("ground", "disc"), ((0, 0, 0), (255, 0, 0)))),
        (
            "# label:color_rgb:parts:actions\nground:0,0,0::\ndisc:255,255,255::\n",
            Classes(("ground", "disc"), ((0, 0, 0), (255, 255, 255))),
        ),
        ("name r g b\nground 0 0 0\ndisc 9 9 9\n", Classes(("ground", "disc"), ((0, 0, 0), (9, 9, 9)))),
        (
            "0 ground 0 0 0\n5 disc 9 9 9\n",
            Classes(("ground", "disc"), ((0, 0, 0), (9, 9, 9)), {0: "ground", 5: "disc"}),
        ),
        ("2 lanes\nground\n", Classes(("2 lanes", "ground"))),
        ("class\nvalue\n", Classes(("class", "value"))),
    ],
)
def test_what_classes_txt_may_say(tmp_path, text, expected):
    file = tmp_path / "classes.txt"
    file.write_text(text)
    assert read_classes(file) == expected


def test_half_of_a_table_is_refused_with_its_line(tmp_path):
    file = tmp_path / "classes.txt"
    file.write_text("# names\nground 0 0 0\ndisc 255 255\n")
    with pytest.raises(
        DataError, match=r"classes\.txt: line 3 \('disc 255 255'\) has no colour, and 1 of 2 lines have one"
    ):
        read_classes(file)
    file.write_text("1 ground\n1 disc\n")
    with pytest.raises(DataError, match="line 2 gives the value 1 again"):
        read_classes(file)


# -- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "classes", "options", "expected"),
    [
        ((0, 7), "0 ground\n7 disc\n", {}, (0, 1)),
        ((0, 1, 2), "ground\ndisc\n", {"void": 0}, (255, 0, 1)),
        ((0, 3, 9), "ground\ndisc\n", {"values": {"ground": 0, "disc": "> 0"}}, (0, 1, 1)),
        ((0, 3, 9), "ground\ndisc\n", {"values": {"void": 0, "ground": [3], "disc": "5-9"}}, (255, 0, 1)),
        ((0, 255), "ground\ndisc\n", {}, (0, 1)),
        (((0, 0, 0), (9, 9, 9)), "ground 0 0 0\ndisc 9 9 9\n", {}, (0, 1)),  # colours are met, and classes.txt has them
        (((0, 0, 0), (1, 1, 1)), "ground\ndisc\n", {}, (0, 1)),  # an index stored three times
    ],
)
def test_values_become_classes(zoo, tmp_path, values, classes, options, expected):
    data = zoo(values, classes, **options)
    assert row(data)[: len(expected)] == list(expected)
    assert found(data, "strange values") == []
    split = open_split(data, "train", (8, 12), folder=tmp_path / "cache")
    assert split.masks[0, 0, : len(expected)].tolist() == list(expected)


def test_black_and_white_is_told_and_values_that_come_later_are_refused(zoo):
    data = zoo((0, 255))
    assert "masks are black and white: 0 is 'ground', and 255 is 'disc'." in str(data.notices()[0])
    Pillow.fromarray(np.full((8, 12), 7, np.uint8)).save(data.path / "masks/p3.png")
    (finding,) = found(data, "strange values")
    assert finding.what == "1 mask has values that are not classes: 7 (1 mask, 96 pixels). Allowed: ground 0, disc 255."
    assert zoo((0, 255), void=255).values() is None


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"ground": 0, "disk": 1}, "values has 'disk', which is not a class; .*Did you mean 'disc'"),
        ({"ground": 0}, "values does not say which value is disc"),
        ({"ground": 0, "disc": "> -1"}, "values has '> -1'; a value is a whole number"),
        ({"ground": 0, "disc": "0-3"}, "values gives 0-3 to two classes, one of them 'disc'"),
    ],
)
def test_maps_that_cannot_be_meant_are_refused(zoo, values, fault):
    with pytest.raises(DataError, match=fault):
        zoo((0, 1), values=values)


def test_void_0_beside_a_name_for_0_is_refused(zoo):
    with pytest.raises(DataError, match="void is 0, but 'unlabelled' also has the value 0"):
        zoo((0, 1), "unlabelled\ndisc\n", void=0)


@pytest.mark.parametrize(
    ("values", "classes", "void", "advice"),
    [
        ({0, 255}, ("a", "b", "c"), None, "black and white masks"),
        ({255}, ("a", "b"), None, "Every pixel has the value 255."),
        ({0, 1, 255}, ("a", "b"), None, "If 255 means 'not labelled', set void: 255."),
        ({1, 2}, ("a", "b"), None, "Values begin at 1: set void: 0"),
        ({0, 7}, ("a", "b"), None, "values: {a: 0, b: 7}"),
        ({0, 7}, ("a", "b", "c"), None, "with the option values"),
        ({0, 1, 7, 9}, ("a", "b"), None, "name the missing classes"),
    ],
)
def test_advice_never_makes_every_object_void(values, classes, void, advice):
    given = advise(values, classes, void)
    assert advice in given
    assert ("void: 255" in given) == (values == {0, 1, 255})


# -- masks with loss, and colours ------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_index_masks_stored_with_loss_are_refused_unless_a_bound_reads_them(zoo, suffix):
    data = zoo((0, 8), "\n".join("abcdefghijklm") + "\n", suffix=suffix)
    (finding,) = found(data, "unreadable")
    assert (finding.severity, len(finding.files)) == ("fatal", 4)
    assert "is a mask stored with loss" in finding.what
    with pytest.raises(DataError, match="stored with loss"):
        data.read("train", 0)
    if suffix == "jpg":
        assert row(zoo((0, 255), suffix=suffix, values={"ground": "< 128", "disc": ">= 128"}))[:2] == [0, 1]


def test_all_colours_that_are_no_class_are_one_finding(zoo):
    data = zoo(((0, 0, 0), (220, 20, 60), (1, 2, 3)), "ground 0 0 0\nroad 128 64 128\n", mask_values="colour")
    (finding,) = [one for one in check_dataset(data) if one.severity == "fatal"]
    assert len(finding.files) == 4
    assert (
        "4 masks have colours that are not classes: [1, 2, 3] (4 masks, 128 pixels), [220, 20, 60] (4 masks"
        in finding.what
    )


def test_other_colours_in_classes_txt_are_another_cache(zoo, tmp_path):
    colours = ((0, 0, 0), (9, 9, 9))
    data = zoo(colours, "ground 0 0 0\ndisc 9 9 9\n", mask_values="colour")
    before = open_split(data, "train", (8, 12), folder=tmp_path / "cache")
    data = zoo(colours, "ground 9 9 9\ndisc 0 0 0\n", mask_values="colour")
    after = open_split(data, "train", (8, 12), folder=tmp_path / "cache")
    assert before.key != after.key
    assert np.array_equal(after.masks, 1 - before.masks)
