"""Exports of labelling tools as `pixelwise start` finds them."""

import json
import zipfile

import pytest

from command_line import run_command
from drawn_exports import EXPORTS, Folder, as_coco
from pixelwise.data import DATASETS
from pixelwise.errors import DataError
from pixelwise.start.recognise import recognise


def written(tmp_path, name):
    folder = Folder(tmp_path / "pets")
    folder.path.mkdir()
    EXPORTS[name](folder)
    return folder


@pytest.mark.parametrize("name", [*EXPORTS])
@pytest.mark.parametrize("objects", [False, True])
def test_every_export_is_recognised(tmp_path, name, objects):
    folder = written(tmp_path, name)
    found = recognise(folder.path, objects=objects)
    assert (found.kind, found.dataset["format"]) == ("objects" if objects else "masks", name)
    data = DATASETS.build(found.dataset["name"], tmp_path, path=found.dataset["path"], format=name, val=0.0)
    assert data.info.classes == ("background", "cat", "dog")
    assert found.pictures == data.sources("train", 0)[0].parent
    assert "Its 2 classes are cat, dog." in found.said


def test_a_file_and_a_zip_are_recognised(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXELWISE_CACHE", str(tmp_path / "cache"))
    folder = written(tmp_path, "coco")
    assert recognise(folder.path, table="result.json").dataset["path"] == str(folder.path / "result.json")
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for file in sorted(folder.path.rglob("*")):
            archive.write(file, file.relative_to(folder.path))
    found = recognise(tmp_path, table="pets.zip")
    assert (found.kind, found.dataset["path"]) == ("masks", str(tmp_path / "pets.zip"))


def test_labels_boxes_alone_and_typed_options(tmp_path):
    labels = Folder(tmp_path / "labels")
    labels.text("train/_classes.csv", "filename, cat, dog\na.png, 1, 0\n")
    labels.picture("train/a.png")
    found = recognise(labels.path)
    assert (found.kind, found.dataset["kind"]) == ("classes", "labels")
    folder = written(tmp_path, "coco")
    tree = json.loads((folder.path / "result.json").read_text())
    folder.json("result.json", {**tree, "annotations": tree["annotations"][2:]})
    with pytest.raises(DataError, match="has only boxes for some objects"):
        recognise(folder.path)
    assert recognise(folder.path, given={"name": "pictures"}).kind == "pictures"


def test_instance_maps_of_an_import_are_read_as_they_were_written(tmp_path):
    folder = written(tmp_path, "coco")
    as_coco(folder)
    tree = json.loads((folder.path / "result.json").read_text())
    folder.json("result.json", {**tree, "annotations": tree["annotations"][:2]})
    assert run_command("data", "import", folder.path, "--out", tmp_path / "out", "--as", "instances") == 0
    found = recognise(tmp_path / "out", objects=True)
    assert (found.kind, found.dataset["divisor"]) == ("objects", 1000)
    assert recognise(tmp_path / "out").kind == "masks"
