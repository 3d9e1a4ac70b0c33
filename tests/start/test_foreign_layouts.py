"""Layouts of other programs, and masks with smooth outlines: nothing is lost or guessed without a word."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from pixelwise.cli.data.commands import app
from pixelwise.data import DATASETS
from pixelwise.data.base import Dataset
from pixelwise.errors import DataError
from pixelwise.start.recognise import Found, recognise


def save(file: Path, pixels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def picture(file: Path) -> None:
    save(file, np.random.default_rng([*str(file.name).encode()]).integers(0, 256, (24, 32, 3), np.uint8))


def mask(file: Path, value: int = 1) -> None:
    pixels = np.zeros((24, 32), np.uint8)
    pixels[6:18, 6:20] = value
    save(file, pixels)


def smooth(file: Path, mode: str, colours: list[float | tuple[int, ...]]) -> None:
    """Triangles with smooth outlines, as a drawing program saves them."""
    large = Image.new(mode, (512, 384))
    for place, colour in enumerate(colours):
        left = 20 + 240 * place
        ImageDraw.Draw(large).polygon([(left, 300), (left + 220, 370), (left + 90, 30)], fill=colour)
    file.parent.mkdir(parents=True, exist_ok=True)
    large.resize((128, 96), Image.Resampling.BOX).save(file)


def opened(found: Found, root: Path) -> Dataset:
    made: Dataset = DATASETS.build("folder", root, **{k: v for k, v in found.dataset.items() if k != "name"})
    return made


def test_masks_with_grey_outlines_are_black_and_white(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"images/{number}.png", np.full((96, 128, 3), 40 * number, np.uint8))
        smooth(tmp_path / f"masks/{number}.png", "L", [255])
    found = recognise(tmp_path)
    assert found.dataset["values"] == {"background": "< 128", "object": ">= 128"}
    assert "greys along outlines" in " ".join(found.said)
    pixels = np.zeros((96, 128), np.uint8)  # classes with void around them stay classes
    pixels[20:60, 20:60] = 255
    pixels[22:58, 22:58] = np.arange(1, 10, dtype=np.uint8).repeat(4)
    for number in range(3):
        save(tmp_path / f"masks/{number}.png", pixels)
    assert recognise(tmp_path).dataset["values"]["void"] == 255


def test_colours_of_smooth_outlines_are_no_classes(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"images/{number}.png", np.full((96, 128, 3), 40 * number, np.uint8))
        smooth(tmp_path / f"masks/{number}.png", "RGB", [(255, 0, 0), (0, 255, 0)])
    found = recognise(tmp_path)
    assert found.dataset["classes"] == ["background", "#00ff00", "#ff0000"]
    assert "other colours lie only along outlines" in " ".join(found.said)
    for number in range(3):  # transparent around the objects: as the mask is read, not over white
        smooth(tmp_path / f"masks/{number}.png", "RGBA", [(255, 0, 0, 255)])
    assert recognise(tmp_path).dataset["classes"][0] == "background"


def test_folders_of_images_and_masks_for_each_patient(tmp_path: Path) -> None:
    for patient in "abcd":
        for number in range(3):
            picture(tmp_path / f"{patient}/scan/{number}.png")
            mask(tmp_path / f"{patient}/seg/{number}.png")
    found = recognise(tmp_path)
    assert (found.kind, found.dataset["images"], found.dataset["masks"]) == ("masks", "**/scan/*", "**/seg/*")
    assert "a/0" in {*opened(found, tmp_path).names("train"), *opened(found, tmp_path).names("val")}
    for file in tmp_path.glob("*/seg/*.png"):  # a mask for each object, under other names
        file.rename(file.with_name(f"object{file.name}"))
    with pytest.raises(DataError, match="do not pair"):
        recognise(tmp_path)


def test_lists_of_voc_give_the_splits(tmp_path: Path) -> None:
    for number in range(6):
        picture(tmp_path / f"JPEGImages/{number}.png")
        mask(tmp_path / f"SegmentationClass/{number}.png")
    lists = tmp_path / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("0\n1\n2\n3\n")
    (lists / "val.txt").write_text("4\n5\n")
    assert opened(recognise(tmp_path), tmp_path).names("val") == ("4", "5")


def test_a_class_called_void_is_not_labelled(tmp_path: Path) -> None:
    for number in range(3):
        picture(tmp_path / f"images/{number}.png")
        mask(tmp_path / f"labels/{number}_P.png", 2)
    (tmp_path / "codes.txt").write_text("road\ncar\nVoid\n")
    found = recognise(tmp_path)
    assert found.dataset["values"] == {"road": 0, "car": 1, "void": [2, 255]}
    info = opened(found, tmp_path).info
    assert (info.classes, info.void) == (("road", "car"), 255)


def test_pictures_that_are_in_no_pair_are_told(tmp_path: Path) -> None:
    for number in range(3):
        for channel in range(2):
            picture(tmp_path / f"imagesTr/leaf_{number}_{channel:04d}.png")
        mask(tmp_path / f"labelsTr/leaf_{number}.png")
    picture(tmp_path / "imagesTs/leaf_9_0000.png")
    said = " ".join(recognise(tmp_path).said)
    assert "4 other pictures are not read: 3 in imagesTr (leaf_0_0001.png, …), 1 in imagesTs" in said
    assert "a file for each channel" in said


def test_the_table_with_classes_is_read_and_others_are_told(tmp_path: Path) -> None:
    for number in range(6):
        picture(tmp_path / f"train_images/{number}a.png")
        picture(tmp_path / f"test_images/{number}b.png")
    rows = "".join(f"{number}a,{number % 2}\n" for number in range(6))
    (tmp_path / "train.csv").write_text(f"id_code,diagnosis\n{rows}")
    (tmp_path / "sample_submission.csv").write_text("id_code,diagnosis\n" + "".join(f"{n}b,0\n" for n in range(6)))
    found = recognise(tmp_path)
    assert found.dataset["table"] == "train.csv"
    said = " ".join(found.said)
    assert "sample_submission.csv" in said
    assert "6 other pictures are not read: 6 in test_images" in said


@pytest.mark.parametrize("column", ["is_valid", ""])
def test_a_table_keeps_the_splits_of_a_column_or_of_folders(tmp_path: Path, column: str) -> None:
    rows = []
    for number in range(6):
        split = "val" if number > 3 else "train"
        place = f"{number}.png" if column else f"{split}/{number}.png"
        picture(tmp_path / place)
        rows.append(f"{place},{number % 2}" + (f",{split == 'val'}" if column else ""))
    (tmp_path / "t.csv").write_text(f"path,label{',' if column else ''}{column}\n" + "\n".join(rows))
    data = DATASETS.build("labelled", tmp_path, path=str(tmp_path), table="t.csv")
    assert [name[-1] for name in data.names("val")] == ["4", "5"]


def test_exports_that_are_not_read_say_what_to_export(tmp_path: Path) -> None:
    picture(tmp_path / "min/0.png")
    (tmp_path / "min/min.json").write_text(
        json.dumps([{"id": 1, "image": "0.png", "annotator": 1, "annotation_id": 1}])
    )
    with pytest.raises(DataError, match="JSON-MIN"):
        recognise(tmp_path / "min")
    shape = {"label": "cat", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"}
    (tmp_path / "me").mkdir()
    told = {
        "shapes": [shape],
        "imagePath": "..\\photos\\0.jpg",
        "imageData": "AAAA",
        "imageHeight": 24,
        "imageWidth": 32,
    }
    (tmp_path / "me/0.json").write_text(json.dumps(told))
    with pytest.raises(DataError, match="imageData"):
        recognise(tmp_path / "me")


def test_data_check_reads_the_layouts_that_start_finds(tmp_path: Path) -> None:
    for number in range(6):
        picture(tmp_path / f"{'cat' if number % 2 else 'dog'}/{number}.png")
    made = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert made.exit_code == 0, made.output
    assert "2 folders are taken as classes" in made.output
