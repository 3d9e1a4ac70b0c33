"""Runs and scores for people, read from committed runs: nothing is trained here."""

from pathlib import Path

import pytest

import pixelwise
from pixelwise.api.scores import Scores
from pixelwise.errors import RunError

RUNS = Path(__file__).parents[1] / "safety" / "runs-0.1"


def test_a_run_says_what_it_is() -> None:
    run = pixelwise.open_run(RUNS / "segment")
    assert run.title == "Quickstart: a small U-Net on drawn scenes"
    assert run.finished == "complete"
    assert run.recipe.model.options["width"] == 2
    assert run.classes[:2] == ["ground", "disc"]
    assert [epoch["epoch"] for epoch in run.epochs] == [1, 2]
    assert run.losses["best"]["epoch"] == run.best["epoch"]
    assert run.report == RUNS / "segment" / "report.html"
    assert Path(run) == RUNS / "segment"
    assert repr(run).startswith("<Run ")


def test_scores_by_name_and_by_key() -> None:
    scores = pixelwise.open_run(RUNS / "segment").scores["val"]
    score = scores["mean_iou"]
    assert score.convention == {"void": "ignore", "classes": "truth_or_prediction"}
    assert scores[score.key] is score
    assert next(iter(scores)) == score.key
    assert (scores.split, scores.checkpoint, scores.pictures, scores.resolution) == ("val", "best", 4, "32×32")
    assert scores.losses["loss"] > 0
    assert "mean IoU" in str(scores)
    assert f"{score.value:.4f}" in str(scores)
    assert "mean_iou" in repr(scores)
    with pytest.raises(KeyError, match="Did you mean 'mean_iou'"):
        scores["mean_uoi"]
    assert "mean_uoi" not in scores


def test_what_a_notebook_shows_is_escaped(tmp_path: Path) -> None:
    run = pixelwise.open_run(RUNS / "segment")
    shown = run._repr_html_()
    assert shown.count("<table>") == 2  # val and test
    assert "mean IoU" in shown
    score = {"name": "<b>", "key": "<b>", "value": 0.5, "convention": {}, "support": 3}
    html = Scores("<val>", {"metrics": [{"name": "m", "scores": [score]}]})._repr_html_()
    assert "<b>" not in html
    assert "<val>" not in html


def test_a_run_without_an_end_has_no_scores(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text((RUNS / "segment" / "recipe.yaml").read_text())
    run = pixelwise.open_run(tmp_path)
    assert (run.scores, run.finished, run.epochs) == ({}, "", [])
    assert "not finished" in repr(run)
    assert "<table>" not in run._repr_html_()


def test_a_folder_that_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run folder"):
        pixelwise.open_run(tmp_path)
