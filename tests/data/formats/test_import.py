"""`pixelwise data import`: every format into every layout, what is kept, what is lost, and that nothing half is left."""

import json
import zipfile

import numpy as np
import pytest

from command_line import said as command
from drawn_exports import CAT, DOG, EXPORTS, SIZE, as_coco, as_cvat, as_labelme, as_yolo, filled
from pixelwise.data import DATASETS
from pixelwise.data.importing.writers import Masks

KEPT = {"objects": 3, "exact": 2, "boxes": 1, "lost": 0}


@pytest.fixture
def run(capsys):
    """Run a command; what it prints. It must end with `code`."""

    def call(*words, code=0):
        got, out, err = command(capsys, *words)
        assert got == code, out + err
        return out + err

    return call


def record(out):
    return json.loads((out / "import.json").read_text())


def before(folder):
    return {file: file.stat().st_mtime_ns for file in folder.path.rglob("*")}


@pytest.mark.parametrize("kind", ["masks", "instances"])
def test_every_format_into_every_layout(export, kind, tmp_path, run):
    name, folder = export
    there, out = before(folder), tmp_path / "out"
    run("data", "import", folder.path, "--out", out, "--as", kind)
    assert before(folder) == there
    made = record(out)
    assert (made["format"], made["as"]) == (name, kind)
    reader = {**made["dataset"], "path": str(out), "val": 0.0}
    data = DATASETS.build(reader.pop("name"), out, **reader)
    found = data.read("train", 0)
    counts = KEPT | ({"objects": 4, "exact": 3} if name in ("yolo", "label_studio") else {})
    assert {key: made["objects"][key] for key in KEPT} == counts
    assert made["objects"]["mean_iou"] == 1.0
    if kind == "masks":
        assert np.array_equal(found.mask == 1, filled([CAT]))
        assert np.array_equal(found.mask == 2, filled(DOG))
        assert found.mask[20, 5] == data.info.void
    else:  # a box has no mask: COCO's json
        assert made["json_because"] == "some objects have only a box"
        assert np.array_equal(found.objects[0].mask.mask(), filled([CAT]))
        assert len(found.objects) == counts["objects"]
    assert not [one for one in out.parent.iterdir() if one.name.startswith(".")]


def test_splits_are_those_of_the_source_or_drawn(folder, tmp_path, run):
    as_yolo(folder)
    run("data", "import", folder.path, "--out", tmp_path / "a")
    assert (tmp_path / "a/val/images/b.png").is_file()
    as_coco(type(folder)(tmp_path / "coco"))
    run("data", "import", tmp_path / "coco", "--out", tmp_path / "b", "--split", "val=0.5", "--link")
    assert record(tmp_path / "b")["splits"] == {"train": 1, "val": 1}
    assert all((tmp_path / f"b/{split}/images").is_dir() for split in ("train", "val"))
    assert next((tmp_path / "b/train/images").iterdir()).is_symlink()
    run("data", "import", tmp_path / "b", "--out", tmp_path / "c")  # and a folder of pixelwise itself
    assert record(tmp_path / "c")["splits"] == {"train": 1, "val": 1}


def without_box(folder):
    as_coco(folder)
    tree = json.loads((folder.path / "result.json").read_text())
    tree["annotations"].pop()
    return tree


def test_instance_maps_of_several_classes(folder, tmp_path, run):
    folder.json("result.json", without_box(folder))
    run("data", "import", folder.path, "--out", tmp_path / "out", "--as", "instances")
    assert record(tmp_path / "out")["dataset"] == {"name": "folder", "kind": "instances", "divisor": 1000}
    data = DATASETS.build("folder", tmp_path, path=str(tmp_path / "out"), kind="instances", divisor=1000, val=0.0)
    assert data.info.classes == ("background", "cat", "dog")
    assert [(one.label, one.mask.area) for one in data.read("train", 0).objects] == [
        (1, filled([CAT]).sum()),
        (2, filled(DOG).sum()),
    ]


