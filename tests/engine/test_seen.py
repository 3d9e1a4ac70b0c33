"""What a model saw in training and validation: recorded, and told by report and predict."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pixelwise.cli import app
from pixelwise.data import DATASETS
from pixelwise.data.cache import open_split
from pixelwise.engine.train import train
from pixelwise.imaging.files import write_image, write_mask
from pixelwise.recipe.schema import Recipe
from pixelwise.report.record import read_record, seen_of
from pixelwise.report.tables import opening
from pixelwise.run.folder import RunFolder

CROP = "augment=[{name: scale_crop, size: [48, 40]}, {name: flip}]"


def test_a_training_at_another_size_than_the_validation_is_told(
    tiny: Callable[..., Recipe], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    list(train(tiny(CROP, "train.phases.0.epochs=1", "gallery=0", "data.size=[32, 32]"), run, data=data))
    setup = RunFolder(run).read("setup")
    assert setup["data"]["seen"] == {
        "training": {"size": [48, 40], "aspect": "own size"},
        "validation": {"size": [32, 32], "aspect": "own size"},
    }
    assert setup["notes"] == [
        "the model is trained at 40×48 (augment) and validated at 32×32 (data.size); predict uses 32×32 too. "
        "Objects are on average 2.01 times as high and 1.67 times as wide in training (augment) as in validation (data.size); "
        "with data.size=[64, 54] they would be alike."
    ]
    told = opening(read_record(RunFolder(run)))
    assert "(train) at 40×48 pixels (by augmentation; validated at 32×32) for 1 epoch" in told
    write_image(tmp_path / "a.png", np.zeros((50, 60, 3), np.uint8))
    with pytest.raises(SystemExit) as end:
        app(["predict", str(run), str(tmp_path / "a.png"), "--out", str(tmp_path / "out"), "--device", "cpu"])
    assert not end.value.code
    settings = json.loads((tmp_path / "out" / "records" / "a.json").read_text())["settings"]
    assert settings == {"scale": "recipe", "size": [32, 32], "trained_at": [48, 40]}
    del setup["data"]["seen"]  # as version 0.1 recorded it: its recipe says what the augmentation did
    assert [part["size"] for part in seen_of(setup).values()] == [[48, 40], [32, 32]]
    setup["recipe"]["augment"] = []
    assert [part["size"] for part in seen_of(setup).values()] == [[32, 32], [32, 32]]


@pytest.mark.parametrize(
    ("own", "size", "aspect"),
    [
        ([(24, 30), (24, 30)], None, "own size"),
        ([(24, 30), (48, 60)], (24, 30), "kept"),
        ([(25, 33), (24, 32)], (12, 16), "kept"),  # within a pixel
        ([(24, 30), (48, 60)], (32, 32), "changed"),
        ([(24, 30), (30, 24)], (24, 30), "changed"),
    ],
)
def test_a_cache_knows_what_resizing_did_to_the_shapes(
    own: list[tuple[int, int]], size: tuple[int, int] | None, aspect: str, tmp_path: Path
) -> None:
    for number, shape in enumerate(own):
        write_image(tmp_path / "pets" / "train" / "images" / f"{number}.png", np.zeros((*shape, 3), np.uint8))
        write_mask(tmp_path / "pets" / "train" / "masks" / f"{number}.png", np.zeros(shape, np.uint8), [(0, 0, 0)])
    (tmp_path / "pets" / "classes.txt").write_text("ground\n")
    dataset = DATASETS.build("folder", tmp_path, path="pets")
    for _ in range(2):  # built, then opened
        assert open_split(dataset, "train", size, folder=tmp_path / "cache").aspect == aspect


def test_the_report_says_where_shapes_were_changed(fabricate: Callable[..., RunFolder]) -> None:
    run = fabricate()
    assert "aspect" not in opening(read_record(run))
    setup = run.read("setup")
    part = {"size": [64, 80], "aspect": "changed"}
    setup["data"]["seen"] = {"training": part, "validation": part}
    run.write("setup", setup)
    told = opening(read_record(run))
    assert "at 80×64 pixels for" in told
    assert told.endswith(" Pictures were resized to 80×64 without keeping their aspect ratio.")
