"""Exports of strangers: whatever they hold ends in one line that says where, and nothing outside of them is read."""

import json
import zipfile

import pytest

from drawn_exports import EXPORTS, as_coco, as_cvat, as_label_studio, as_labelme, as_yolo
from pixelwise.data import DATASETS
from pixelwise.data.formats.source import Source, read_xml
from pixelwise.data.importing.packed import unpacked
from pixelwise.errors import PixelwiseError

BOMB = '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><annotations>&b;</annotations>'
OTHER = '<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/hostname">]><annotations><meta>&file;</meta></annotations>'


def read_all(folder, **options):
    """Read every sample."""
    data = DATASETS.build("annotated", folder.path, path=str(folder.path), val=0.0, **options)
    return [data.read(split, index) for split in data.splits() for index in range(len(data.names(split)))]


def refusal(folder, **options) -> str:
    with pytest.raises(PixelwiseError) as error:
        read_all(folder, **options)
    return str(error.value)


def change(folder, name, edit):
    """Change a json by a function, or a text by (old, new)."""
    file = folder.path / name
    if callable(edit):
        tree = json.loads(file.read_text())
        edit(tree)
        file.write_text(json.dumps(tree))
    else:
        assert edit[0] in file.read_text()
        file.write_text(file.read_text().replace(*edit))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (("0.087500000", "nan"), "train/labels/a.txt, line 1: read 'nan' for a coordinate; it must be a finite number"),
        (("0.087500000", "1e400"), "read '1e400' for a coordinate"),
        (("0.087500000", "99999"), "read 99999; numbers are shares of the picture's width and height"),
        (("0 0.087500000", "2 0.0875"), "line 1: read the class '2'; it must be a number from 0 to 1"),
        (("0 0.087500000", f"{'9' * 5000} 0.0875"), "it must be a number from 0 to 1"),
        (("0 0.087500000", "-1 0.0875"), "read the class '-1'"),
        (("0 0.087500000 ", "0 "), "has 7 numbers after the class; a box has 4, a polygon 6 or more"),
    ],
)
def test_lines_of_yolo(folder, edit, said):
    as_yolo(folder)
    change(folder, "train/labels/a.txt", edit)
    assert said in refusal(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "train: ../../../../etc\nnames: [cat, dog]\n",
            "data.yaml: names '../../../../etc', but no such folder or list exists below",
        ),
        ("train: train/images\nnames: 3\n", "read 3 for names; it must be a list of the classes"),
        ("train: train/images\nnames: {0: cat, 2: dog}\n", "or a map from 0, 1, 2, … to them"),
        ("train: train/images\nnames: [cat, cat]\n", "two classes have one name"),
        ("train: train/images\nnames: &a [*a, *a]\n", "anchors (&name) and aliases (*name) are not allowed"),
        ("train: train/images\nnames: !!python/object/apply:os.system [id]\n", "tags (!name) are not allowed"),
    ],
)
def test_the_yaml_of_yolo(folder, text, said):
    as_yolo(folder)
    folder.text("data.yaml", text)
    assert said in refusal(folder)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda tree: tree["shapes"][0]["points"].__setitem__(0, [float("nan"), 2]), "a.json: shape 0: read nan"),
        (lambda tree: tree["shapes"][0]["points"].__setitem__(0, [10**400, 2]), "it must be a finite number"),
        (lambda tree: tree["shapes"][0].update(points=[[1, 1], [2, 2]]), "a polygon needs three points or more"),
        (lambda tree: tree["shapes"][0].update(points="all"), "a shape has a label and a list of points"),
        (lambda tree: tree["shapes"][3].update(points=[[1, 1]]), "a rectangle has two points; this one has 1"),
        (lambda tree: tree.update(imagePath="../../../../etc/passwd"), "which is not in the folder"),
        (lambda tree: tree.update(imagePath="/etc/hostname.png"), "which is not in the folder"),
        (lambda tree: tree.update(imageHeight=10**30), "picture a.png is 40×30, but its annotations say 40×1000"),
        (lambda tree: tree.update(imageHeight=-1), "they must be whole numbers above 0"),
        (
            lambda tree: tree["shapes"][0].update(shape_type="mask", mask="AAAA", points=[[0, 0], [1, 1]]),
            "is not a PNG",
        ),
    ],
)
def test_the_json_of_labelme(folder, edit, said):
    as_labelme(folder)
    change(folder, "a.json", edit)
    assert said in refusal(folder)


MASK = '<mask label="dog" rle="{}" left="{}" top="0" width="{}" height="{}"></mask><box'


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (("3.50,2.00", "nan,2.00"), "a.png', polygon: read 'nan' for a coordinate"),
        (("3.50,2.00", "3.50"), "points must be written as x,y;x,y;…"),
        (('width="40"', 'width="1e9"'), "read '1e9' for width; it must be a whole number of at least 1"),
        (('label="cat" source', 'class="cat" source'), "a polygon has no label"),
        (("<box", MASK.format("5,-1", 0, 2, 2)), "its run lengths are not whole numbers"),
        (("<box", MASK.format("5,5", 0, 2, 2)), "read run lengths for 10 pixels; its box has 4"),
        (("<box", MASK.format(f"0,{10**10}", 0, 10**6, 10**4)), "its box has 10,000,000,000, its picture 1,200"),
        (("<box", MASK.format("0,4", 39, 2, 2)), "its mask of 2×2 at 39, 0 leaves the picture of 40×30"),
        (("<image id", "<track></track><image id"), "has 2 tracks of a video"),
        (("</annotations>", ""), "is not xml"),
        (("a.png", "../../../../etc/passwd"), "which is not in the folder"),
    ],
)
def test_the_xml_of_cvat(folder, edit, said):
    as_cvat(folder)
    change(folder, "annotations.xml", edit)
    assert said in refusal(folder, format="cvat")


