"""A detector in the training loop: rehearsed, in pieces, averaged, resumed to the same bytes, scored at each picture's size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from pixelwise.engine import pretrained
from pixelwise.engine.train import resume, train
from pixelwise.errors import ShapeError
from pixelwise.imaging.files import write_image, write_mask
from pixelwise.models.detectors.torchvision_names import NEW
from pixelwise.models.published import published
from pixelwise.predict import Predictor
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.run.events import StepDone
from pixelwise.run.folder import RunFolder
from small_models import ENCODER

TERMS = {"objectness", "proposal_box", "class", "box", "mask"}
SMALL = (
    f"model={{name: mask_rcnn, encoder: '{ENCODER}', channels: 8, hidden: 8, features: 8, proposals: 20, regions: 16}}",
    *("train.phases.0.epochs=2", "train.accumulate=2", "train.ema=0.9", "data.dataset.val=2", "gallery=1"),
    "hardware={device: cpu, precision: fp32, layout: contiguous, threads: 1}",
)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """The shipped recipe with a small model, and six pictures of different sizes: every third has nobody in it."""
    monkeypatch.setenv("PIXELWISE_ALLOW", "small_models")
    generator = np.random.default_rng(0)
    folder = tmp_path / "data" / "PennFudanPed"
    for place in range(6):
        size, name = (48 + 8 * place, 64), f"FudanPed{place:05}"
        ids = np.zeros(size, np.uint8)
        for number in range(place % 3):
            ids[4:40, 20 * number + 4 : 20 * number + 18] = number + 1
        write_image(folder / "PNGImages" / f"{name}.png", generator.integers(0, 256, (*size, 3)).astype(np.uint8))
        write_mask(folder / "PedMasks" / f"{name}_mask.png", ids, ((0, 0, 0),) * 3)
    return load_recipe("penn_fudan/mask_rcnn_lite0", SMALL)


def files_of(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.glob("*/*.safetensors"))}


def test_it_trains_and_resumes_to_the_same_bytes(recipe: Recipe, tmp_path: Path) -> None:
    data, whole, cut = tmp_path / "data", tmp_path / "whole", tmp_path / "cut"
    for _ in train(recipe, whole, data=data):
        pass
    events = train(recipe, cut, data=data)
    for event in events:
        if isinstance(event, StepDone) and event.step == 3:
            events.close()
            break
    for _ in resume(cut, data=data):
        pass
    assert files_of(cut) == files_of(whole)
    epochs = list(RunFolder.open(whole).events("epoch"))
    assert epochs[-1]["train"].keys() >= TERMS
    assert epochs[-1]["validation"].keys() >= TERMS
    summary = json.loads((whole / "summary.json").read_text())
    assert json.loads((cut / "summary.json").read_text())["splits"] == summary["splits"]
    assert "mask_ap" in json.dumps(summary["splits"])


def test_pictures_of_different_sizes_train_a_map_for_each_pixel_one_by_one(recipe: Recipe, tmp_path: Path) -> None:
    own = ["model={name: unet, width: 4, depth: 2}", "data.size=null", "augment=[]", "train.phases=[{epochs: 1}]"]
    words = [*own, "train.optimizer.parts={}", "data.dataset.val=2", "gallery=0", *SMALL[-1:]]
    for _ in train(
        load_recipe("penn_fudan/watershed_unet", [*words, "train.batch=1"]), tmp_path / "run", data=tmp_path / "data"
    ):
        pass
    (split,) = RunFolder.open(tmp_path / "run").read("summary")["splits"].values()
    assert split["resolution"] == "each picture's own size"
    predictor = Predictor.open(tmp_path / "run", device="cpu")
    assert predictor.keeps_sizes
    assert predictor.predict(np.zeros((30, 50, 3), np.uint8)).size == (30, 50)
    two = load_recipe("penn_fudan/watershed_unet", [*words, "train.batch=2"])
    with pytest.raises(ShapeError, match=r"(?s)of one batch have different sizes.*data.size or train.batch=1"):
        list(train(two, tmp_path / "two", data=tmp_path / "data"))


def test_a_file_of_torchvision_is_read_by_our_names(tmp_path: Path) -> None:
    names = ("backbone.body.conv1.weight", "backbone.fpn.inner_blocks.0.weight", "rpn.head.cls_logits.bias")
    save_file({name: np.ones(2, np.float32) for name in names}, tmp_path / "theirs.safetensors")
    found = pretrained._read("theirs.safetensors", tmp_path / "theirs.safetensors", None, "")
    assert set(found.arrays) == {
        "encoder.model.conv1.weight",
        "fpn.inner_blocks.0.0.weight",
        "rpn.head.cls_logits.bias",
    }
    assert found.new == NEW


def test_facts_of_published_weights_are_those_of_a_file_of_the_same_kind(tmp_path: Path) -> None:
    """A whole detector is not the ImageNet encoder of the recipe, and parts of other names do not make a detector."""
    files = {"detector": "backbone.body.conv1.weight", "encoder": "conv1.weight"}
    for kind, name in files.items():
        save_file({name: np.ones(2, np.float32)}, tmp_path / f"{kind}.safetensors")
    coco, deeplab = (published("coco", network) for network in ("maskrcnn_resnet50_fpn", "deeplabv3_resnet50"))
    imagenet = published("imagenet", "resnet50")
    assert coco is not None
    assert deeplab is not None
    assert imagenet is not None
    same = replace(imagenet, new=NEW)  # the new parts have these names by chance
    for kind, known, network, new in (
        ("detector", coco, coco.of, NEW),
        ("detector", imagenet, "", NEW),
        ("encoder", coco, "", NEW),
        ("encoder", imagenet, imagenet.of, ()),
        ("encoder", same, imagenet.of, NEW),
        ("encoder", deeplab, deeplab.of, ("classifier.4",)),
    ):
        found = pretrained._read("word", tmp_path / f"{kind}.safetensors", known, "")
        assert (found.network, found.licence, found.new) == (network, known.licence if network else "", new)
        assert "encoder.model.conv1.weight" in found.whole or known is not coco
        assert "backbone.body.conv1.weight" not in found.whole
