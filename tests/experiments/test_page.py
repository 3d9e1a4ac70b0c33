"""The page of a search, from a record alone: made twice it is the same, and a stranger's words are no markup."""

import json
from pathlib import Path

from pixelwise.experiments.page import best_table, build_search_page
from pixelwise.run.words import ABSENT
from pixelwise.terminal.scores import INTERVAL
from pixelwise.types import Score


def entry(number: int, state: str, score: float | None, rate: str, model: str) -> dict[str, object]:
    values = {"train.rate": rate, "model": model}
    told = {"number": number, "state": state, "values": values, "score": score, "message": "", "worker": "w"}
    return {**told, "name": f"trial-{number:04d}", "reports": 1, "seconds": 2.0 if state == "done" else None}


def record(higher_is_better: bool = True) -> dict[str, object]:
    ranges = [
        {"path": "train.rate", "short": "rate", "written": "log(1e-4,1e-1)", "log": True, "choices": []},
        {"path": "model", "short": "model", "written": "choice(<b>,unet)", "log": False, "choices": ["<b>", "unet"]},
    ]
    trials = [
        entry(0, "done", 0.2, "0.001", "<b>"),
        entry(1, "failed", None, "0.09", "unet"),
        entry(2, "done", 0.5, "0.01", "unet"),
        entry(3, "pruned", 0.1, "0.02", "<b>"),
        entry(4, "running", None, "0.02", "<b>"),
    ]
    aim = {"key": "mean_iou[void=none]", "higher_is_better": higher_is_better, "split": "val"}
    best = "trial-0002" if higher_is_better else "trial-0000"
    return {"recipe": "r", "fixed": ["train.batch=4"], "ranges": ranges, "aim": aim, "best": best, "trials": trials}


def test_the_page_is_whole_and_the_same_again(tmp_path: Path) -> None:
    (tmp_path / "trials.json").write_text(json.dumps(record()))
    page = build_search_page(tmp_path)
    text = page.read_text()
    assert "5 trials of r: 2 done, 1 pruned, 1 failed and 1 running." in text
    assert "the best is 0.5000, of trial-0002" in text
    assert "<b>" not in text
    assert "mathdefault" not in text
    assert {file.stem for file in (tmp_path / "plots").glob("*.png")} == {
        "best-so-far",
        "factor-train-rate",
        "factor-model",
    }
    build_search_page(tmp_path)
    assert page.read_text() == text


def test_the_best_stand_first_in_either_direction(tmp_path: Path) -> None:
    assert [row[0] for row in best_table(record(), tmp_path).rows] == ["trial-0002", "trial-0000"]
    assert [row[0] for row in best_table(record(higher_is_better=False), tmp_path).rows] == ["trial-0000", "trial-0002"]


def test_the_best_trials_have_their_intervals_over_pictures(tmp_path: Path) -> None:
    interval = {"low": 0.41, "high": 0.58, "n": 40, "method": "m", "level": 0.95, "lack": ""}
    score = Score("mean_iou", 0.5, {"void": "none"}, 1).as_record() | {"interval": interval}
    (tmp_path / "trial-0002").mkdir()
    split = {"pictures": 40, "metrics": [{"name": "confusion", "scores": [score]}]}
    (tmp_path / "trial-0002" / "summary.json").write_text(json.dumps({"splits": {"val": split}}))
    table = best_table(record(), tmp_path)
    assert table.headings[:3] == ("trial", "mean IoU", INTERVAL)
    assert [row[:3] for row in table.rows] == [
        ("trial-0002", "0.5000", "0.4100 … 0.5800"),
        ("trial-0000", "0.2000", ABSENT),
    ]
    assert INTERVAL not in best_table(record(), tmp_path / "elsewhere").headings
    (tmp_path / "trials.json").write_text(json.dumps(record()))
    assert "0.4100 … 0.5800" in build_search_page(tmp_path).read_text()


def test_a_search_without_a_finished_trial_has_a_page(tmp_path: Path) -> None:
    told = record()
    told |= {"best": None, "trials": [entry(0, "failed", None, "0.1", "unet")]}
    (tmp_path / "trials.json").write_text(json.dumps(told))
    assert "none is finished yet" in build_search_page(tmp_path).read_text()
