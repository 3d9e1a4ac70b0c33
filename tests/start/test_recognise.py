"""What drawn folders are recognised as."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data import DATASETS
from pixelwise.errors import DataError
from pixelwise.imaging.files import write_image, write_mask
from pixelwise.start.recognise import Found, recognise

PALETTE = [(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)] * 64


def draw(folder: Path, name: str, mask: str = "", values: tuple[int, ...] = (0, 1)) -> None:
    """A picture of noise, and its mask with a square of each value above 0."""
    noise = np.random.default_rng([*name.encode()]).integers(0, 256, (3, 4, 3), np.uint8)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    write_image(folder / name, noise.repeat(8, axis=0).repeat(8, axis=1))
    if mask:
        (folder / mask).parent.mkdir(parents=True, exist_ok=True)
        indices = np.full((24, 32), values[0], np.uint8)
        for place, value in enumerate(values[1:]):
            indices[8:16, 6 * place : 6 * place + 4] = value
        write_mask(folder / mask, indices, PALETTE)


def found(folder: Path) -> tuple[Found, dict[str, object]]:
    """What the folder is, and the options of its data set that are not its name and path. The data set must be readable."""
    what = recognise(folder)
    options = {key: value for key, value in what.dataset.items() if key != "name"}
    dataset = DATASETS.build(what.dataset["name"], folder.parent, **options)
    assert dataset.read("train", 0).image.shape == (24, 32, 3)
    return what, {key: value for key, value in options.items() if key != "path"}


PEDS = {"images": "PNGImages", "masks": "PedMasks", "mask_suffix": "_mask"}
LAYOUTS = {
    "two folders": ("images/{}.png", "masks/{}.png", {}),
    "split above": ("train/images/{}.png", "train/masks/{}.png", {}),
    "split below": ("images/train/{}.png", "masks/train/{}.png", {}),
    "other names": ("PNGImages/{}.png", "PedMasks/{}_mask.png", PEDS),
    "masks after splits": ("train/images/{}.png", "train/labels/{}.png", {"masks": "labels"}),
    "suffixes": ("images/{}_image.png", "masks/{}_mask.png", {"image_suffix": "image", "mask_suffix": "mask"}),
    "prefixes": ("images/image_{}.png", "masks/mask_{}.png", {"image_prefix": "image", "mask_prefix": "mask"}),
    "in sub-folders": ("images/a/{}.png", "masks/a/{}.png", {}),
    "prefix beside": ("{}.png", "mask_{}.png", {"images": "*.png", "masks": "*.png", "mask_prefix": "mask_"}),
    "in one folder": ("pets-v2/images/{}.png", "pets-v2/masks/{}.png", {}),
    "splits in one folder": ("pets-v2/train/images/{}.png", "pets-v2/train/masks/{}.png", {}),
    "beside in one folder": ("pets-v2/{}.jpg", "pets-v2/{}.png", {"images": "*.jpg", "masks": "*.png"}),
    "split in names": ("train_images/{}.png", "train_masks/{}.png", {"images": "train_images", "masks": "train_masks"}),
    "labels": ("img/{}.jpg", "labels/{}.png", {"images": "img", "masks": "labels"}),
    "side by side": ("{}.png", "{}_mask.png", {"images": "*.png", "masks": "*.png", "mask_suffix": "_mask"}),
    "two kinds in a split": ("train/{}.jpg", "train/{}.png", {"images": "*.jpg", "masks": "*.png"}),
    "two kinds": ("{}.jpg", "{}.png", {"images": "*.jpg", "masks": "*.png"}),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_images_and_masks(tmp_path: Path, layout: str) -> None:
    image, mask, expected = LAYOUTS[layout]
    for name in ("tom", "amy", "kim", "bob", "eve", "joe"):
        draw(tmp_path / "pets", image.format(name), mask.format(name), values=(0, 255))
    what, options = found(tmp_path / "pets")
    assert (what.kind, options) == ("masks", {**expected, "values": {"background": 0, "object": 255}})


def test_the_layout_of_cityscapes(tmp_path: Path) -> None:
    """Splits and towns in both trees, a suffix on each side, and other files beside the masks."""
    for split, town in (("train", "aachen"), ("train", "bochum"), ("val", "ulm")):
        for number in range(2):
            name = f"{town}_00000{number}_000019"
            mask = f"gtFine/{split}/{town}/{name}_gtFine_labelIds.png"
            draw(tmp_path / "city", f"leftImg8bit/{split}/{town}/{name}_leftImg8bit.png", mask, values=(0, 7, 26))
            draw(tmp_path / "city", f"gtFine/{split}/{town}/{name}_gtFine_color.png")
            numbers = np.zeros((24, 32), np.uint16)
            numbers[:4], numbers[5:10, :9], numbers[5:10, 9:20], numbers[15:] = 7, 26001, 26000, 26
            Pillow.fromarray(numbers).save(tmp_path / f"city/gtFine/{split}/{town}/{name}_gtFine_instanceIds.png")
            (tmp_path / f"city/gtFine/{split}/{town}/{name}_gtFine_polygons.json").write_text("{}", encoding="utf-8")
    what, options = found(tmp_path / "city")
    assert what.kind == "masks"
    assert (options["images"], options["masks"]) == ("leftImg8bit", "gtFine")
    dataset = DATASETS.build("folder", tmp_path, path=str(tmp_path / "city"), **options)
    assert {split: len(dataset.names(split)) for split in dataset.splits()} == {"train": 4, "val": 2}
    assert dataset.sources("val", 0)[1].name == "ulm_000000_000019_gtFine_labelIds.png"

    what = recognise(
        tmp_path / "city", objects=True
    )  # then instanceIds: label * 1000 + number, or a group's label alone
    assert (what.kind, what.dataset["divisor"]) == ("objects", 1000)
    sample = DATASETS.build("folder", tmp_path, **{k: v for k, v in what.dataset.items() if k != "name"}).read("val", 0)
    car = [*what.dataset["values"]].index("car")
    objects = [(one.label, one.crowd, one.mask.area) for one in sample.objects if one.mask]
    assert objects == [(car, True, 9 * 32), (car, False, 55), (car, False, 45)]


def test_values_that_number_objects_are_one_class_and_it_says_so(tmp_path: Path) -> None:
    for number, name in enumerate(("tom", "amy", "kim", "bob", "eve", "joe")):
        draw(tmp_path / "pets", f"images/{name}.png", f"masks/{name}.png", values=tuple(range(2 + number % 3)))
    what, options = found(tmp_path / "pets")
    assert options == {"values": {"background": 0, "object": "> 0"}}
    assert any("does not tell objects apart" in line for line in what.said)


def test_objects_are_told_apart_when_asked(tmp_path: Path) -> None:
    """By the numbers in the masks; masks of one class have an object for each connected part."""
    for number, name in enumerate(("tom", "amy", "kim", "bob", "eve", "joe")):
        draw(tmp_path / "cells", f"images/{name}.png", f"masks/{name}.png", values=tuple(range(2 + number % 3)))
        draw(tmp_path / "discs", f"images/{name}.png", f"masks/{name}.png", values=(0, 255))
    numbered = recognise(tmp_path / "cells", objects=True)
    assert (numbered.kind, numbered.dataset["kind"]) == ("objects", "instances")
    parts = recognise(tmp_path / "discs", objects=True)
    assert parts.dataset["kind"] == "components"
    options = {key: value for key, value in parts.dataset.items() if key != "name"}
    sample = DATASETS.build("folder", tmp_path, **options).read("train", 0)
    assert [(one.label, one.box) for one in sample.objects or ()] == [(1, (0, 8, 4, 16))]
    (tmp_path / "cells/classes.txt").write_text("ground\ncell\n", encoding="utf-8")
    assert recognise(tmp_path / "cells").dataset["values"] == {"ground": 0, "cell": "> 0"}
    assert recognise(tmp_path / "cells", objects=True).dataset["kind"] == "instances"
    draw(tmp_path / "alone", "1.png")
    with pytest.raises(DataError, match=r"no masks.*Leave out --instances"):
        recognise(tmp_path / "alone", objects=True)


def test_what_is_typed_decides_what_a_folder_is(tmp_path: Path) -> None:
    for name in ("tom", "amy", "kim", "bob"):
        draw(tmp_path / "pets", f"images/{name}.png", f"masks/{name}.png")
        draw(tmp_path / "pets", f"other/{name}.png", f"later/{name}_x.png")
    assert recognise(tmp_path / "pets").dataset["name"] == "folder"
    named = recognise(tmp_path / "pets", given={"images": "other", "masks": "later"})
    assert (named.dataset["images"], named.dataset["masks"], named.dataset["mask_suffix"]) == ("other", "later", "_x")
    assert recognise(tmp_path / "pets", given={"name": "pictures"}).kind == "pictures"
    assert recognise(tmp_path / "pets", given={"name": "labelled"}).kind == "classes"
    with pytest.raises(DataError, match=r"recipes can be made for folder, labelled, pictures, annotated; read 'voc'"):
        recognise(tmp_path / "pets", given={"name": "voc"})
    draw(tmp_path / "alone", "1.png")
    with pytest.raises(DataError, match="no pictures with masks of the same names"):
        recognise(tmp_path / "alone", given={"name": "folder"})


def test_values_with_gaps_are_classes_by_number_and_255_is_void(tmp_path: Path) -> None:
    for name in ("tom", "amy", "kim", "bob"):
        draw(tmp_path / "pets", f"images/{name}.png", f"masks/{name}.png", values=(0, 7, 26, 255))
    _, options = found(tmp_path / "pets")
    assert options == {"values": {"background": 0, "class 7": 7, "class 26": 26, "void": 255}}


def test_classes_txt_wins(tmp_path: Path) -> None:
    for name in ("tom", "amy", "kim", "bob"):
        draw(tmp_path / "pets", f"images/{name}.png", f"masks/{name}.png", values=(0, 1, 2))
    (tmp_path / "pets/classes.txt").write_text("ground\ncat\ndog\n", encoding="utf-8")
    assert found(tmp_path / "pets")[1] == {}


@pytest.mark.parametrize(
    ("values", "void"),
    [((1, 2), 0), ((0, 1, 2), 0), ((0, 1, 255), 255), ((0, 1), None), ((0, 255), None), ((0, 7), None)],
)
def test_void_beside_the_classes_of_classes_txt(tmp_path: Path, values: tuple[int, ...], void: int | None) -> None:
    for name in ("tom", "amy", "kim", "bob"):
        draw(tmp_path / "pets", f"images/{name}.png", f"masks/{name}.png", values=values)
    (tmp_path / "pets/classes.txt").write_text("ground\ncat\n", encoding="utf-8")
    assert recognise(tmp_path / "pets").dataset.get("void") == void


def test_masks_in_colour(tmp_path: Path) -> None:
    for name in ("tom", "amy", "kim"):
        draw(tmp_path / "pets", f"images/{name}.png")
        image = np.zeros((24, 32, 3), np.uint8)
        image[4:9] = (200, 30, 0)
        (tmp_path / "pets/masks").mkdir(exist_ok=True)
        write_image(tmp_path / f"pets/masks/{name}.png", image)
    _, options = found(tmp_path / "pets")
    assert options["classes"] == ["background", "#c81e00"]
    assert options["mask_values"] == "colour"


@pytest.mark.parametrize("shape", ["{}/{}.png", "train/{}/{}.png", "photos/{}/{}.png"])
def test_folders_of_classes(tmp_path: Path, shape: str) -> None:
    for kind in ("cat", "dog"):
        for number in range(6):
            draw(tmp_path / "pets", shape.format(kind, number))
    what, options = found(tmp_path / "pets")
    assert what.kind == "classes"
    assert options == ({"images": "photos"} if "photos" in shape else {})


def test_a_table_and_pictures_alone(tmp_path: Path) -> None:
    for number in range(6):
        draw(tmp_path / "pets", f"{number}.png")
    assert found(tmp_path / "pets")[0].kind == "pictures"
    rows = "".join(f"{number}.png,{'ab'[number % 2]}\n" for number in range(6))
    (tmp_path / "pets/labels.csv").write_text(f"file,label\n{rows}", encoding="utf-8")
    what, options = found(tmp_path / "pets")
    assert (what.kind, options) == ("classes", {"table": "labels.csv"})


def test_names_of_scenes_are_groups_and_numbers_alone_are_not(tmp_path: Path) -> None:
    for scene in range(6):
        for frame in range(3):
            draw(tmp_path / "pets", f"images/s{scene}_{frame}.png", f"masks/s{scene}_{frame}.png")
            draw(
                tmp_path / "numbers", f"images/img_{3 * scene + frame:03}.png", f"masks/img_{3 * scene + frame:03}.png"
            )
    options = found(tmp_path / "pets")[1]
    val = DATASETS.build("folder", tmp_path, path=str(tmp_path / "pets"), **options).names("val")
    assert len({name.partition("_")[0] for name in val}) * 3 == len(val)
    assert "group" not in found(tmp_path / "numbers")[1]


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no picture that can be read was found below it"):
        recognise(tmp_path)
    draw(tmp_path, "a.png")
    (tmp_path / "coco.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=r"coco\.json, which this command does not read"):
        recognise(tmp_path)


def test_pictures_that_an_option_reads_right_get_it(tmp_path: Path) -> None:
    """12 bits in 16, five channels, infrared where transparency is, and an orientation that the masks do not have."""
    from PIL import Image as Pillow

    from pixelwise.start.look import look

    tifffile = pytest.importorskip("tifffile")
    mask = np.zeros((24, 24), np.uint8)
    mask[2:10, 3:20] = 1
    for number in range(6):
        values = np.random.default_rng(number).integers(20, 200, (24, 24, 5), np.uint8)
        values[mask > 0] //= 4
        deep = Pillow.fromarray(values[..., 0].astype(np.uint16) << 4)
        turned = Pillow.Exif()
        turned[0x0112] = 3
        kinds = {
            "deep": ("png", lambda file, deep=deep: deep.save(file)),
            "many": (
                "tif",
                lambda file, v=values: tifffile.imwrite(file, v, photometric="minisblack", planarconfig="contig"),
            ),
            "infrared": ("png", lambda file, v=values: Pillow.fromarray(v[..., :4]).save(file)),
            "turned": (
                "jpg",
                lambda file, v=values, t=turned: Pillow.fromarray(v[..., :3]).save(file, exif=t, quality=95),
            ),
        }
        for kind, (suffix, save) in kinds.items():
            for inside in ("images", "masks"):
                (tmp_path / kind / inside).mkdir(parents=True, exist_ok=True)
            save(tmp_path / kind / f"images/{number}.{suffix}")
            write_mask(tmp_path / kind / f"masks/{number}.png", mask, PALETTE)
    expected = {
        "deep": ("stretch", 12), "many": ("channels", 5), "infrared": ("alpha", "ignore"), "turned": ("exif", "ignore")
    }  # fmt: skip
    for kind, (option, value) in expected.items():
        what = recognise(tmp_path / kind)
        _, _, findings, _ = look(what, tmp_path / kind, tmp_path, [], lambda *_: None)
        assert what.dataset[option] == value
        assert not [one for one in findings if one.severity == "fatal"]
        assert any(f"The recipe sets {option}: {value}." in line for line in what.said)
    typed = recognise(tmp_path / "deep")
    look(typed, tmp_path / "deep", tmp_path, ["data.dataset.stretch=14"], lambda *_: None)
    assert typed.dataset["stretch"] == 14


def test_kinds_of_pictures_that_are_not_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone/1.heic").touch()
    with pytest.raises(
        DataError, match=r"no picture that can be read was found below it; it has \.heic\. Save pictures as PNG"
    ):
        recognise(tmp_path / "phone")
    draw(tmp_path, "phone/2.png")
    draw(tmp_path, "phone/3.png")
    data = DATASETS.build("pictures", tmp_path, path="phone")
    assert [notice.what for notice in data.notices()] == ["files of kinds that are not read are left out: 1.heic."]


def test_black_and_white_masks_in_three_equal_channels_or_stored_with_loss(tmp_path: Path) -> None:
    for number in range(6):
        mask = np.zeros((24, 32), np.uint8)
        mask[4:16, 3 : 12 + number] = 255
        for kind, suffix in (("photoshop", "png"), ("lossy", "jpg")):
            draw(tmp_path / kind, f"images/{number}.png")
            (tmp_path / kind / "masks").mkdir(exist_ok=True)
            write_image(tmp_path / kind / f"masks/{number}.{suffix}", mask[..., None].repeat(3, axis=2))
        from PIL import Image as Pillow

        Pillow.fromarray(mask).save(tmp_path / f"lossy/masks/{number}.jpg", quality=60)
    assert found(tmp_path / "photoshop")[1] == {"values": {"background": 0, "object": 255}}
    assert found(tmp_path / "lossy")[1] == {"values": {"background": "< 128", "object": ">= 128"}}


def test_masks_beside_pictures_in_a_folder_for_each_patient(tmp_path: Path) -> None:
    for patient in ("p1", "p2", "p3", "p4", "p5"):
        for number in range(3):
            draw(tmp_path / "scans", f"{patient}/{number}.png", f"{patient}/{number}_seg.png")
    what, options = found(tmp_path / "scans")
    assert what.kind == "masks"
    assert options == {
        "images": "**/*.png", "masks": "**/*.png", "mask_suffix": "_seg", "values": {"background": 0, "object": 1},
        "group": "^(.+)/[^/]+$",
    }  # fmt: skip


def test_groups_are_found_behind_what_names_of_pictures_and_masks_differ_in(tmp_path: Path) -> None:
    for town in range(5):
        for number in range(3):
            name = f"aachen_{town:03}_{number:03}"
            draw(tmp_path / "streets", f"images/{name}_leftImg8bit.png", f"masks/{name}_gtFine_labelIds.png")
    what, options = found(tmp_path / "streets")
    assert "group" in options
    assert any("5 groups" in line and "aachen_000, aachen_001" in line for line in what.said)


def test_names_of_classes_in_the_files_of_other_programs(tmp_path: Path) -> None:
    """fastai's codes.txt and nnU-Net's dataset.json name the values; one that does not name all of them is not used."""
    for name in ("tom", "amy", "kim", "bob", "eve", "joe"):
        draw(tmp_path / "pets", f"imagesTr/{name}_0000.png", f"labelsTr/{name}.png", values=(0, 1, 2))
    (tmp_path / "pets/codes.txt").write_text("ground\ncat\n", encoding="utf-8")
    labels = '{"labels": {"dog": 2, "background": 0, "cat": 1}, "file_ending": ".png"}'
    (tmp_path / "pets/dataset.json").write_text(labels, encoding="utf-8")
    what, options = found(tmp_path / "pets")
    assert options["classes"] == ["background", "cat", "dog"]
    assert (options["image_suffix"], "dataset.json names 3 classes: background, cat, dog." in what.said) == (
        "_0000",
        True,
    )
    (tmp_path / "pets/dataset.json").write_text("[", encoding="utf-8")
    assert "classes" not in found(tmp_path / "pets")[1]
