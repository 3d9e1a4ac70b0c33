"""A kind of prediction from outside the package (tests/shown/kinds.py), from training to gallery, files and records."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from pixelwise.cli import app
from pixelwise.engine.train import train
from pixelwise.imaging.files import read_image, write_image
from pixelwise.predict import Predictor
from pixelwise.recipe.load import load_recipe
from pixelwise.report.gallery import build_gallery
from pixelwise.report.record import read_record
from pixelwise.run.folder import RunFolder

TINY = (
    "task=kinds:task",
    "data.dataset={name: scenes, size: 32, train: 4, val: 3}",
    "model={name: unet, width: 2, depth: 1}",
    "train.batch=4",
    "train.phases.0.epochs=1",
    "hardware={device: cpu, precision: fp32, threads: 1}",
    "gallery=3",
)

ALLOWED = "kinds,page_kinds"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    sys.path.insert(0, str(Path(__file__).parents[1] / "shown"))
    folder = tmp_path_factory.mktemp("kind")
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("PIXELWISE_ALLOW", ALLOWED)
        list(train(load_recipe("quickstart", TINY), folder / "run", data=folder / "data"))
    return RunFolder.open(folder / "run")


def test_it_is_in_the_gallery_and_the_setup_has_its_name(run: RunFolder) -> None:
    assert run.read("setup")["kind"] == "page_kinds:depth"
    gallery = build_gallery(read_record(run), run.predictions)
    cards = [card for _, group in gallery.groups for card in group]
    assert [panel.caption for card in cards for panel in card.panels] == ["picture", "prediction"] * 3


@pytest.mark.parametrize("scale", ["recipe", "own"])
def test_it_is_predicted_written_and_recorded(
    run: RunFolder, scale: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXELWISE_ALLOW", ALLOWED)
    image = np.random.default_rng(0).integers(0, 256, (40, 70, 3), np.uint8)
    write_image(tmp_path / "cat.png", image)
    out = tmp_path / "out"
    words = ["predict", run.path, tmp_path / "cat.png", "--out", out, "--scale", scale, "--tile", 64, "--overlap", 32]
    with pytest.raises(SystemExit) as end:
        app([str(word) for word in words])
    assert not end.value.code
    assert {path.relative_to(out).as_posix() for path in out.rglob("*.*")} == {"depths/cat.png", "records/cat.json"}
    found = Predictor.open(run.path).predict(image, None if scale == "recipe" else 64)
    assert np.array_equal(read_image(out / "depths/cat.png")[..., 0], found.metres)
    record = json.loads((out / "records/cat.json").read_text())
    assert (record["depth"], record["farthest"]) == ("depths/cat.png", found.metres.max())
    assert f"cat.png  70×40  up to {found.metres.max()} m" in capsys.readouterr().out
    assert "data:image/png;base64" in found._repr_html_()
