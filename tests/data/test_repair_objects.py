"""`repair` of data sets with objects, and of names that pair in another case or Unicode form."""

import json
import unicodedata

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.data import DATASETS
from pixelwise.data.exclude import excluding
from pixelwise.data.folder import Folder
from pixelwise.data.repair import RECORD, repair
from pixelwise.imaging.files import read_mask, write_numbers
from pixelwise.start.recognise import recognise


def noise(seed, size=(24, 32)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


@pytest.fixture
def cells(tmp_path):
    """Instance maps with classes and void: one over the stored pixels of a turned picture, one cut short, one copy."""
    path = tmp_path / "cells"
    for split in ("train", "val"):
        for part in ("images", "masks"):
            (path / split / part).mkdir(parents=True)
    (path / "classes.txt").write_text("ground\ncell\nnucleus\n")
    exif = Pillow.Exif()
    exif[274] = 6
    for place, (split, name) in enumerate([("train", n) for n in ("a", "b", "c", "d")] + [("val", n) for n in "ef"]):
        ids = np.zeros((24, 32), np.uint16)
        ids[2:9, 3 + place : 12] = 1001
        ids[12:20, 4:9] = 2001
        ids[12:20, 20:29] = 1002
        ids[:, 31] = 65535
        write_numbers(path / split / f"masks/{name}.png", ids)
        picture = Pillow.fromarray(noise(0 if name in "af" else place + 1))
        picture.save(path / split / f"images/{name}.jpg", quality=95, **({"exif": exif} if name == "b" else {}))
    broken = path / "train/images/c.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    return path


def test_instance_maps_keep_their_numbers(cells, tmp_path):
    data = Folder(cells, kind="instances", divisor=1000, void=65535)
    made = repair(data, tmp_path / "copy")
    assert made.copied == {"train": 2, "val": 2}
    assert made.left_out == {"also in a later split": ["train/a"], "the picture cannot be read": ["train/c"]}
    assert made.dataset == {"name": "folder", "kind": "instances", "divisor": 1000, "void": 65535}
    copy = Folder(tmp_path / "copy", kind="instances", divisor=1000, void=65535)
    ids = read_mask(cells / "train/masks/b.png")
    turned = read_mask(tmp_path / "copy/train/masks/b.png")
    assert np.array_equal(turned, np.rot90(ids, -1))  # over the stored pixels, as EXIF turns the picture
    assert np.array_equal(read_mask(tmp_path / "copy/train/masks/d.png"), read_mask(cells / "train/masks/d.png"))
    sample = copy.read("train", copy.names("train").index("b"))
    assert [one.label for one in sample.objects] == [1, 1, 2]
    assert copy.info.classes == data.info.classes
    assert json.loads((tmp_path / "copy" / RECORD).read_text())["dataset"] == made.dataset
    found = recognise(tmp_path / "copy", objects=True).dataset  # and start reads it as the record says
    assert (found["kind"], found["divisor"], found["void"]) == ("instances", 1000, 65535)


def test_objects_of_an_export_are_kept_to_the_pixel(tmp_path):
    path = tmp_path / "export"
    (path / "images").mkdir(parents=True)
    images, annotations = [], []
    for place, name in enumerate("abcdefgh"):
        Pillow.fromarray(noise(place)).save(path / f"images/{name}.png")
        images.append({"id": place, "file_name": f"{name}.png", "height": 24, "width": 32})
        shapes = [[2, 2, 14, 2, 14, 12, 2, 12], [8, 6, 20 + place, 6, 20, 18, 8, 18]]  # they overlap
        for shape in shapes:
            number = len(annotations) + 1
            drawn = {"segmentation": [shape], "iscrowd": 0, "bbox": [0, 0, 1, 1], "area": 1}
            annotations.append({"id": number, "image_id": place, "category_id": 1, **drawn})
    (path / "images/c.png").write_bytes(b"")
    tree = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cell"}]}
    (path / "annotations.json").write_text(json.dumps(tree))
    data = DATASETS.build("annotated", tmp_path, path=str(path))
    made = repair(data, tmp_path / "copy")
    assert made.left_out == {"the picture cannot be read": [f"{split_of(data, 'c')}/c"]}
    assert made.dataset == {"name": "coco"}
    copy = DATASETS.build("coco", tmp_path, path=str(tmp_path / "copy"))
    assert {split: len(copy.names(split)) for split in copy.splits()} == made.copied
    for split in copy.splits():
        for index, name in enumerate(copy.names(split)):
            before = data.read(split, data.names(split).index(name))
            after = copy.read(split, index)
            assert np.array_equal(after.image, before.image)
            for one, other in zip(before.objects, after.objects, strict=True):
                assert np.array_equal(one.mask.mask(), other.mask.mask())


def split_of(data, name):
    return next(split for split in data.splits() if name in data.names(split))


def test_parts_of_classes_are_repaired_as_masks_and_excluded_pictures_stay_out(pictures, tmp_path):
    pictures.truncate("train/images/p2.png")
    data = excluding(pictures.open(kind="components"), ["train/p0"])
    made = repair(data, tmp_path / "copy")
    assert made.dataset == {"name": "folder", "kind": "components"}
    assert Folder(tmp_path / "copy", kind="components").names("train") == ("p1", "p3")


@pytest.mark.parametrize("how", ["case", "suffix", "NFD"])
def test_names_that_pair_another_way_are_written_alike(pictures, tmp_path, how):
    for split, index in (("train", 0), ("train", 1), ("train", 2), ("train", 3), ("val", 0), ("val", 1)):
        mask = pictures.path / split / f"masks/p{index}.png"
        image = pictures.path / split / f"images/p{index}.png"
        names = {"case": ("IMG_Ü", "img_ü"), "suffix": ("p", "p_seg"), "NFD": ("Ü", "U\u0308")}[how]
        assert how != "NFD" or unicodedata.normalize("NFC", names[1]) == names[0]
        end = "_seg" if how == "suffix" else ""
        image.rename(image.with_name(f"{names[0]}{index}.png"))
        mask.rename(mask.with_name(f"{names[1].removesuffix(end)}{index}{end}.png"))
    made = repair(pictures.open(), tmp_path / "copy")
    assert made.copied == {"train": 4, "val": 2}
    assert bool(made.done) == (how != "NFD")  # Unicode forms pair without an option
    assert not Folder(tmp_path / "copy").problems
    for split in ("train", "val"):
        folders = [{file.name for file in (tmp_path / "copy" / split / part).iterdir()} for part in ("images", "masks")]
        assert folders[0] == folders[1]
