"""A run that is made longer: in the same bytes as a longer run where that can be, and with a word where it cannot."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixelwise.engine.train import resume, train
from pixelwise.errors import RunError
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.report.page import build_report
from pixelwise.run.events import StepDone
from pixelwise.run.folder import RunFolder
from pixelwise.yaml_text import parse

Tiny = Callable[..., Recipe]
SCRATCH = (
    "data.dataset={name: scenes, size: 32, train: 20, val: 6}",
    "model.width=3",
    "model.depth=2",
    "train.batch=8",
    "train.schedule=constant",
)


def outcome(run: Path) -> dict[str, Any]:
    """Everything that a training decides: arrays as bytes, events and scores without the time they took."""
    files: dict[str, Any] = {str(p.relative_to(run)): p.read_bytes() for p in sorted(run.glob("*/*.safetensors"))}
    for which in ("last", "best"):
        progress = json.loads((run / which / "state.json").read_text())["state"]["progress"]
        files[which] = {k: v for k, v in progress.items() if "seconds" not in k}
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    files["events"] = [{k: v for k, v in e.items() if k != "seconds"} for e in events if e["event"] != "started"]
    files["recipe"] = (run / "recipe.yaml").read_text()
    summary = json.loads((run / "summary.json").read_text())
    return files | {key: summary[key] for key in ("finished", "epochs", "steps", "best", "losses", "splits")}


def trained(recipe: Recipe, path: Path, data: Path, stop: int = 0) -> Path:
    """Train, up to a step where `stop` says so, and drop everything there, as a kill would."""
    events = train(recipe, path, data=data)
    for event in events:
        if isinstance(event, StepDone) and event.step == stop:
            events.close()
            break
    return path


def extended(path: Path, data: Path, **length: int) -> list[str]:
    """The notes of a resume that makes a run longer."""
    return [event.text for event in resume(path, data=data, **length) if event.kind == "note"]


CONSTANT = "train.schedule=constant"
SMALL = ("model.width=2", "model.depth=1")
# 3 steps an epoch
LONGER = {
    "epochs": (("train.phases=[{epochs: 2}]",), ("train.phases=[{epochs: 4}]",), {"epochs": 4}, 0),
    "killed": (("train.phases=[{epochs: 3}]",), ("train.phases=[{epochs: 4}]",), {"epochs": 4}, 5),
    "phases": (
        ("train.phases=[{steps: 4, freeze: [down]}, {epochs: 1, learning_rate: 1e-3}]",),
        ("train.phases=[{steps: 4, freeze: [down]}, {epochs: 3, learning_rate: 1e-3}]",),
        {"epochs": 5},
        0,
    ),
    "steps": (("train.phases=[{steps: 6}]",), ("train.phases=[{steps: 11}]",), {"steps": 11}, 0),
    "in a cut epoch": (
        ("train.phases=[{steps: 5}]", "train.checkpoint_steps=2"),
        ("train.phases=[{steps: 8}]", "train.checkpoint_steps=2"),
        {"steps": 8},
        4,
    ),
    "decay": (
        ("train.phases=[{epochs: 2}]", "train.schedule={name: decay, factor: 0.5, warmup: 0.5}"),
        ("train.phases=[{epochs: 4}]", "train.schedule={name: decay, factor: 0.5, warmup: 0.5}"),
        {"epochs": 4},
        0,
    ),
    "early stopping": (
        ("train.phases=[{epochs: 2}]", "train.early_stopping={patience: 2, metric: loss, least_gain: 0.3}"),
        ("train.phases=[{epochs: 5}]", "train.early_stopping={patience: 2, metric: loss, least_gain: 0.3}"),
        {"epochs": 5},
        0,
    ),
}


@pytest.mark.parametrize("case", LONGER)
def test_a_longer_run_ends_in_the_same_bytes(case: str, tiny: Tiny, data: Path, tmp_path: Path) -> None:
    short, long, length, stop = LONGER[case]
    short, long = ((CONSTANT, *words) for words in (short, long))
    run = trained(tiny(*short, *SMALL), tmp_path / "run", data, stop)
    (note,) = extended(run, data, **length)
    assert "ends in the same bytes as a run of" in note
    assert outcome(run) == outcome(trained(tiny(*long, *SMALL), tmp_path / "long", data))
    (change,) = RunFolder.open(run).read("setup")["changes"]
    assert (change["what"], change["exact"], change["note"]) == ("extended", True, note)
    assert extended(run, data, **length) == []  # the same command again changes nothing


def test_both_engines_extend(data: Path, tmp_path: Path) -> None:
    def recipe(epochs: int) -> Recipe:
        return load_recipe("scenes/scratch_fcn", [*SCRATCH, f"train.phases=[{{epochs: {epochs}}}]", "gallery=1"])

    run = trained(recipe(1), tmp_path / "run", data)
    extended(run, data, epochs=2)
    assert outcome(run) == outcome(trained(recipe(2), tmp_path / "long", data))


def test_an_extension_that_was_killed_needs_no_second_word(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    run = trained(tiny(CONSTANT, "train.phases=[{epochs: 1}]"), tmp_path / "run", data)
    events = resume(run, data=data, epochs=3)
    for event in events:
        if isinstance(event, StepDone):
            break
    assert not (run / "summary.json").exists()  # it is not finished any more
    events.close()
    assert extended(run, data) == []
    assert outcome(run) == outcome(trained(tiny(CONSTANT, "train.phases=[{epochs: 3}]"), tmp_path / "long", data))


def test_a_kill_between_the_two_files_of_an_extension_is_mended(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    run = trained(tiny(CONSTANT, "train.phases=[{epochs: 1}]"), tmp_path / "run", data)
    before = (run / "recipe.yaml").read_text()
    next(resume(run, data=data, epochs=2))
    (run / "recipe.yaml").write_text(before)
    extended(run, data)
    assert parse(run / "recipe.yaml")["train"]["phases"][0]["epochs"] == 2
    assert json.loads((run / "summary.json").read_text())["epochs"] == 2


DIFFERENT = {
    "cosine": (
        ("train.phases=[{epochs: 2}]", "train.schedule=cosine", "train.optimizer.learning_rate=0.004"),
        {"epochs": 4},
        "the schedule 'cosine' depends on the length, so the result differs from that of a run planned this long; the "
        "learning rate goes from 6.81e-05 to 0.00174 and follows the longer schedule from there",
    ),
    "cut": (
        ("train.phases=[{steps: 5}]", CONSTANT),
        {"steps": 7},
        "its last epoch was cut short and is over, so the new updates are their own phase, whose schedule starts again; "
        "the result is that of a run with phases of 5 and 2 steps",
    ),
    "validated": (
        ("train.phases=[{epochs: 3}]", "train.validate_every=2", CONSTANT),
        {"epochs": 4},
        "epoch 3 was validated because it was the last one, which may have chosen the best checkpoint; a longer run validates "
        "every 2 epochs",
    ),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_where_a_longer_run_would_differ_it_says_why(case: str, tiny: Tiny, data: Path, tmp_path: Path) -> None:
    words, length, why = DIFFERENT[case]
    run = trained(tiny(*words, *SMALL), tmp_path / "run", data)
    note = extended(run, data, **length)[-1]
    assert note.partition(": ")[2] == why
    (change,) = RunFolder.open(run).read("setup")["changes"]
    assert change["exact"] is False
    summary = RunFolder.open(run).read("summary")
    assert summary["finished"] == "complete"
    assert summary[next(iter(length))] == next(iter(length.values()))
    if case == "cosine":
        page = build_report(RunFolder.open(run)).read_text()
        assert "for 4 epochs, extended after epoch 2, with AdamW" in page
        assert "depends on the length" in page


def test_after_a_cut_epoch_the_result_is_that_of_two_phases(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    run = trained(tiny(CONSTANT, "train.phases=[{steps: 5}]"), tmp_path / "run", data)
    extended(run, data, steps=7)
    assert outcome(run) == outcome(
        trained(tiny(CONSTANT, "train.phases=[{steps: 5}, {steps: 2}]"), tmp_path / "long", data)
    )


REFUSED = {
    "shorter": (("train.phases=[{epochs: 2}]",), {"epochs": 1}, "has 2 epochs already; read --epochs 1"),
    "other unit": (("train.phases=[{epochs: 1}]",), {"steps": 9}, "the length of its last phase is given in epochs"),
    "both": (("train.phases=[{steps: 3}]",), {"steps": 9, "epochs": 3}, "given in steps. Use --steps alone"),
    "stopped early": (
        ("train.phases=[{epochs: 3}]", "train.early_stopping={patience: 1, metric: loss, least_gain: 100.0}"),
        {"epochs": 5},
        "was stopped early after epoch 2: its recipe would stop a longer run there, too",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_extended_is_refused_and_left_alone(case: str, tiny: Tiny, data: Path, tmp_path: Path) -> None:
    words, length, why = REFUSED[case]
    run = trained(tiny(*words, *SMALL), tmp_path / "run", data)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match=why):
        extended(run, data, **length)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
