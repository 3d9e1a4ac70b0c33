"""A run opened without its data, with the weights of a checkpoint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from pixelwise.data.scenes import scenes
from pixelwise.engine.base import Opened
from pixelwise.engine.hardware.trial import Trial
from pixelwise.engine.setup import open_learner
from pixelwise.errors import DeviceError, RunError
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.folder import RunFolder


def test_open_needs_no_data_set_and_gives_the_checkpoint(trained: Opened, tiny_run: Path) -> None:
    info = scenes(Path("nowhere"), void_rim=1).info
    assert trained.info == info
    assert trained.size == (32, 32)
    assert trained.epoch == 1
    arrays, _ = load_checkpoint(tiny_run / "best", "model")
    state = trained.learner.model.state_dict()
    assert arrays["model"].keys() == state.keys()
    assert all(np.array_equal(arrays["model"][name], tensor.numpy()) for name, tensor in state.items())


def test_both_checkpoints_open(tiny_run: Path) -> None:
    assert open_learner(RunFolder.open(tiny_run), checkpoint="last", device="cpu").checkpoint == "last"


def test_a_checkpoint_cut_short_is_refused_and_left_alone(copied: RunFolder) -> None:
    (weights,) = (copied.path / "best").glob("model-*.safetensors")
    content = weights.read_bytes()[:-10]
    weights.write_bytes(content)
    with pytest.raises(RunError, match="cut short or was changed"):
        open_learner(copied, device="cpu")
    assert weights.read_bytes() == content


def test_a_checkpoint_of_another_architecture_is_refused(copied: RunFolder) -> None:
    text = copied.recipe_file.read_text()
    copied.recipe_file.write_text(text.replace("width: 4", "width: 8"))
    with pytest.raises(RunError, match="of another architecture than the run"):
        open_learner(copied, device="cpu")


def test_a_run_without_a_checkpoint_says_so(copied: RunFolder) -> None:
    shutil.rmtree(copied.path / "best")
    with pytest.raises(RunError, match="this folder has no checkpoint"):
        open_learner(copied, device="cpu")


def test_a_damaged_setup_is_named(copied: RunFolder) -> None:
    setup = copied.read("setup")
    del setup["data"]["classes"]
    (copied.path / "setup.json").write_text(json.dumps(setup))
    with pytest.raises(RunError, match=r"setup\.json: does not say what the run was trained on.*classes"):
        open_learner(copied, device="cpu")


@pytest.mark.parametrize(("trained_on", "outcome", "precision"), [
    ("cpu", Trial(speed=0.5), "bf16"),  # as it was trained, however fast that is: its scores come out again
    ("cpu", Trial(died="SIGILL"), "fp32"),
    ("cuda:0", Trial(speed=0.5), "fp32"),
    ("cuda:0", Trial(speed=2.0), "bf16"),
])  # fmt: skip
def test_a_run_in_bf16_is_opened_in_bf16_where_that_works(
    trained_on: str, outcome: Trial, precision: str, copied: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for finder in ("find_trial", "find_fair_trial"):
        monkeypatch.setattr(f"pixelwise.engine.hardware.device.{finder}", lambda threads, memory: outcome)
    setup = copied.read("setup")
    setup["choices"] |= {"precision": "bf16", "device": trained_on}
    copied.write("setup", setup)
    assert open_learner(copied, device="cpu").learner.choices.precision == precision


def test_an_unknown_device_is_refused(tiny_run: Path) -> None:
    with pytest.raises(DeviceError, match="read 'gpu'; it must be auto, cpu, cuda or cuda:N"):
        open_learner(RunFolder.open(tiny_run), device="gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_refused(tiny_run: Path) -> None:
    with pytest.raises(DeviceError, match="no CUDA GPU here"):
        open_learner(RunFolder.open(tiny_run), device="cuda")
