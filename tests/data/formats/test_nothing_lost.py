"""What a reader does not take is counted, and ids may be text: nothing is lost without a word."""

import json

import numpy as np
import pytest

from drawn_exports import EXPORTS, SIZE, as_coco, as_cvat, as_label_studio, as_labelme, as_yolo
from pixelwise.data.formats.base import read_export
from pixelwise.data.formats.source import Source
from pixelwise.errors import DataError, PixelwiseError
from pixelwise.start.recognise import recognise


def left_out(folder):
    return dict(read_export(Source(folder.path))[2].left_out)


def changed(folder, name, edit):
    tree = json.loads((folder.path / name).read_text())
    edit(tree)
    folder.json(name, tree)


@pytest.mark.parametrize("draw", EXPORTS.values(), ids=EXPORTS)
def test_pictures_that_no_annotation_names_are_counted(folder, draw):
    draw(folder)
    before = left_out(folder)
    folder.picture("elsewhere/unlabelled.png" if draw is as_yolo else "unlabelled.png")
    assert left_out(folder) == {**before, "pictures that no annotation names": 1}


def test_what_label_studio_has_besides_is_counted(folder):
    as_label_studio(folder)

    def edit(tasks):
        results = tasks[0]["annotations"][0]["result"]
        results[0]["value"]["polygonlabels"].append("pet")
        results.append({"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"})
        results.append({"type": "videorectangle", "value": {"sequence": []}, "id": "v"})
        tasks[0]["annotations"].append({"result": []})
        tasks[1]["annotations"] = [{"was_cancelled": True, "result": []}]

    changed(folder, "project-1.json", edit)
    export = read_export(Source(folder.path))[2]
    assert dict(export.left_out) == {
        "further annotations of a task": 1,
        "relations between results": 1,
        "further labels of an object": 1,
        "results of the kind 'keypointlabels'": 1,
        "results of the kind 'videorectangle'": 1,
        "tasks without an annotation": 1,
        "pictures that no annotation names": 1,
    }
    assert [record.name for record in export.records] == ["a"]  # the other one is not a picture of background alone


def test_only_cancelled_tasks_are_said(folder):
    as_label_studio(folder)
    changed(
        folder,
        "project-1.json",
        lambda tasks: [one.update(was_cancelled=True) for task in tasks for one in task["annotations"]],
    )
    with pytest.raises(DataError, match=r"no picture\. Not read: 2 × tasks without an annotation"):
        read_export(Source(folder.path))


def test_ids_of_coco_may_be_text_and_key_points_are_counted(folder):
    as_coco(folder)
    before = read_export(Source(folder.path))[2]

    def edit(tree):
        for one in (*tree["images"], *tree["categories"]):
            one["id"] = str(one["id"])
        for one in tree["annotations"]:
            one["image_id"] = str(one["image_id"])
        tree["annotations"][0]["keypoints"] = [1, 1, 2]

    changed(folder, "result.json", edit)
    export = read_export(Source(folder.path))[2]
    assert export.left_out == {"sets of key points": 1}
    shapes = [[shape.label for record in one.records for shape in record.shapes(SIZE)] for one in (before, export)]
    assert shapes[0] == shapes[1] == ["cat", "dog", "cat"]


def test_a_name_that_leads_out_is_one_problem(folder):
    as_coco(folder)
    changed(folder, "result.json", lambda tree: tree["images"][0].update(file_name="../../x.png"))
    with pytest.raises(PixelwiseError) as error:
        read_export(Source(folder.path))
    assert len(error.value.problems) == 1
    assert "lie outside of the folder: ../../x" in str(error.value)


def test_groups_of_labelme_may_be_text(folder):
    as_labelme(folder)
    changed(folder, "a.json", lambda tree: [one.update(group_id="left") for one in tree["shapes"][1:3]])
    (record,) = (one for one in read_export(Source(folder.path))[2].records if one.name == "a")
    assert [shape.label for shape in record.shapes(SIZE)] == ["cat", "dog", "cat"]


def test_cuboids_skeletons_and_tracks_of_cvat(folder):
    as_cvat(folder)
    text = (folder.path / "annotations.xml").read_text()
    more = '<cuboid label="cat" xtl1="1"/><skeleton label="dog"><points label="p" points="1,1"/></skeleton></image>'
    folder.text("annotations.xml", text.replace("</image>", more, 1))
    kinds = ("points", "cuboid", "skeleton")
    assert left_out(folder) == {f"shapes without area ({kind})": 1 for kind in kinds}
    folder.text("annotations.xml", text.replace("</annotations>", '<track id="0" label="cat"></track></annotations>'))
    with pytest.raises(DataError, match="has 1 track of a video"):
        read_export(Source(folder.path))


def test_texts_and_pictures_of_yolo_without_the_other(folder):
    as_yolo(folder)
    folder.text("train/labels/gone.txt", "0 .1 .1 .2 .1 .2 .2\n")
    folder.picture("train/images/unlabelled.png")
    export = read_export(Source(folder.path))[2]
    assert export.left_out == {"texts without a picture": 1}
    assert export.assumed == ("1 picture has no text with labels, which is read as no object.",)
    folder.text("data.yaml", (folder.path / "data.yaml").read_text() + "kpt_shape: [1, 3]\n")
    assert read_export(Source(folder.path))[2].left_out["sets of key points"] == 4


def test_masks_of_roboflow_leave_no_picture_unsaid(folder):
    for name in "ab":
        folder.picture(f"train/{name}.png")
    folder.plane("train/a_mask.png", np.eye(*SIZE, dtype=np.uint8))
    folder.text("train/_classes.csv", "Pixel Value, Class\n0, background\n1, cat\n")
    assert left_out(folder) == {"pictures that no annotation names": 1}


def test_a_table_with_a_missing_picture_and_an_empty_json_are_said(folder):
    for number in range(6):
        folder.picture(f"pets/{number}.png")
    rows = "\r\n".join(["file;label", *(f"pets/{number}.png;{'ab'[number % 2]}" for number in range(6))])
    folder.text("labels.csv", "\ufeff" + rows)
    assert recognise(folder.path).dataset["table"] == "labels.csv"
    (folder.path / "pets/3.png").unlink()
    with pytest.raises(DataError, match=r"1 line names a picture that cannot be found: pets/3\.png"):
        recognise(folder.path)
    (folder.path / "labels.csv").unlink()
    folder.text("result.json", "")
    with pytest.raises(DataError, match=r"is empty \(0 bytes\)"):
        recognise(folder.path)