@pytest.mark.parametrize("text", [BOMB, OTHER, "<a>" * 50 + "</a>" * 50], ids=["entities", "other file", "deep"])
def test_xml_that_grows_or_reads_other_files_is_refused(folder, text):
    file = folder.text("annotations.xml", text)
    with pytest.raises(PixelwiseError, match=r"has a document type|elements within each other"):
        list(read_xml(file))


def result(tree):
    return tree[0]["annotations"][0]["result"][0]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda tree: result(tree)["value"]["points"].__setitem__(0, [float("inf"), 1]), "task 1: read inf"),
        (lambda tree: result(tree).update(original_width=10**12), "they must be whole numbers above 0"),
        (
            lambda tree: result(tree)["value"].update(polygonlabels=[]),
            "a result of the kind polygonlabels has no label",
        ),
        (lambda tree: result(tree).update(image_rotation=90), "the picture was turned while it was labelled"),
        (lambda tree: tree[0].update(annotations={"a": 1}), "Export it as JSON, not as JSON-MIN"),
        (lambda tree: tree[0].update(data={"text": "no picture"}), "names no picture"),
        (lambda tree: tree[0]["data"].update(image="file:///../../etc/passwd.png"), "which is not in the folder"),
        (
            lambda tree: result(tree).update(type="brushlabels", value={"rle": [255] * 50, "brushlabels": ["cat"]}),
            "4,294,967,295",
        ),
        (
            lambda tree: result(tree).update(type="brushlabels", value={"rle": "x", "brushlabels": ["cat"]}),
            "a list of bytes",
        ),
        (
            lambda tree: result(tree).update(
                type="brushlabels", value={"rle": [0, 0, 18, 192, 57, 0], "brushlabels": ["cat"]}
            ),
            "a brush ends too soon",
        ),
    ],
)
def test_the_json_of_label_studio(folder, edit, said):
    as_label_studio(folder)
    change(folder, "project-1.json", edit)
    assert said in refusal(folder)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda tree: tree["images"][0].update(file_name="../../../etc/passwd.png"), "lie outside of the folder"),
        (lambda tree: tree["images"][0].update(height=10**400), "is 40×30, but its annotations say"),
        (lambda tree: tree["images"][0].update(id=[1]), "1 pictures lack an id"),
        (lambda tree: tree["annotations"][0].update(image_id={}), "have an image_id that no picture has"),
        (lambda tree: tree["annotations"][0].update(category_id=True), "annotation 1: "),
        (
            lambda tree: tree["annotations"][0].update(segmentation=[[1, 1, 1e300, 1, 5, 5]]),
            "far outside of every picture",
        ),
        (lambda tree: tree["categories"].append({"id": 9, "name": "cat"}), "two categories have the name 'cat'"),
    ],
)
def test_the_json_of_coco(folder, edit, said):
    as_coco(folder)
    change(folder, "result.json", edit)
    if said == "annotation 1: ":  # true is 1 for Python, and nothing else
        assert read_all(folder)[0].objects[0].label == 1
    else:
        assert said in refusal(folder)


@pytest.mark.parametrize("name", [*EXPORTS])
def test_a_file_cut_short_is_one_line(folder, name):
    EXPORTS[name](folder)
    for file in [one for one in folder.path.rglob("*") if one.suffix in (".json", ".xml", ".yaml")]:
        file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    assert refusal(folder, format=name)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("a.png, 1", "line 2 has 2 columns, and the first has 3"),
        ("a.png, 2, 0", "read '2'; a class has 0 or 1"),
        ("../../etc/passwd.png, 1, 0", "which is not in the folder"),
    ],
)
def test_the_table_of_roboflow(folder, lines, said):
    folder.picture("train/a.png")
    folder.text("train/_classes.csv", f"filename, cat, dog\n{lines}\n")
    assert said in refusal(folder, kind="labels")


def test_pictures_that_are_not_there_are_said_at_once(folder):
    as_coco(folder)
    for file in (folder.path / "images").iterdir():
        file.unlink()
    assert "none of the 2 pictures is there; looked for" in refusal(folder)


def test_an_archive_that_grows_is_refused(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("result.json", b"0" * 300_000)
    monkeypatch.setattr("pixelwise.data.importing.packed.LEAST", 1000)
    with pytest.raises(PixelwiseError, match="bytes that are allowed"):
        unpacked(tmp_path / "bomb.zip", tmp_path / "cache")
    assert not list((tmp_path / "cache/unpacked").glob("*/*"))


def test_nothing_is_recognised_in_an_empty_folder(folder):
    assert "is not an export that is read (coco, yolo, " in refusal(folder)
    with pytest.raises(PixelwiseError, match="this file or folder does not exist"):
        Source(folder.path / "nowhere")
