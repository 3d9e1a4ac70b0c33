"""`pixelwise report`: the path of the page, the scores, and a mistake in one clean line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixelwise.cli import app
from pixelwise.run.folder import RunFolder

SCORE = {"name": "mean_iou", "key": "mean_iou[void=ignore]", "value": 0.25, "convention": "void=ignore", "support": 9}
SUMMARY = {"finished": "complete", "splits": {"val": {"metrics": [{"name": "confusion", "scores": [SCORE]}]}}}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder.create(tmp_path / "run", "title: A run\n")
    folder.write("summary", SUMMARY)
    return folder


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        app(["report", *words])
    return int(end.value.code or 0)


def test_it_builds_the_page_and_prints_the_scores(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(str(run.path)) == 0
    printed = capsys.readouterr().out
    assert "mean IoU" in printed
    assert "0.2500" in printed
    assert "report.html" in printed.replace("\n", "")
    assert run.report_file.is_file()


def test_json_is_the_summary_with_the_path(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(str(run.path), "--json") == 0
    assert json.loads(capsys.readouterr().out) == {**SUMMARY, "report": str(run.report_file)}


def test_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(str(tmp_path)) == 2
    assert "is not a run folder: it has no recipe.yaml" in capsys.readouterr().err
