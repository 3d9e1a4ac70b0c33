"""A training that is stopped anywhere and resumed ends in the same bytes as one that never stopped."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pixelwise.engine.train import resume, train
from pixelwise.errors import PixelwiseError, RunError
from pixelwise.recipe.load import as_yaml
from pixelwise.recipe.schema import Recipe
from pixelwise.run.events import StepDone
from pixelwise.run.folder import RunFolder

Tiny = Callable[..., Recipe]


def outcome(run: Path) -> dict[str, object]:
    """Everything that a training decides: arrays as bytes, events and scores without the time they took."""
    files: dict[str, object] = {}
    for path in sorted(run.glob("*/*.safetensors")):
        files[str(path.relative_to(run))] = path.read_bytes()
    for which in ("last", "best"):
        progress = json.loads((run / which / "state.json").read_text())["state"]["progress"]
        files[f"{which}/progress"] = {k: v for k, v in progress.items() if "seconds" not in k}
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    files["events"] = [{k: v for k, v in e.items() if k != "seconds"} for e in events if e["event"] != "started"]
    files["scores"] = json.loads((run / "summary.json").read_text())["splits"]
    files["predictions"] = [path.read_bytes() for path in sorted((run / "predictions").iterdir())]
    return files


def run_through(recipe: Recipe, path: Path, data: Path) -> dict[str, object]:
    for _ in train(recipe, path, data=data):
        pass
    return outcome(path)


def stop_after(step: int, recipe: Recipe, path: Path, data: Path) -> None:
    """Train up to a step and drop everything there, as a kill would."""
    events = train(recipe, path, data=data)
    for event in events:
        if isinstance(event, StepDone) and event.step == step:
            events.close()
            return


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    return {}


@pytest.fixture(scope="module")
def undisturbed_in_steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return {}


# 3 steps an epoch: 3 + 2, and then, in its own epoch, 3 + 1
IN_STEPS = (
    "train.phases=[{steps: 5}, {steps: 4, learning_rate: 1e-3}]",
    "train.checkpoint_steps=1",
    "train.schedule={name: cosine, warmup: 0.5}",
    "model.width=2",
    "model.depth=1",
)
OPTIONS = ("train.checkpoint_steps=2", "train.clip=1.0", "train.early_stopping={patience: 2}")


@pytest.mark.parametrize("step", [1, 3, 4])  # 3 steps an epoch: first, saved within, last of an epoch, ...
def test_resume_after_a_kill_at_any_step_ends_in_the_same_bytes(
    step: int, tiny: Tiny, data: Path, tmp_path: Path, undisturbed: dict[str, dict[str, object]]
) -> None:
    recipe = tiny(*OPTIONS)
    if not undisturbed:
        undisturbed.update(run_through(recipe, tmp_path / "whole", data))
    stop_after(step, recipe, tmp_path / "killed", data)
    for _ in resume(tmp_path / "killed", data=data):
        pass
    assert outcome(tmp_path / "killed") == undisturbed


@pytest.mark.parametrize(
    "step", [4, 6, 9, *(pytest.param(step, marks=pytest.mark.slow) for step in (1, 2, 3, 5, 7, 8))]
)
def test_resume_after_a_kill_at_any_step_of_phases_that_end_within_an_epoch(
    step: int, tiny: Tiny, data: Path, tmp_path: Path, undisturbed_in_steps: dict[str, object]
) -> None:
    recipe = tiny(*IN_STEPS)
    if not undisturbed_in_steps:
        undisturbed_in_steps.update(run_through(recipe, tmp_path / "whole", data))
    stop_after(step, recipe, tmp_path / "killed", data)
    for _ in resume(tmp_path / "killed", data=data):
        pass
    assert outcome(tmp_path / "killed") == undisturbed_in_steps


CLASSIFIED = (
    "task={name: classify, mixup: 0.4}",
    "model={name: whitened_cnn, width: 4}",
    "data.sampling=balanced",
    "augment=[{name: crop, padding: 2}, {name: flip}]",
    "train.phases=[{epochs: 1}, {epochs: 1, loss: {name: focal, gamma: 1.0}}]",
)
COLOURED = (
    "task={name: colourize, colours: 5}",
    "model={name: colour_unet, num_filters: 4}",
    "loss={name: cross_entropy, weights: rarity, uniform: 0.5}",
    "augment=[{name: flip}]",
    "train.phases=[{epochs: 2}]",
)

FROZEN_FIRST = (
    "model={name: fpn, encoder: small_models:strided, channels: 8, strides: [8, 16, 32]}",
    "train.phases=[{epochs: 1, freeze: [encoder]}, {epochs: 1}]",
)
DROPPED = ("model={name: shared_pyramid, width: 8, blocks: 1, drop_path: 0.5}", "train.phases=[{epochs: 2}]")
OTHERS = {"classify": (CLASSIFIED, 4), "colourize": (COLOURED, 2), "frozen": (FROZEN_FIRST, 4), "dropped": (DROPPED, 3)}


@pytest.mark.parametrize(("words", "step"), OTHERS.values(), ids=OTHERS)
def test_resume_of_other_tasks_and_models_ends_in_the_same_bytes(
    words: tuple[str, ...], step: int, tiny: Tiny, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXELWISE_ALLOW", "small_models")
    recipe = tiny(*words, "train.checkpoint_steps=2")
    whole = run_through(recipe, tmp_path / "whole", data)
    stop_after(step, recipe, tmp_path / "killed", data)
    found = json.loads((tmp_path / "killed" / "setup.json").read_text())["findings"]
    for _ in resume(tmp_path / "killed", data=data):
        pass
    assert outcome(tmp_path / "killed") == whole
    assert json.loads((tmp_path / "killed" / "setup.json").read_text())["findings"] == found


def test_workers_change_nothing(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    alone = run_through(tiny(), tmp_path / "alone", data)
    helped = run_through(tiny("data.workers=2"), tmp_path / "helped", data)
    assert alone == helped


@pytest.mark.parametrize("workers", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_resume_after_sigkill(workers: int, tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe = tiny(f"data.workers={workers}", "train.checkpoint_steps=2", "train.phases.0.epochs=6")
    file = tmp_path / "recipe.yaml"
    file.write_text(as_yaml(recipe))
    command = [
        sys.executable,
        "-m",
        "pixelwise",
        "train",
        str(file),
        "--out",
        str(tmp_path / "killed"),
        "--data",
        str(data),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        events = tmp_path / "killed" / "events.jsonl"
        deadline = time.monotonic() + 200
        while not events.exists() or events.read_text().count('"step", ') < 5:
            assert child.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        child.kill()  # its workers live on for a while: they do not keep its lock
    for _ in resume(tmp_path / "killed", data=data):
        pass
    assert outcome(tmp_path / "killed") == run_through(recipe, tmp_path / "whole", data)


def test_interrupt_saves_and_says_how_to_go_on(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe = tiny("train.phases.0.epochs=200")
    file = tmp_path / "recipe.yaml"
    file.write_text(as_yaml(recipe))
    run = tmp_path / "run"
    command = [sys.executable, "-m", "pixelwise", "train", str(file), "--out", str(run), "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        while not (run / "events.jsonl").exists() or (run / "events.jsonl").read_text().count('"step", ') < 4:
            assert child.poll() is None
            time.sleep(0.005)
        before = (run / "events.jsonl").read_text()
        with pytest.raises(RunError, match="another process is writing to this run"):
            next(resume(run, data=data))
        assert (run / "events.jsonl").read_text().startswith(before), "a training that goes on lost its events"
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert f"pixelwise train --resume {run}" in said
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    assert events[-1]["event"] == "finished"
    assert events[-1]["reason"] == "interrupted"
    step = events[-1]["step"]
    for event in resume(run, data=data):
        if isinstance(event, StepDone):
            assert event.step == step + 1  # nothing is done twice
            break


def test_a_changed_recipe_is_refused_with_what_differs(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    stop_after(4, tiny(), tmp_path / "run", data)
    before = outcome_bytes(tmp_path / "run")
    with pytest.raises(RunError) as refused:
        next(resume(tmp_path / "run", data=data, recipe=tiny("train.batch=4", "model.width=8")))
    assert "train.batch: the run began with 8, the recipe given says 4" in str(refused.value)
    assert "model.width: the run began with 4, the recipe given says 8" in str(refused.value)
    text = (tmp_path / "run" / "recipe.yaml").read_text()
    (tmp_path / "run" / "recipe.yaml").write_text(text.replace("batch: 8", "batch: 2"))
    with pytest.raises(RunError, match=r"train\.batch: the run began with 8, its recipe\.yaml says 2"):
        next(resume(tmp_path / "run", data=data))
    (tmp_path / "run" / "recipe.yaml").write_text(text)
    assert outcome_bytes(tmp_path / "run") == before


def test_a_damaged_checkpoint_is_refused(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    stop_after(4, tiny(), tmp_path / "run", data)
    (weights,) = (tmp_path / "run" / "last").glob("model-*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(RunError, match="cut short"):
        next(resume(tmp_path / "run", data=data))


def test_data_that_changed_since_is_refused(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    stop_after(4, tiny(), tmp_path / "run", data)
    setup = json.loads((tmp_path / "run" / "setup.json").read_text())
    setup["data"]["splits"]["train"]["key"] = "0" * 64
    (tmp_path / "run" / "setup.json").write_text(json.dumps(setup))
    with pytest.raises(PixelwiseError, match="split 'train' is not the one that this run began with"):
        next(resume(tmp_path / "run", data=data))


def test_a_resume_beside_another_process_changes_nothing(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    stop_after(4, tiny("train.checkpoint_steps=2"), path, data)
    first = resume(path, data=data)
    next(first)  # it holds the run, and has cut the events back to the checkpoint
    for _ in range(2):
        before = outcome_bytes(path)
        with pytest.raises(RunError, match="another process is writing to this run"):
            next(resume(path, data=data))
        assert outcome_bytes(path) == before
        next(first)
    for _ in first:
        pass
    next(resume(path, data=data))  # the lock ends with the training


def test_a_run_that_was_killed_before_its_first_step_begins_again(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe, path = tiny("train.phases.0.epochs=1"), tmp_path / "run"
    with RunFolder(path).beginning(as_yaml(recipe)):
        (path / ".setup.json.1.part").write_text("half")
    for _ in resume(path, data=data):
        pass
    assert outcome(path) == run_through(recipe, tmp_path / "whole", data)
    assert not list(path.rglob("*.part"))


def test_left_over_files_are_removed_by_the_next_writer_only(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    stop_after(4, tiny("train.checkpoint_steps=2"), path, data)
    left = [
        path / name
        for name in (".summary.json.7.part", "plots/.a.svg.7.part", "last/model-00000001-aaaaaaaa.safetensors")
    ]
    for file in left:
        file.parent.mkdir(exist_ok=True)
        file.write_text("half")
    run = RunFolder.open(path)
    with run.writing(), run.adding():
        pass
    assert all(file.exists() for file in left)  # a training is under way: they may be its own
    with run.adding():
        pass
    assert not any(file.exists() for file in left)
    for _ in resume(path, data=data):
        pass


def test_damaged_bytes_of_the_cache_are_found_by_a_resume(tiny: Tiny, tmp_path: Path) -> None:
    recipe, data = tiny("train.phases.0.epochs=2"), tmp_path / "data"
    whole = run_through(recipe, tmp_path / "whole", data)
    stop_after(4, recipe, tmp_path / "run", data)
    for images in data.rglob("images.npy"):
        content = bytearray(images.read_bytes())
        content[-1] ^= 1
        images.write_bytes(content)
    for _ in resume(tmp_path / "run", data=data):
        pass
    assert outcome(tmp_path / "run") == whole


def outcome_bytes(run: Path) -> dict[str, bytes]:
    return {str(p.relative_to(run)): p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file()}
