"""Results over seeds: the sums done again by NumPy, and what is refused."""

import copy
from pathlib import Path

import numpy as np
import pytest
from collect import collect, markdown_table, without_seed

from pixelwise.errors import RunError
from pixelwise.run.folder import RunFolder

KEY = "mean_iou[void=ignore,absent=skipped]"


def finished_run(path: Path, seed: int, value: float | None, minutes: float = 2.0) -> RunFolder:
    recipe = {"title": "A", "about": "", "stated": [], "gallery": 3, "train": {"seed": seed, "batch": 4}}
    model = {"parameters": 1234, "macs": 5_600_000_000}
    data = {"splits": {"train": {"pictures": 9}, "val": {"pictures": 4}}}
    path.mkdir()
    run = RunFolder(path)
    run.write(
        "setup", {"recipe": recipe, "model": model, "data": data, "choices": {"device": "cpu", "precision": "fp32"}}
    )
    run.write("environment", {"commit": "abc", "processor": "P", "cores": 2, "packages": {"torch": "2"}})
    score = {
        "name": "mean_iou",
        "key": KEY,
        "value": value,
        "convention": KEY[9:-1],
        "support": 1,
        "higher_is_better": True,
    }
    split = {"pictures": 4, "resolution": "8×8", "metrics": [{"name": "confusion", "scores": [score]}]}
    best = {"epoch": 3, "step": 9, "metric": KEY, "value": value}
    run.write(
        "summary",
        {"epochs": 5, "steps": 15, "seconds": {"total": 60 * minutes}, "best": best, "splits": {"val": split}},
    )
    return run


def test_mean_and_spread_over_seeds(tmp_path: Path) -> None:
    values = [0.1, 0.4, 0.25]
    record = collect("a/b", [finished_run(tmp_path / str(s), s, v) for s, v in enumerate(values)])
    score = record["scores"]["val"][KEY]
    assert score["mean"] == pytest.approx(np.mean(values))
    assert score["sd"] == pytest.approx(np.std(values, ddof=1))
    assert score["values"] == values
    assert (score["n"], record["seeds"], record["minutes"]) == (4, [0, 1, 2], [2.0, 2.0, 2.0])
    row = markdown_table([record], "val", {KEY: "mean IoU"}).splitlines()[-1]
    assert row == "| `a/b` | 0.2500 ± 0.1500 | 1,234 | 5.6 | 5 | 2.0 | fp32 | 3 |"


def test_a_length_in_steps_is_told_in_steps(tmp_path: Path) -> None:
    runs = [finished_run(tmp_path / str(seed), seed, 0.5) for seed in (0, 1)]
    for run, steps in zip(runs, (1125, 1250), strict=True):
        setup, summary = run.read("setup"), run.read("summary")
        setup["recipe"]["train"]["phases"] = [{"steps": steps}]
        run.write("setup", setup)
        run.write("summary", {**summary, "steps": steps})
    row = markdown_table([collect("a", runs)], "val", {KEY: "mean IoU"}).splitlines()[-1]
    assert " | 1,125–1,250 steps | 2.0 | " in row
    assert collect("a", [finished_run(tmp_path / "epochs", 0, 0.5)])["steps"] is None


def test_what_a_paper_states_stands_beside_the_measured(tmp_path: Path) -> None:
    known = {
        "what": "mean IoU of a baseline",
        "value": 0.05,
        "metric": "mean_iou",
        "convention": "void",
        "source": "A 2023",
    }
    one = collect("a", [finished_run(tmp_path / "one", 0, 0.5)])
    other = collect("b", [finished_run(tmp_path / "other", 0, 0.5)])
    other["stated"] = [{**known, "split": ""}, {**known, "split": "test"}]
    head, _, *rows, empty, source = markdown_table([one, other], "val", {KEY: "mean IoU"}).splitlines()
    assert head.split(" | ")[2] == "stated"
    assert [row.split(" | ")[2] for row in rows] == ["–", "mean iou 0.05"]
    assert (empty, source) == ("", "- `b`, stated: mean IoU of a baseline 0.05 (void; A 2023)")


def test_one_seed_has_no_spread_and_no_value_is_a_dash(tmp_path: Path) -> None:
    one = collect("a", [finished_run(tmp_path / "one", 0, 0.5)])
    none = collect("b", [finished_run(tmp_path / "none", 0, None)])
    rows = markdown_table([one, none], "val", {KEY: "mean IoU"}).splitlines()[2:]
    assert [row.split(" | ")[1] for row in rows] == ["0.5000", "–"]


def test_a_seed_counts_once_and_a_run_must_be_finished(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "a", 7, 0.5)
    with pytest.raises(RunError, match=r"the seeds \[7, 7\] repeat"):
        collect("a", [run, run])
    run.write("summary", {"finished": "interrupted"})
    with pytest.raises(RunError, match="has no final scores"):
        collect("a", [run])


def test_recipes_are_the_same_whatever_their_seed_and_words(tmp_path: Path) -> None:
    one = finished_run(tmp_path / "a", 0, 0.5).read("setup")["recipe"]
    other = copy.deepcopy(one) | {"title": "B", "about": "new words"}
    other["train"]["seed"] = 5
    other["hardware"] = {"precision": "bf16"}
    assert without_seed(one) == without_seed(other)
    other["train"]["batch"] = 8
    assert without_seed(one) != without_seed(other)
