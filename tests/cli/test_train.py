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


@pytest.mark.parametrize("how", ["option", "default"])
def test_a_data_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/cache").write_text("nothing can be made here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    words = ["--cache", str(tmp_path / "mine")] if how == "option" else []
    with pytest.raises(SystemExit) as ended:
        app(["train", "quickstart", *TINY, "--out", str(tmp_path / "run"), "--data", str(tmp_path / "data"), *words])
    assert ended.value.code == 0
    place = tmp_path / ("mine" if how == "option" else "home/.cache/pixelwise/cache")
    assert (place / "scenes").is_dir()
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["cache"]
