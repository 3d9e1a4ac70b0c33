"""Run folders of version 0.1 still open: report, compare, predict and resume work on copies of four committed runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from command_line import run_command
from pixelwise.imaging.files import write_image
from pixelwise.report.record import scores_of

RUNS = Path(__file__).parent / "runs-0.1"
NAMES = ("segment", "labels", "colours", "scratch")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with a copy of each run."""
    shutil.copytree(RUNS, tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "picture.png"
    write_image(file, np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8))
    return file


@pytest.mark.parametrize("name", NAMES)
def test_report(name: str, runs: Path, capsys: pytest.CaptureFixture[str], quick_plots: None) -> None:
    assert run_command("report", runs / name) == 0
    summary = json.loads((runs / name / "summary.json").read_text())
    score = summary["splits"]["val"]["metrics"][0]["scores"][0]
    assert f"{score['value']:.4f}" in capsys.readouterr().out
    page = (runs / name / "report.html").read_text()
    assert f"{score['value']:.4f}" in page
    assert page.count("data:image/png") >= (1 if name == "labels" else 3)  # the gallery


def test_compare(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("compare", runs / "segment", runs / "scratch", "--json", "--html", runs / "compare.html") == 0
    assert "segment" in capsys.readouterr().out
    assert (runs / "compare.html").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_predict(name: str, runs: Path, picture: Path, tmp_path: Path) -> None:
    assert run_command("predict", runs / name, picture, "--out", tmp_path / "out", "--device", "cpu") == 0
    files = {file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").rglob("*") if file.is_file()}
    expected = {
        "segment": {"masks/picture.png", "overlays/picture.png", "records/picture.json", "legend.png"},
        "scratch": {"masks/picture.png", "overlays/picture.png", "records/picture.json", "legend.png"},
        "colours": {"masks/picture.png", "colours/picture.png", "records/picture.json", "legend.png"},
        "labels": {"labels.json"},
    }
    assert files == expected[name]


@pytest.mark.parametrize("name", NAMES)
def test_evaluate_gives_the_scores_of_the_summary(name: str, runs: Path, tmp_path: Path) -> None:
    assert run_command("evaluate", runs / name, "--data", tmp_path / "data", "--device", "cpu") == 0
    again = json.loads((runs / name / "evaluations" / "val-best-recipe.json").read_text())
    before = json.loads((runs / name / "summary.json").read_text())["splits"]["val"]

    def values(record: dict) -> dict[str, float]:
        return {score.key: score.value for metric in record["metrics"] for score in scores_of(metric)}

    known = {key: value for key, value in values(again).items() if key in values(before)}
    assert known == pytest.approx(values(before), rel=1e-3, abs=1e-3)  # another machine rounds otherwise


def test_a_finished_run_resumes_to_its_end(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs / "segment" / "summary.json").unlink()
    assert run_command("train", "--resume", runs / "segment", "--data", tmp_path / "data") == 0
    summary = json.loads((runs / "segment" / "summary.json").read_text())
    before = json.loads((RUNS / "segment" / "summary.json").read_text())
    assert (summary["steps"], summary["best"]["epoch"]) == (before["steps"], before["best"]["epoch"])
