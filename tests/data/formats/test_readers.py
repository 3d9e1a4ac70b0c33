"""Every reader against pycocotools, on one scene that is written by hand in each format."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image as Pillow

from drawn_exports import BOX, CAT, DOG, SIZE, as_coco, as_cvat, as_label_studio, as_labelme, as_yolo, filled
from pixelwise.data import DATASETS
from pixelwise.data.formats.base import find_format, read_export
from pixelwise.data.formats.brush import brush_runs
from pixelwise.data.formats.source import Source
from pixelwise.errors import DataError
from pixelwise.rle import RLE


def opened(folder, **options):
    return DATASETS.build("annotated", folder.path, path=str(folder.path), **{"val": 0.0, **options})


def sample(data, name="a"):
    return next(data.read(s, i) for s in data.splits() for i, one in enumerate(data.names(s)) if one == name)


def test_the_scene_is_the_same_in_every_format(export):
    name, folder = export
    assert find_format(Source(folder.path))[0] == name
    data = opened(folder)
    assert data.info.classes[:3] == ("background", "cat", "dog")
    assert sorted(name for split in data.splits() for name in data.names(split)) == ["a", "b"]
    objects = sample(data).objects
    cat, *dogs, box = objects
    assert [one.label for one in objects] == [1, *[2] * len(dogs), 1]
    assert np.array_equal(cat.mask.mask(), filled([CAT]))
    expected = [DOG] if len(dogs) == 1 else [[part] for part in DOG]
    for dog, parts in zip(dogs, expected, strict=True):
        assert np.array_equal(dog.mask.mask(), filled(parts))
    assert box.mask is None
    assert box.box == pytest.approx(BOX)
    mask = sample(data).mask
    assert (mask[6, 8], mask[5, 25], mask[20, 5], mask[0, 0]) == (1, 2, data.info.void, 0)
    assert not sample(data, "b").objects


def test_splits_are_those_of_the_export(folder):
    as_yolo(folder)
    assert opened(folder).splits() == ("train", "val")


def test_what_has_no_area_is_counted(folder):
    as_labelme(folder)
    assert read_export(Source(folder.path))[2].left_out == {"shapes without area (point)": 1}
    assert "not read: 1 × shapes without area (point)." in str(opened(folder).notices()[0])


def test_a_file_of_the_export_is_enough(export):
    name, folder = export
    file = {"coco": "result.json", "yolo": "data.yaml", "labelme": "a.json", "cvat": "annotations.xml"}
    data = DATASETS.build("annotated", folder.path, path=str(folder.path / file.get(name, "project-1.json")), val=0.0)
    assert len(sample(data).objects) in (3, 4)


# -- masks -----------------------------------------------------------------------------------------------------------


def ring() -> np.ndarray:
    """A mask with a hole and a second part."""
    mask = np.zeros(SIZE, bool)
    mask[4:20, 6:22] = True
    mask[8:12, 10:15] = False
    mask[25, 30:] = True
    return mask


def test_masks_of_cvat_keep_holes(folder):
    as_cvat(folder)
    file = folder.path / "annotations.xml"
    part = ring()[4:26, 6:]
    flat = part.ravel()
    ends = [*np.flatnonzero(flat[1:] != flat[:-1]) + 1, flat.size]
    runs = np.diff([0, *ends]).tolist()
    runs = runs if not flat[0] else [0, *runs]
    words = f'<mask label="dog" rle="{", ".join(map(str, runs))}" left="6" top="4" width="34" height="22"></mask>'
    file.write_text(file.read_text().replace("<box", f"{words}<box"))
    found = sample(opened(folder)).objects[2]
    assert np.array_equal(found.mask.mask(), ring())


def test_masks_of_labelme_keep_holes(folder):
    as_labelme(folder)
    stream = io.BytesIO()
    Pillow.fromarray(ring()[4:26, 6:]).save(stream, format="PNG")
    tree = json.loads((folder.path / "b.json").read_text())
    tree["shapes"] = [{"label": "dog", "points": [[6, 4], [39, 25]], "shape_type": "mask", "group_id": None}]
    tree["shapes"][0]["mask"] = base64.b64encode(stream.getvalue()).decode()
    folder.json("b.json", tree)
    assert np.array_equal(sample(opened(folder), "b").objects[0].mask.mask(), ring())


def packed(mask, lengths=(2, 4, 8, 16)) -> list[int]:
    """The brush of Label Studio, written bit by bit: runs of equal values, and blocks of values one after another."""
    values = np.zeros((*mask.shape, 4), np.uint8)
    values[mask] = 255
    flat = values.ravel().tolist()
    bits = f"{len(flat):032b}{7:05b}" + "".join(f"{length - 1:04b}" for length in lengths)
    at = 0
    while at < len(flat):
        end = at + 1
        while end < len(flat) and flat[end] == flat[at] and end - at < 1 << 16:
            end += 1
        end = end if end - at > 3 else min(at + 4, len(flat))
        same = len(set(flat[at:end])) == 1
        which = next(place for place, length in enumerate(lengths) if end - at - 1 < 1 << length)
        bits += f"{same:b}{which:02b}{end - at - 1:0{lengths[which]}b}"
        bits += "".join(f"{value:08b}" for value in (flat[at : at + 1] if same else flat[at:end]))
        at = end
    bits += "0" * (-len(bits) % 8)
    return [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]


@pytest.mark.parametrize("seed", range(3))
def test_brushes_of_label_studio_are_read_to_the_pixel(folder, seed):
    mask = ring() if seed == 0 else np.random.default_rng(seed).random(SIZE) < 0.3
    assert np.array_equal(RLE.from_coco(SIZE, brush_runs(packed(mask), SIZE, "")).mask(), mask)
    as_label_studio(folder)
    file = folder.path / "project-1.json"
    tasks = json.loads(file.read_text())
    told = {"type": "brushlabels", "original_width": SIZE[1], "original_height": SIZE[0], "id": "x"}
    tasks[1]["annotations"] = [
        {"was_cancelled": True, "result": [{"type": "nothing", "value": {}}]},
        {"result": [{**told, "value": {"format": "rle", "rle": packed(mask), "brushlabels": ["dog"]}}]},
    ]
    folder.json("project-1.json", tasks)
    (found,) = sample(opened(folder), "b").objects
    assert np.array_equal(found.mask.mask(), mask)


def as_cvat_masks(folder, void=False):
    """The class of each pixel and the number of each object, in colours."""
    classes, objects = np.zeros((*SIZE, 3), np.uint8), np.zeros((*SIZE, 3), np.uint8)
    for at, (colour, mask) in enumerate((((250, 50, 83), filled([CAT])), ((51, 221, 255), filled(DOG)))):
        classes[mask], objects[mask] = colour, (0, 128 * at, 128)
    if void:
        classes[29, 39] = objects[29, 39] = (224, 224, 192)
    folder.text(
        "labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:250,50,83::\ndog:51,221,255::\n"
    )
    for name, planes in (("a", (classes, objects)), ("b", (classes * 0, objects * 0))):
        folder.picture(f"JPEGImages/{name}.png")
        for place, plane in zip(("SegmentationClass", "SegmentationObject"), planes, strict=True):
            folder.plane(f"{place}/{name}.png", plane)
    folder.text("ImageSets/Segmentation/default.txt", "a\nb\n")


def test_the_masks_of_cvat_give_classes_and_objects(folder):
    as_cvat_masks(folder, void=True)
    assert find_format(Source(folder.path))[0] == "cvat_masks"
    data = opened(folder)
    assert data.info.classes == ("background", "cat", "dog")
    assert data.info.colours[1] == (250, 50, 83)
    found = sample(data)
    assert np.array_equal(found.mask, filled([CAT]) + 2 * filled(DOG) + 255 * (np.arange(1200) == 1199).reshape(SIZE))
    assert [(one.label, one.mask.area) for one in found.objects] == [
        (1, filled([CAT]).sum()),
        (2, filled(DOG).sum()),
    ]
    (folder.path / "SegmentationObject/a.png").unlink()
    assert not sample(opened(folder)).objects


# -- labels ----------------------------------------------------------------------------------------------------------


def test_tables_of_roboflow_give_labels(folder):
    for split, lines in (("train", "a.png, 1, 0\nb.png, 0, 1\nc.png, 1, 1\n"), ("valid", "d.png, 0, 1\ne.png, 0, 0\n")):
        folder.text(f"{split}/_classes.csv", f"filename, cat, dog\n{lines}")
        for line in lines.splitlines():
            folder.picture(f"{split}/{line.partition(',')[0]}")
    data = opened(folder, kind="labels")
    assert data.info.classes == ("cat", "dog")
    assert {split: data.names(split) for split in data.splits()} == {"train": ("a", "b"), "val": ("d",)}
    assert data.labels("train") == (0, 1)
    assert "pictures without a class (1) or with several (1) are left out." in str(data.notices()[0])
    with pytest.raises(DataError, match=r"not objects or masks\. Set kind: labels; for an import, --as labels"):
        opened(folder)


def test_masks_of_roboflow_give_classes(folder):
    folder.text("train/_classes.csv", "Pixel Value, Class\n0, background\n1, cat\n")
    folder.picture("train/a.jpg")
    folder.plane("train/a_mask.png", filled([CAT]).astype(np.uint8))
    data = opened(folder)
    assert (data.info.classes, data.info.knows) == (("background", "cat"), {"mask"})
    assert np.array_equal(sample(data).mask, filled([CAT]))


def test_labels_of_cvat_labelme_and_label_studio(folder, tmp_path):
    as_cvat(folder)
    file = folder.path / "annotations.xml"
    file.write_text(file.read_text().replace("<box", '<tag label="dog"></tag><box'))
    assert opened(folder, kind="labels").labels("train") == (0,)
    assert opened(folder, kind="labels").info.classes == ("dog",)
    other = type(folder)(tmp_path / "labelme")
    as_labelme(other)
    tree = json.loads((other.path / "b.json").read_text())
    other.json("b.json", {**tree, "flags": {"night": True, "day": False}})
    assert opened(other, kind="labels").info.classes == ("night",)
    third = type(folder)(tmp_path / "studio")
    as_label_studio(third)
    tasks = json.loads((third.path / "project-1.json").read_text())
    tasks[1]["annotations"] = [{"result": [{"type": "choices", "value": {"choices": ["night"]}}]}]
    third.json("project-1.json", tasks)
    assert opened(third, kind="labels").names("train") == ("b",)


# -- other layouts of the same formats -------------------------------------------------------------------------------


def test_coco_as_roboflow_writes_it(folder):
    as_coco(folder)
    tree = json.loads((folder.path / "result.json").read_text())
    tree["categories"].insert(0, {"id": 0, "name": "pets", "supercategory": "none"})
    for one in tree["categories"][1:]:
        one["supercategory"] = "pets"
    (folder.path / "result.json").unlink()
    for split in ("train", "valid"):
        folder.json(f"{split}/_annotations.coco.json", tree)
        for name in "ab":
            (folder.path / split / f"{name}.png").write_bytes((folder.path / f"images/{name}.png").read_bytes())
    data = opened(folder)
    assert data.info.classes == ("background", "cat", "dog")
    assert {split: data.names(split) for split in data.splits()} == {"train": ("a", "b"), "val": ("a", "b")}
    assert data.sources("val", 0)[0] == folder.path / "valid/a.png"


def test_yolo_without_a_yaml_and_with_lists(folder):
    as_yolo(folder)
    (folder.path / "data.yaml").unlink()
    folder.text("classes.txt", "cat\ndog\n")
    assert opened(folder).splits() == ("train", "val")
    folder.text("lists/train.txt", "./train/images/a.png\n/somewhere/else/valid/images/b.png\n")
    folder.text("data.yaml", "path: /somewhere/pets\ntrain: lists/train.txt\nnames: [cat, dog]\n")
    assert opened(folder).names("train") == ("a", "b")


def test_two_formats_in_one_folder_are_named(folder):
    as_coco(folder)
    as_yolo(folder)
    with pytest.raises(DataError, match=r"several formats: coco .* yolo .*Name one by format"):
        opened(folder)
    assert len(sample(opened(folder, format="yolo")).objects) == 4


def test_labelformat_reads_the_same(folder, tmp_path):
    formats = pytest.importorskip("labelformat.formats")
    as_coco(folder)
    tree = json.loads((folder.path / "result.json").read_text())
    tree["annotations"] = tree["annotations"][:2]
    for number, one in enumerate(tree["annotations"]):
        one |= {"iscrowd": 0, "bbox": [0, 0, 1, 1], "area": 1, "id": number}
    folder.json("result.json", tree)
    for label in formats.COCOInstanceSegmentationInput(input_file=folder.path / "result.json").get_labels():
        ours = sample(opened(folder), label.image.filename.removesuffix(".png")).objects
        assert [one.category.name for one in label.objects] == [opened(folder).info.classes[one.label] for one in ours]
        for their, our in zip(label.objects, ours, strict=True):
            flat = [[side for point in part for side in point] for part in their.segmentation.polygons]
            assert np.array_equal(filled(flat), our.mask.mask())