def test_objects_that_overlap_holes_and_parts_are_told(folder, tmp_path, run):
    tree = without_box(folder)
    small, strip = [8.0, 5.0, 12.0, 5.0, 12.0, 9.0, 8.0, 9.0], [22.0, 6.0, 33.0, 6.0, 33.0, 8.0, 22.0, 8.0]
    for number, (index, parts) in enumerate(((7, [small]), (1, [strip]))):
        tree["annotations"].append({"id": 10 + number, "image_id": 0, "category_id": index, "segmentation": parts})
    tree["annotations"].append(
        {"id": 20, "image_id": 1, "category_id": 1, "segmentation": [CAT, small]}
    )  # meant as a hole
    tree["annotations"].append({"id": 21, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 1, 1, 1, 1]]})
    folder.json("result.json", tree)
    said = run("data", "import", folder.path, "--out", tmp_path / "masks")
    made = record(tmp_path / "masks")
    cat, dog = filled([CAT]), filled(DOG)
    expected = [(cat & ~filled([small])).sum() / cat.sum(), (dog & ~filled([strip])).sum() / dog.sum()]
    assert [row["iou"] for row in made["changed"]] == [pytest.approx(iou, abs=1e-4) for iou in expected]
    counts = made["objects"]
    assert (counts["overlapping"], counts["holes_filled"], counts["no_area"], counts["lost"]) == (4, 1, 1, 0)
    assert "5 objects with masks: 3 kept exactly" in said
    assert "4 overlap others: the smaller one is on top." in said
    assert "pixelwise start" in said
    run("data", "import", folder.path, "--out", tmp_path / "objects", "--as", "instances")
    made = record(tmp_path / "objects")
    assert (made["json_because"], made["objects"]["exact"], made["changed"]) == ("objects overlap", 5, [])
    assert DATASETS.build("coco", tmp_path, path=str(tmp_path / "objects"), val=0.0).names("train") == ("a", "b")


def test_labels_become_folders_of_classes(folder, tmp_path, run):
    folder.text("train/_classes.csv", "filename, cat/kitten, dog\na.png, 1, 0\nb.png, 0, 1\n")
    for name in "ab":
        folder.picture(f"train/{name}.png")
    run("data", "import", folder.path, "--out", tmp_path / "out")
    assert sorted(file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").rglob("*.png")) == [
        "cat_kitten/a.png",
        "dog/b.png",
    ]


def test_a_zip_is_read_and_one_that_leads_out_is_refused(folder, tmp_path, run):
    as_cvat(folder)
    with zipfile.ZipFile(tmp_path / "task.zip", "w") as archive:
        for file in sorted(folder.path.rglob("*")):
            archive.write(file, f"task/{file.relative_to(folder.path)}")
    run("data", "import", tmp_path / "task.zip", "--out", tmp_path / "out")
    assert record(tmp_path / "out")["objects"]["exact"] == 2
    data = DATASETS.build("annotated", tmp_path / "root", path=str(tmp_path / "task.zip"), val=0.0)
    assert len(data.read("train", 0).objects) == 3
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../annotations.xml", "<annotations/>")
    assert "leads out of its folder" in run("data", "import", tmp_path / "bad.zip", "--out", tmp_path / "no", code=2)
    assert not (tmp_path / "no").exists()
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


def test_what_is_in_the_way_is_refused(folder, tmp_path, run):
    as_labelme(folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    refused = {
        tmp_path / "full": "is not empty",
        folder.path / "out": "lies in the source",
        folder.path: "is not empty",
    }
    for out, said in refused.items():
        assert said in run("data", "import", folder.path, "--out", out, code=2)
    assert [*(tmp_path / "full").iterdir()] == [tmp_path / "full/mine.txt"]
    assert "read 'pixels'" in run("data", "import", folder.path, "--out", tmp_path / "a", "--as", "pixels", code=2)
    assert "write val=0.2" in run("data", "import", folder.path, "--out", tmp_path / "a", "--split", "val", code=2)
    assert "for an import, --as masks" in run(
        "data", "import", folder.path, "--out", tmp_path / "a", "--as", "labels", code=2
    )


def test_faults_are_told_at_once_and_can_be_skipped(folder, tmp_path, run):
    tree = without_box(folder)
    tree["annotations"].append({"id": 5, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 2, 2]]})
    folder.json("result.json", tree)
    said = run("data", "import", folder.path, "--out", tmp_path / "out", code=2)
    assert "annotation 5: a polygon needs three points or more" in said
    assert "leave out faulty pictures with --skip" in said
    assert not (tmp_path / "out").exists()
    run("data", "import", folder.path, "--out", tmp_path / "out", "--skip")
    assert record(tmp_path / "out")["splits"] == {"train": 1}
    assert "annotation 5" in record(tmp_path / "out")["skipped"][0]


def test_an_import_that_ends_early_leaves_nothing(folder, tmp_path, monkeypatch, run):
    as_coco(folder)

    def die(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Masks, "finish", die)
    run("data", "import", folder.path, "--out", tmp_path / "out", code=130)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["export"]


def test_formats_have_a_drawn_export_each():
    from pixelwise.data.formats import FORMATS

    assert {*EXPORTS} | {"cvat_masks", "roboflow"} == {*FORMATS}
    assert SIZE == (30, 40)
