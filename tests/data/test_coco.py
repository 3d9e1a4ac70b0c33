"""COCO's json drawn small: polygons, run lengths, crowds and boxes, and everything that can be wrong with them."""

import json

import numpy as np
import pytest
from PIL import Image as Pillow
from pycocotools import mask as theirs

from pixelwise.data.annotated import coco
from pixelwise.errors import DataError
from pixelwise.imaging.annotations import annotation_of, object_of
from pixelwise.rle import RLE
from pixelwise.types import Object

SIZE = (20, 30)


def ring():
    mask = np.zeros(SIZE, np.uint8)
    mask[8:18, 12:26], mask[11:14, 16:20] = 1, 0
    return mask


def annotations():
    pieces = [[1, 1, 6, 1, 6, 5, 1, 5], [8, 1, 11, 1, 11, 5, 8, 5]]
    runs = theirs.encode(np.asfortranarray(ring()))
    return [
        {"segmentation": pieces, "category_id": 7},
        {"segmentation": {"size": [*SIZE], "counts": runs["counts"].decode()}, "category_id": 3},
        {"segmentation": {"size": [*SIZE], "counts": [580, 20]}, "category_id": 3, "iscrowd": 1},
        {"bbox": [12, 1, 5, 4], "category_id": 7},
        {"bbox": [12, 1, 0, 4], "category_id": 7},
    ]


@pytest.fixture
def folder(tmp_path):
    """`folder(change=...)`: a data set in COCO's layout, whose json `change` may spoil."""
    place = tmp_path / "pets"
    (place / "annotations").mkdir(parents=True)
    (place / "train2017").mkdir()

    def write(change=lambda read: None, name="instances_train2017.json", pictures=2):
        images = []
        for number in range(pictures):
            pixels = np.random.default_rng(number).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
            Pillow.fromarray(pixels).save(place / "train2017" / f"p{number}.png")
            images.append({"id": 40 + number, "file_name": f"p{number}.png", "height": SIZE[0], "width": SIZE[1]})
        found = [{**one, "id": 90 + n, "image_id": 40} for n, one in enumerate(annotations())]
        categories = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]
        read = {"images": images, "annotations": found, "categories": categories}
        change(read)
        (place / "annotations" / name).write_text(json.dumps(read))
        return tmp_path

    return write


def test_parts_holes_crowds_and_boxes(folder):
    data = coco(folder(), path="pets")
    assert data.splits() == ("train",)
    assert data.info.classes == ("background", "cat", "dog")
    assert data.names("train") == ("p0", "p1")
    dog, cat, crowd, box = data.read("train", 0).objects
    assert (dog.label, dog.mask.area, dog.box) == (2, 20 + 12, (1, 1, 11, 5))
    assert np.array_equal(cat.mask.mask(), ring())
    assert (crowd.crowd, crowd.mask.area) == (True, 20)
    assert (box.mask, box.box) == (None, (12, 1, 17, 5))
    mask = data.read("train", 0).mask
    assert (mask[2, 2], mask[9, 13], mask[12, 17], mask[2, 14], mask[19, 29]) == (2, 1, 0, 255, 255)
    assert data.read("train", 1).objects == []
    assert data.oddities("train", 0) == ("no area",)


def test_an_object_that_was_written_is_read_again_to_the_pixel():
    for seed in range(20):
        mask = np.random.default_rng(seed).random(SIZE) < 0.4
        one = Object.of(1, RLE.of(mask))
        again = object_of(json.loads(json.dumps(annotation_of(one))), 1, SIZE, where="")
        assert np.array_equal(again.mask.mask(), mask)
        assert again.box == one.box


def test_one_json_is_divided_into_splits(folder):
    data = coco(
        folder(name="labels.json", pictures=10), path="pets", annotations="annotations/labels.json", images="train2017"
    )
    assert [len(data.names(split)) for split in data.splits()] == [8, 2]
    assert sum(len(data.read(s, i).objects) for s in data.splits() for i in range(len(data.names(s)))) == 4


def spoil(place, **values):
    def change(read):
        part, number = place
        read[part][number].update(values)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (spoil(("annotations", 0), image_id=1), "1 annotations have an image_id that no picture has: 90"),
        (spoil(("annotations", 1), category_id=1), "1 annotations have a category_id that no category has: 91"),
        (spoil(("images", 1), id=40), "two pictures have the same id"),
        (spoil(("images", 1), width=0), "1 pictures lack an id, a file name, or a height and width"),
        (spoil(("images", 1), file_name="../../p1.png"), "lie outside of the folder"),
        (lambda read: read.pop("categories"), "needs lists of images, annotations, categories, and lacks categories"),
    ],
)
def test_what_names_nothing_is_refused_at_once(folder, change, said):
    with pytest.raises(DataError, match=said):
        coco(folder(change), path="pets")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (spoil(("images", 0), width=31), "picture p0.png is 30×20, but its annotations say 31×20"),
        (spoil(("annotations", 0), segmentation=[[1, 1, 2, 2]]), "a polygon needs three points or more.*has 4 numbers"),
        (spoil(("annotations", 0), segmentation=[[1, 1, 5, 1, float("nan"), 5]]), "a point that is not finite"),
        (spoil(("annotations", 1), segmentation={"size": [9, 9], "counts": [81]}), "are for .9, 9. .height, width"),
        (spoil(("annotations", 1), segmentation={"size": [*SIZE], "counts": [81]}), "have 600 pixels; these have 81"),
        (spoil(("annotations", 1), segmentation={"size": [*SIZE], "counts": "~~"}), "do not have the letter"),
        (spoil(("annotations", 3), bbox=[1, 2]), "neither a segmentation nor a bbox"),
    ],
)
def test_what_is_wrong_with_a_picture_is_said_with_the_annotation(folder, change, said):
    with pytest.raises(DataError, match=said):
        coco(folder(change), path="pets").read("train", 0)


def test_a_polygon_that_crosses_itself_and_leaves_the_picture_is_filled_as_pycocotools_does(folder):
    points = [[5, 5, 40, 15, 40, 5, 5, 15]]
    data = coco(folder(spoil(("annotations", 0), segmentation=points)), path="pets")
    expected = theirs.merge(theirs.frPyObjects(points, *SIZE))
    assert data.read("train", 0).objects[0].mask.to_coco() == expected
    assert "outside" in data.oddities("train", 0)
