"""`pixelwise search`: one real search of tiny trainings, and what it refuses before the first."""

import json
import sys
from pathlib import Path

import pytest

from command_line import said

TINY = (
    "data.dataset.size=32", "data.dataset.train=8", "data.dataset.val=4", "data.dataset.test=4", "model.depth=2",
    "train.batch=4", "train.phases.0.epochs=1", "hardware.device=cpu", "hardware.precision=fp32", "hardware.threads=1",
    "gallery=0",
)  # fmt: skip
RATE = "train.optimizer.learning_rate=log(1e-4,1e-1)"


@pytest.mark.slow
def test_a_search_its_page_and_its_best_recipe(
    tmp_path: Path, tiny_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna")
    folder = tmp_path / "s"
    command = ("search", "quickstart", *TINY, RATE, "model.width=choice(2,4)", "--data", tiny_data, "--out", folder)
    code, out, err = said(capsys, *command, "--trials", 2)
    assert code == 0, out + err
    assert err.count("done     trial-000") == 2
    assert (folder / "search.html").is_file()
    code, out, _ = said(capsys, "search", "--resume", folder, "--trials", 3, "--json")
    told = json.loads(out)
    assert (code, [trial["state"] for trial in told["trials"]]) == (0, ["done"] * 3)
    best = max(told["trials"], key=lambda trial: (trial["score"], -trial["number"]))
    assert told["best"] == best["name"]
    summary = json.loads((folder / best["name"] / "summary.json").read_text())
    scores = {s["key"]: s["value"] for m in summary["splits"]["val"]["metrics"] for s in m["scores"]}
    assert best["score"] == scores[told["aim"]["key"]]
    assert said(capsys, "check", told["best_recipe"])[0] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "name a recipe with what to search"),
        (["quickstart"], "no range is given, so there is nothing to search."),
        (["quickstart", "train.bach=int(4,8)"], "train.bach: unknown key;"),
        (["quickstart", RATE, "--metric", "mean_iuo"], "Did you mean 'mean_iou'?"),
        (["quickstart", RATE, "data.validation=test"], "a search may not choose by scores on test pictures"),
        (["quickstart", RATE, "data.dataset={name: folder, path: nowhere}"], "nowhere"),
        (["--resume", "nowhere"], "is not the folder of a search"),
    ],
)
def test_what_is_refused(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    code, _, err = said(capsys, "search", *arguments)
    assert code == 2
    assert sentence in err
    assert not (tmp_path / "runs").exists()


def test_without_optuna_the_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.chdir(tmp_path)
    code, _, err = said(capsys, "search", "quickstart", RATE)
    assert code == 2
    assert "pip install 'pixelwise[search]'" in err
    assert list(tmp_path.iterdir()) == []
