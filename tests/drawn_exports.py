"""One drawn scene, written by hand in the format of each labelling tool."""

import json
import warnings
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from pycocotools import mask as theirs

SIZE = (30, 40)  # height, width
CAT = [3.5, 2.0, 20.0, 4.0, 18.0, 15.5, 5.0, 12.0]
DOG = [[22.0, 3.0, 33.0, 3.0, 33.0, 11.0, 22.0, 11.0], [24.5, 14.0, 36.0, 15.0, 30.0, 24.0]]  # two parts
BOX = (2.0, 18.0, 12.0, 27.0)  # x0 y0 x1 y1 of a cat


def filled(parts) -> np.ndarray:
    """The pixels of an object, by pycocotools."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its compiled part, about NumPy
        return theirs.decode(theirs.merge(theirs.frPyObjects(parts, *SIZE))).astype(bool)


class Folder:
    """A folder to which an export is written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def text(self, name: str, text: str) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def json(self, name: str, tree) -> Path:
        return self.text(name, json.dumps(tree))

    def picture(self, name: str, size=SIZE) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(sum(map(ord, name))).integers(0, 256, (*size, 3)).astype(np.uint8)
        Pillow.fromarray(pixels).save(file)
        return file

    def plane(self, name: str, plane) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(plane).save(file)
        return file


def points(flat):
    return [[x, y] for x, y in zip(flat[::2], flat[1::2], strict=True)]


def as_coco(folder: Folder) -> None:
    folder.picture("images/a.png")
    folder.picture("images/b.png")
    x0, y0, x1, y1 = BOX
    tree = {
        "images": [
            {"id": index, "file_name": f"{name}.png", "height": SIZE[0], "width": SIZE[1]}
            for index, name in enumerate("ab")
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 7, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 1, "segmentation": [CAT]},
            {"id": 2, "image_id": 0, "category_id": 7, "segmentation": DOG},
            {"id": 3, "image_id": 0, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]},
        ],
    }
    folder.json("result.json", tree)


def as_yolo(folder: Folder) -> None:
    """YOLO has no parts: the dog's are two objects."""
    folder.picture("train/images/a.png")
    folder.picture("valid/images/b.png")
    height, width = SIZE
    lines = []
    for index, flat in ((0, CAT), (1, DOG[0]), (1, DOG[1])):
        shares = [f"{value / (height if at % 2 else width):.9f}" for at, value in enumerate(flat)]
        lines.append(f"{index} {' '.join(shares)}")
    x0, y0, x1, y1 = BOX
    lines.append(f"0 {(x0 + x1) / 2 / width} {(y0 + y1) / 2 / height} {(x1 - x0) / width} {(y1 - y0) / height}")
    folder.text("train/labels/a.txt", "\n".join(lines))
    folder.text("valid/labels/b.txt", "")
    folder.text("data.yaml", "train: ../train/images\nval: ../valid/images\nnc: 2\nnames:\n  0: cat\n  1: dog\n")


def as_labelme(folder: Folder) -> None:
    shape = {"flags": {}, "group_id": None, "shape_type": "polygon"}
    shapes = [
        {**shape, "label": "cat", "points": points(CAT)},
        {**shape, "label": "dog", "points": points(DOG[0]), "group_id": 1},
        {**shape, "label": "dog", "points": points(DOG[1]), "group_id": 1},
        {**shape, "label": "cat", "points": [list(BOX[:2]), list(BOX[2:])], "shape_type": "rectangle"},
        {**shape, "label": "nose", "points": [[5, 5]], "shape_type": "point"},
    ]
    for name, some in (("a", shapes), ("b", [])):
        folder.picture(f"{name}.png")
        tree = {"version": "5.5.0", "flags": {}, "shapes": some, "imagePath": f"{name}.png", "imageData": None}
        folder.json(f"{name}.json", {**tree, "imageHeight": SIZE[0], "imageWidth": SIZE[1]})


def as_cvat(folder: Folder) -> None:
    def text(flat):
        return ";".join(f"{x:.2f},{y:.2f}" for x, y in points(flat))

    x0, y0, x1, y1 = BOX
    folder.picture("images/a.png")
    folder.picture("images/b.png")
    size = f'width="{SIZE[1]}" height="{SIZE[0]}"'
    labels = "".join(f"<label><name>{name}</name><attributes></attributes></label>" for name in ("cat", "dog"))
    folder.text(
        "annotations.xml",
        f"""<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><job><labels>{labels}</labels></job></meta>
<image id="0" name="a.png" {size}>
  <polygon label="cat" source="manual" occluded="0" points="{text(CAT)}" z_order="0"></polygon>
  <polygon label="dog" points="{text(DOG[0])}" z_order="0" group_id="1"></polygon>
  <polygon label="dog" points="{text(DOG[1])}" z_order="0" group_id="1"></polygon>
  <box label="cat" xtl="{x0}" ytl="{y0}" xbr="{x1}" ybr="{y1}"></box>
  <points label="cat" points="5,5"></points>
</image>
<image id="1" name="b.png" {size}></image></annotations>""",
    )


def as_label_studio(folder: Folder) -> None:
    height, width = SIZE
    x0, y0, x1, y1 = BOX

    def result(kind, label, value):
        told = {"type": kind, "original_width": width, "original_height": height, "image_rotation": 0, "id": label}
        return {**told, "from_name": "label", "to_name": "image", "value": {**value, kind: [label]}}

    def shares(flat):
        return {"points": [[x / width * 100, y / height * 100] for x, y in points(flat)], "closed": True}

    box = {"x": x0 / width * 100, "y": y0 / height * 100, "rotation": 0}
    box |= {"width": (x1 - x0) / width * 100, "height": (y1 - y0) / height * 100}
    results = [
        result("polygonlabels", "cat", shares(CAT)),
        result("polygonlabels", "dog", shares(DOG[0])),
        result("polygonlabels", "dog", shares(DOG[1])),
        result("rectanglelabels", "cat", box),
        result("keypointlabels", "nose", {"x": 1, "y": 1, "width": 1}),
    ]
    folder.picture("images/a.png")
    folder.picture("images/b.png")
    tasks = [
        {"id": 1, "data": {"image": "/data/upload/1/0a1b2c3d-a.png"}, "annotations": [{"result": results}]},
        {"id": 2, "data": {"image": "/data/local-files/?d=images%2Fb.png"}, "annotations": [{"result": []}]},
    ]
    folder.json("project-1.json", tasks)


EXPORTS = {"coco": as_coco, "yolo": as_yolo, "labelme": as_labelme, "cvat": as_cvat, "label_studio": as_label_studio}
