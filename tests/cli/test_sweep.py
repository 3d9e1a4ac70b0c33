"""`pixelwise sweep` and `pixelwise compare`: one real sweep of two tiny trainings, and what both refuse."""

import json
from pathlib import Path

import pytest

from command_line import said

TINY = (
    "data.dataset.size=32", "data.dataset.train=8", "data.dataset.val=24", "data.dataset.test=4", "model.width=4",
    "model.depth=2", "train.batch=4", "train.phases.0.epochs=1", "hardware.device=cpu", "hardware.precision=fp32",
    "hardware.threads=1", "gallery=3",
)  # fmt: skip


@pytest.mark.slow  # two trainings, each its own process
def test_a_sweep_and_its_comparison(tmp_path: Path, tiny_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "s"
    command = (
        "sweep",
        "quickstart",
        *TINY,
        "train.optimizer.learning_rate=1e-3,1e-2",
        "--out",
        folder,
        "--data",
        tiny_data,
    )
    code, out, err = said(capsys, *command)
    assert code == 0, out + err
    assert err.count("done     learning_rate=") == 2
    assert "done" not in out
    assert (folder / "sweep.html").is_file()
    code, _, err = said(capsys, *command)
    assert code == 0
    assert "2 of them finished before" in err
    assert "began" not in err
    code, out, _ = said(capsys, "compare", folder, "--json")
    told = json.loads(out)
    assert [group["label"] for group in told["groups"]] == ["learning_rate 0.001", "learning_rate 0.01"]
    assert told["differences"][0]["over_pictures"] is not None, told["differences"][0]["over_pictures_lack"]
    assert "one seed on both sides" in told["differences"][0]["over_seeds_lack"]
    _, out, _ = said(capsys, "compare", folder, "--html", tmp_path / "c.html", "--csv", tmp_path / "c.csv")
    assert "train.optimizer.learning_rate" in out
    assert (tmp_path / "c.html").is_file()
    assert (tmp_path / "c.csv").read_text().count("\n") == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "name a recipe with the values to try"),
        (["quickstart", "train.bach=4,8"], "train.bach: unknown key;"),
        (["quickstart", "train.seed="], "train.seed: takes no value."),
        (["quickstart", "data.dataset={name: folder, path: nowhere}", "train.seed=0,1"], "nowhere"),
        (["quickstart", "data.validation=tset", "train.seed=0,1"], "Did you mean 'test'?"),
        (["--resume", "nowhere"], "is not the folder of a sweep"),
    ],
)
def test_what_a_sweep_refuses_begins_nothing(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = said(capsys, "sweep", *arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--html", "report.html"], "--html writes a file such as compare.html, not report.html"),
        (["--csv", "summary.json"], "--csv writes a file such as compare.csv"),
        (["--score", "mean_iuo"], "no run has a score 'mean_iuo'; choose from mean_iou["),
        (["--resolution", "own"], "need --split"),
        (["--split", "test"], "First run: pixelwise evaluate"),
        (["nowhere"], "this run folder does not exist"),
    ],
)
def test_what_a_comparison_refuses(
    arguments: list[str], sentence: str, tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = said(capsys, "compare", tiny_run, *arguments)
    assert (code, out) == (2, "")
    assert sentence in err
