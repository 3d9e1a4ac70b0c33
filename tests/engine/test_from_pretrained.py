"""`--from RUN` with a recipe that names pretrained weights: those are looked up only for parts that RUN does not give."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pixelwise.engine import pretrained
from pixelwise.engine.train import prepare, train
from pixelwise.errors import RecipeError
from pixelwise.models import published
from pixelwise.report.record import read_record
from pixelwise.report.tables import opening
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.folder import RunFolder
from pretrained_runs import NETWORK, begun, probe, put, state_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    put(tmp_path / "data", NETWORK, state_of(NETWORK))
    return tmp_path / "data"


@pytest.fixture
def source(root: Path, tmp_path: Path) -> Path:
    """A finished run from pretrained weights, which are no longer there."""
    list(train(probe(), tmp_path / "source", data=root))
    (root / "weights").rename(tmp_path / "weights")
    return tmp_path / "source"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise OSError("no route to the host")

    monkeypatch.setattr(published.Published, "download", refuse)


@pytest.mark.parametrize("except_for", [(), ("classifier",)])
def test_the_weights_of_the_run_are_all_that_is_needed(
    source: Path, root: Path, tmp_path: Path, except_for: tuple[str, ...]
) -> None:
    list(train(probe(), tmp_path / "run", data=root, from_run=source, except_for=except_for))
    setup = RunFolder.open(tmp_path / "run").read("setup")
    assert "pretrained" not in setup
    assert setup["origin"]["run"] == str(source)
    assert setup["findings"] == {"input": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    said = opening(read_record(RunFolder.open(tmp_path / "run")))
    assert f"from the weights of {source}" in said
    assert "pretrained" not in said


def test_find_lr_does_not_look_for_them(source: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelwise.engine.train.find_weights", None)
    parts = prepare(probe(), data=root, from_run=source)
    best = load_checkpoint(source / "best", "model")[0]["model"]
    assert all(np.array_equal(array, best[name]) for name, array in parts.learner.state("best")["model"].items())


def test_a_part_that_is_not_taken_from_the_run_starts_from_them(source: Path, root: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as error:
        list(train(probe(), tmp_path / "run", data=root, from_run=source, except_for=["encoder"]))
    assert "are not on this machine" in error.value.problems[0].what
    assert error.value.problems[0].hint.endswith("start from random weights: model.weights=none.")
    shutil.move(tmp_path / "weights", root / "weights")
    found, setup = begun(probe(), tmp_path / "run", root, from_run=source, except_for=["encoder"])
    best = load_checkpoint(source / "best", "model")[0]["model"]
    file = pretrained.find_weights(probe(), root)
    for name, array in found.items():
        if name.startswith("encoder.") and not name.endswith("num_batches_tracked"):
            wanted = file.arrays[name.removeprefix("encoder.model.")]
        else:
            wanted = best[name] if not name.startswith("encoder.") else array
        assert np.array_equal(array, wanted.astype(array.dtype)), name
    assert {"pretrained", "origin"} <= setup.keys()


def test_which_arrays_pretrained_weights_may_give() -> None:
    from pixelwise.engine.fitted import may_give

    own = ["backbone.a", "classifier.0", "classifier.4.bias"]

    def given(words: str) -> list[str]:
        return may_give(
            probe("none", f"model={{name: deeplabv3, backbone: mobilenet_v3_large, weights: {words}}}"), own
        )

    assert given("imagenet") == ["backbone.a"]
    assert given("coco") == ["backbone.a", "classifier.0"]
    assert given("a.safetensors") == given("run:somewhere") == own
    assert given("none") == []
    assert may_give(probe("run:somewhere"), ["encoder.a", "classifier.a"]) == ["encoder.a"]
    assert may_give(probe("run:somewhere"), ["down.0", "up.0"]) == ["down.0", "up.0"]
