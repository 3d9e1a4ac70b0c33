"""A training repeats what `data check` found fatal about the pictures that it uses, while the files are the same."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pixelwise.cli import app
from pixelwise.data.base import cache_folder
from pixelwise.data.cache.checked import kept_findings
from pixelwise.data.folder import Folder
from pixelwise.engine.build import open_material
from pixelwise.engine.train import train
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.report.page import build_report
from pixelwise.run.events import Noted
from pixelwise.run.folder import RunFolder


@pytest.fixture
def zoo(tmp_path):
    for split, count in (("train", 3), ("val", 2)):
        for index in range(count):
            for part in ("images", "masks"):
                (tmp_path / "zoo" / split / part).mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(index + 10 * count).integers(0, 256, (16, 16, 3)).astype(np.uint8)
            Pillow.fromarray(pixels).save(tmp_path / "zoo" / split / f"images/p{index}.png")
            Pillow.fromarray(np.resize(np.array([0, 1], np.uint8), (16, 16))).save(
                tmp_path / "zoo" / split / f"masks/p{index}.png"
            )
    (tmp_path / "zoo/classes.txt").write_text("ground\ncat\n")
    (tmp_path / "zoo/val/images/p0.png").write_bytes((tmp_path / "zoo/train/images/p1.png").read_bytes())
    return tmp_path / "zoo"


def recipe(zoo: Path, *overrides: str) -> Recipe:
    words = [
        f"data.dataset={{name: folder, path: '{zoo}'}}", "data.size=[16, 16]", "data.test=''", "model.width=4", "model.depth=2",
        "train.batch=3", "train.phases.0.epochs=1", "hardware.precision=fp32", "hardware.threads=1",
    ]  # fmt: skip
    return load_recipe("quickstart", [*words, *overrides])


def check(zoo: Path, data: Path) -> None:
    with pytest.raises(SystemExit):
        app(["data", "check", str(zoo), "--data", str(data)])


def test_kept_findings_hold_while_the_files_are_the_same(zoo, tmp_path):
    data = tmp_path / "data"
    assert kept_findings(cache_folder(data), Folder(zoo), ["train", "val"]) == []
    check(zoo, data)
    (one,) = kept_findings(cache_folder(data), Folder(zoo), ["train", "val"])
    assert (one["check"], one["files"]) == ("copies", ["train/p1 = val/p0"])
    os.utime(zoo / "val/images/p0.png", ns=(1, 1))
    assert kept_findings(cache_folder(data), Folder(zoo), ["train", "val"]) == []
    (zoo / "val/images/p0.png").write_bytes((zoo / "val/images/p1.png").read_bytes())
    check(zoo, data)  # a warning only: nothing fatal is left, and nothing is kept
    assert not list(cache_folder(data).rglob("checked-*.json"))


def test_a_training_repeats_them_and_its_report_carries_them(zoo, tmp_path):
    data, run = tmp_path / "data", tmp_path / "run"
    assert open_material(recipe(zoo), root=data).fatal == ()
    check(zoo, data)
    line = "data check, fatal, copies: 1 picture of 'train' is also in 'val'. Of these splits: train/p1 = val/p0."
    notes = [event.text for event in train(recipe(zoo), run, data=data) if isinstance(event, Noted)]
    assert notes[0].startswith(line)
    assert RunFolder(run).read("setup")["data"]["fatal"][0].startswith(line)
    page = build_report(RunFolder.open(run)).read_text()
    assert page.count("data check, fatal, copies: 1 picture of ") >= 2  # at the head, and among the notes


def test_what_the_recipe_does_not_use_is_not_repeated(zoo, tmp_path):
    data = tmp_path / "data"
    check(zoo, data)
    assert open_material(recipe(zoo, "data.exclude=[train/p1]"), root=data).fatal == ()
    assert open_material(recipe(zoo, "data.validation=train"), root=data).fatal == ()
    assert len(open_material(recipe(zoo, "data.exclude=[train/p0]"), root=data).fatal) == 1
