"""A training that starts from the weights of another run: all of them, or those that are not excepted; recorded and shown."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise
from pixelwise.compare.runs import compare_runs
from pixelwise.engine.train import resume, train
from pixelwise.errors import RunError
from pixelwise.recipe.load import load_recipe
from pixelwise.recipe.schema import Recipe
from pixelwise.report.page import build_report
from pixelwise.run.checkpoint import digest_of, load_checkpoint
from pixelwise.run.folder import RunFolder

Tiny = Callable[..., Recipe]
ONE = "train.phases=[{epochs: 1}]"
SCRATCH = ("data.dataset={name: scenes, size: 32, train: 20, val: 6}", "model.width=3", "model.depth=2", "gallery=1")


def weights(run: Path, which: str = "best") -> dict[str, Any]:
    return load_checkpoint(run / which, "model")[0]["model"]


def started(recipe: Recipe, path: Path, data: Path, **origin: Any) -> tuple[dict[str, Any], list[str]]:
    """The weights before the first step, and the notes; the training is then dropped, as a kill would."""
    events, notes = train(recipe, path, data=data, **origin), []
    for event in events:
        if event.kind == "started":
            events.close()
            break
        notes.append(event.text)
    return weights(path, "last"), notes


def finished(recipe: Recipe, path: Path, data: Path, **origin: Any) -> Path:
    list(train(recipe, path, data=data, **origin))
    return path


@pytest.mark.parametrize("engine", ["torch", "scratch"])
def test_all_weights_of_a_run(engine: str, tiny: Tiny, data: Path, tmp_path: Path) -> None:
    recipe = tiny(ONE) if engine == "torch" else load_recipe("scenes/scratch_fcn", [*SCRATCH, ONE])
    source = finished(recipe, tmp_path / "source", data)
    found, notes = started(recipe, tmp_path / "run", data, from_run=source)
    before = weights(source)
    assert found.keys() == before.keys()
    assert all(np.array_equal(found[name], before[name]) for name in before)
    origin = RunFolder.open(tmp_path / "run").read("setup")["origin"]
    assert (
        notes[-1]
        == origin["note"]
        == f"started from the weights of {source} (best checkpoint, epoch 1): "
        + (f"{len(before)} of {len(before)} arrays taken")
    )
    assert origin["sha256"] == digest_of(source / "best", "model")
    shutil.rmtree(source)  # killed before its first checkpoint, it needs neither the run nor --from to resume
    for event in resume(tmp_path / "run", data=data):
        last = event
    assert last.reason == "complete"
    assert outcome(tmp_path / "run")


def outcome(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.glob("*/*.safetensors"))}


def test_resumed_it_ends_in_the_same_bytes(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    source = finished(tiny(ONE), tmp_path / "source", data)
    recipe = tiny("train.phases=[{epochs: 2}]", "train.optimizer.learning_rate=0.001")
    started(recipe, tmp_path / "killed", data, from_run=source)
    list(resume(tmp_path / "killed", data=data))
    whole = outcome(finished(recipe, tmp_path / "whole", data, from_run=source))
    assert outcome(tmp_path / "killed") == whole
    assert whole != outcome(finished(recipe, tmp_path / "random", data))


def folder(path: Path, *words: str) -> list[str]:
    return [f"data={{dataset: {{name: folder, path: {path}}}, size: [32, 32]}}", ONE, *words]


def test_another_number_of_classes_is_refused_and_taken_where_it_is_excepted(
    tiny: Tiny, drawn: Callable[..., Path], data: Path, tmp_path: Path
) -> None:
    source = finished(tiny(*folder(drawn(tmp_path / "three"))), tmp_path / "source", data)
    recipe = tiny(*folder(drawn(tmp_path / "five", classes=5)))
    with pytest.raises(RunError) as refused:
        list(train(recipe, tmp_path / "run", data=data, from_run=source))
    assert [problem.what for problem in refused.value.problems] == [
        "'classifier.weight' is [3, 4, 1, 1] in the run and [5, 4, 1, 1] in this model.",
        "'classifier.bias' is [3] in the run and [5] in this model.",
        "does not fit this recipe's model; nothing was taken.",
    ]
    assert refused.value.problems[-1].hint == "To begin these parts with random weights: --except classifier"
    assert not (tmp_path / "run").exists()
    fresh, _ = started(recipe, tmp_path / "fresh", data, from_run=source, except_for=["classifier"])
    found, notes = started(recipe, tmp_path / "run", data, from_run=source, except_for=["classifier.*"])
    before = weights(source)
    assert notes[-1].endswith("arrays taken; initialised: classifier.weight, classifier.bias")
    for name, value in found.items():
        assert np.array_equal(value, before[name] if not name.startswith("classifier") else fresh[name])
    assert found["classifier.weight"].shape == (5, 4, 1, 1)


def test_parts_that_only_one_side_has_are_excepted_by_name(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    source = finished(tiny(ONE, "model.depth=1"), tmp_path / "source", data)
    with pytest.raises(RunError, match=r"It may be a run of another architecture"):
        list(train(tiny(ONE), tmp_path / "run", data=data, from_run=source))
    with pytest.raises(
        RunError, match=r"--except clasifier matches no part of the two models\. Did you mean 'classifier'"
    ):
        list(train(tiny(ONE, "model.depth=1"), tmp_path / "run", data=data, from_run=source, except_for=["clasifier"]))
    with pytest.raises(RunError, match="nothing is left to take"):
        list(train(tiny(ONE, "model.depth=1"), tmp_path / "run", data=data, from_run=source, except_for=["*"]))
    assert not (tmp_path / "run").exists()


def test_the_origin_is_shown_in_report_and_comparison(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    source = finished(tiny(ONE), tmp_path / "source", data)
    run = pixelwise.train(tiny(ONE), out=tmp_path / "run", data=data, from_run=source, except_for=["classifier"])
    page = build_report(RunFolder.open(run.path)).read_text()
    assert f"from the weights of {source}" in page
    assert "initialised: classifier.weight, classifier.bias" in page
    compared = compare_runs([source, run]).as_json()
    assert len(compared["groups"]) == 2
    assert list(compared["differing"]) == ["weights of"]
    assert any("started from the weights of" in note for note in compared["notes"])
    assert json.dumps(compared)


def test_classes_with_another_meaning_are_named(
    tiny: Tiny, drawn: Callable[..., Path], data: Path, tmp_path: Path
) -> None:
    source = finished(tiny(*folder(drawn(tmp_path / "three"))), tmp_path / "source", data)
    other = drawn(tmp_path / "other")
    (other / "classes.txt").write_text("sky\nsea\nland\n")
    _, notes = started(tiny(*folder(other)), tmp_path / "run", data, from_run=source)
    assert notes[-1].endswith("; its classes were class 0, class 1, class 2 and are sky, sea, land here")
