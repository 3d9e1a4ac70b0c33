"""`pixelwise train`: what it prints at the end, and where the run lies."""

import json
from pathlib import Path

import pytest

from pixelwise.cli import app
from pixelwise.cli.train import free_folder

TINY = (
    *("data.dataset.size=32", "data.dataset.train=8", "data.dataset.val=4", "model.width=2", "model.depth=1"),
    *("train.phases.0.epochs=1", "train.batch=4", "hardware.precision=fp32", "gallery=1"),
)


def test_json_is_the_summary_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    with pytest.raises(SystemExit) as ended:
        app(["train", "quickstart", *TINY, "--out", str(run), "--data", str(tmp_path / "data"), "--json"])
    assert ended.value.code == 0
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    assert record.pop("run") == str(run)
    assert record == json.loads((run / "summary.json").read_text())
    assert "epoch" in printed.err
    assert (run / "report.html").is_file()


def test_runs_get_a_free_folder_named_after_the_recipe(tmp_path: Path) -> None:
    assert free_folder("voc2007/unet", tmp_path) == tmp_path / "voc2007/unet"
    (tmp_path / "voc2007/unet").mkdir(parents=True)
    assert free_folder("voc2007/unet", tmp_path) == tmp_path / "voc2007/unet-2"
    assert free_folder("somewhere/mine.yaml", tmp_path) == tmp_path / "mine"
