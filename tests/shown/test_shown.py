"""Every kind on the shelf, and one from outside the package: what it keeps for the gallery, writes, records and says."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import pixelwise
from pixelwise.imaging.annotations import object_of
from pixelwise.imaging.draw import number_objects
from pixelwise.imaging.files import read_image, read_mask
from pixelwise.rle import RLE
from pixelwise.shown import SHOWN, recorded_kind, shown_as
from pixelwise.shown.class_map import count_classes
from pixelwise.types import ClassMap, Colours, DatasetInfo, Instances, Labels, Object, Sample

sys.path.insert(0, str(Path(__file__).parent))
from kinds import Depth


@pytest.fixture(autouse=True)
def allowed(monkeypatch):
    monkeypatch.setenv("PIXELWISE_ALLOW", "page_kinds")


INFO = DatasetInfo("street", ("background", "road", "<car>"), ((0, 0, 0), (9, 90, 9), (200, 0, 0)), frozenset({"mask"}))
RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (6, 8, 3), np.uint8)
INDICES = RNG.integers(0, 3, (6, 8)).astype(np.uint8)
CONFIDENCE = RNG.random((6, 8), np.float32)
OBJECTS = (
    Object.of(2, RLE.of(INDICES == 2), score=0.9),
    Object.of(1, RLE.of(INDICES > 0), score=0.5),
    Object(2, None, (0, 0, 2, 2), 0.1),
)
SAMPLE = Sample("s", IMAGE, mask=INDICES, objects=OBJECTS, label=1)
PREDICTIONS = {
    one.kind: one
    for one in (
        ClassMap(INDICES, CONFIDENCE),
        Labels(np.array([0.1, 0.2, 0.7], np.float32)),
        Colours(np.array(INFO.colours, np.uint8)[INDICES], INDICES, CONFIDENCE),
        Instances((6, 8), OBJECTS),
        Depth(INDICES),
    )
}


def test_every_kind_on_the_shelf_is_here():
    assert set(PREDICTIONS) == {*SHOWN, "page_kinds:depth"}


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_the_gallery_keeps_panels_with_their_captions(kind, tmp_path):
    shown, prediction = shown_as(kind), PREDICTIONS[kind]
    entry = json.loads(json.dumps(shown.keep(tmp_path, "007", SAMPLE, prediction, INFO)))
    assert {path.name for path in tmp_path.iterdir()} == set(entry["files"].values())
    assert entry["captions"].keys() == entry["files"].keys() <= shown.captions.keys()
    assert np.array_equal(read_image(tmp_path / "007-image.png"), IMAGE)
    for part, file in entry["files"].items():
        assert part in entry["photos"] or read_mask(tmp_path / file).shape == (6, 8)
    assert "prediction" in (entry["words"] if kind == "labels" else entry["files"])


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_files_and_records(kind, tmp_path):
    shown, prediction = shown_as(kind), PREDICTIONS[kind]
    files = shown.write(tmp_path, "cat", IMAGE, prediction, INFO)
    assert files == shown.files("cat")
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")} == set(files.values())
    assert bool(files) != bool(shown.together)
    counts = shown.counts(prediction, INFO)
    record = shown.record(Path("a/cat.jpg"), (6, 8), counts, files, {"scale": "recipe", "size": [6, 4]})
    assert json.loads(json.dumps(record)) == record
    assert (record["file"], record["size"]) == ("a/cat.jpg", {"height": 6, "width": 8})
    assert shown.lines([record])[-1].startswith("cat.jpg  ")
    assert shown.summary(counts) in " ".join(shown.lines([record])) or shown.together


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_a_notebook_shows_a_prediction_whose_classes_are_known(kind):
    prediction = PREDICTIONS[kind]
    assert prediction._repr_html_() is None
    html = type(prediction)(**{**vars(prediction), "info": INFO})._repr_html_()
    assert "<car>" not in html
    assert ("<img" in html) != (kind == "labels")
    assert kind == "page_kinds:depth" or "&lt;car&gt;" in html


def test_objects_are_numbered_and_the_best_lies_on_top(tmp_path):
    shown = shown_as("instances")
    shown.write(tmp_path, "cat", IMAGE, PREDICTIONS["instances"], INFO)
    expected = np.where(INDICES == 2, 1, np.where(INDICES == 1, 2, 0))
    assert np.array_equal(read_mask(tmp_path / "masks/cat.png"), expected)
    assert np.array_equal(number_objects(OBJECTS, (6, 8)), expected)
    assert shown.summary(shown.counts(PREDICTIONS["instances"], INFO)) == "2 × <car>, 1 × road"
    assert shown.counts(PREDICTIONS["instances"], INFO)["lost_pixels"] == int((INDICES == 2).sum())
    with Pillow.open(tmp_path / "masks/cat.png") as picture:
        assert picture.mode == "I;16"
    written = json.loads((tmp_path / "objects/cat.json").read_text())
    again = [object_of(one, one["category_id"], (6, 8), where="") for one in written["annotations"]]
    found = PREDICTIONS["instances"].objects
    assert [one.mask.area if one.mask else one.box for one in again] == [
        o.mask.area if o.mask else o.box for o in found
    ]
    overlaid = read_image(tmp_path / "overlays/cat.png")
    clear = expected == 0
    clear[:2, :2] = False  # the outline of the third object's box
    assert np.array_equal(overlaid[clear], IMAGE[clear])


def test_classes_are_counted_in_bands() -> None:
    generator = np.random.default_rng(0)
    indices = generator.integers(0, 3, (600, 7)).astype(np.uint8)
    confidence = generator.random((600, 7)).astype(np.float32)
    counted = count_classes(ClassMap(indices, confidence), ["a", "b", "c", "never"])
    for row in counted["classes"][:3]:
        chosen = indices == row["index"]
        assert row["pixels"] == chosen.sum()
        assert row["confidence"] == pytest.approx(confidence[chosen].mean(), abs=2e-6)
    assert counted["classes"][3] == {"class": "never", "index": 3, "pixels": 0, "share": 0.0, "confidence": None}
    assert counted["confidence"] == pytest.approx(confidence.mean(), abs=2e-6)


@pytest.mark.parametrize(
    ("setup", "kind"),
    [
        ({"kind": "instances", "unit": "object"}, "instances"),
        ({"task": "classify", "unit": "picture"}, "labels"),
        ({"task": "segment", "unit": "pixel"}, "class_map"),
        ({"task": "colourize", "unit": "pixel"}, "colours"),
    ],
)
def test_the_kind_of_a_run_is_recorded_or_that_of_version_0_1(setup, kind):
    assert recorded_kind(setup, "setup.json") == kind


def test_no_other_package_asks_for_the_type_of_a_prediction():
    source = Path(pixelwise.__file__).parent
    asks = re.compile(r"isinstance\(.*\b(ClassMap|Labels|Colours|Instances|PerPixel)\b")
    found = [
        f"{path.relative_to(source)}:{number}"
        for path in source.rglob("*.py")
        if path.parent.name != "shown"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if asks.search(line)
    ]
    assert not found


def test_objects_follow_their_picture_to_another_size():
    shown = shown_as("instances")
    larger = shown.resized(PREDICTIONS["instances"], (12, 16))
    assert larger.size == (12, 16)
    assert np.array_equal(larger.objects[0].mask.mask(), np.kron(INDICES == 2, np.ones((2, 2))) > 0)
    assert larger.objects[2].box == (0, 0, 4, 4)


def test_missed_and_invented_objects_are_outlined():
    planes = np.zeros((3, 40, 60), bool)
    planes[0, 5:15, 5:15], planes[1, 5:15, 30:40], planes[2, 25:35, 30:40] = True, True, True
    found, missed, invented = (Object.of(1, RLE.of(plane)) for plane in planes)
    image = np.full((40, 60, 3), 90, np.uint8)
    panels = shown_as("instances").panels(
        Sample("s", image, objects=(found, missed)), Instances((40, 60), (found, invented)), INFO
    )
    red = {name: np.argwhere((panel == (220, 0, 0)).all(axis=-1)) for name, panel in panels.items()}
    assert len(red["image"]) == 0
    assert red["truth"].min(axis=0).tolist() == [3, 28]
    assert red["prediction"].min(axis=0).tolist() == [23, 28]
