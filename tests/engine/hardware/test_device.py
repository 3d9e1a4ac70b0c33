"""Choices made by trying: precision, device, threads; how they are remembered, and refused."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from pixelwise.engine.hardware import trial as bf16
from pixelwise.engine.hardware.device import Choices, choose
from pixelwise.engine.train import resume, train
from pixelwise.errors import DeviceError
from pixelwise.recipe.schema import Hardware, Recipe
from pixelwise.run.events import Noted

Tiny = Callable[..., Recipe]
DIES = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"


@pytest.fixture(autouse=True)
def _no_gpu_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let the trial in the child process be this program instead."""
    return lambda program: monkeypatch.setattr(bf16, "PROGRAM", program)


def test_a_precision_that_kills_is_passed_over_with_one_line(trial: Callable[[str], None], tmp_path: Path) -> None:
    trial(DIES)
    chosen = choose(Hardware(device="cpu"), memory=tmp_path)
    assert chosen.precision == "fp32"
    assert len(chosen.notes) == 1
    assert "bf16 kills a process on this processor (SIGILL)" in chosen.notes[0]


def test_a_precision_that_kills_is_refused_where_it_is_asked_for(trial: Callable[[str], None], tmp_path: Path) -> None:
    trial(DIES)
    with pytest.raises(DeviceError, match=r"hardware\.precision: bf16 kills .*SIGILL.*Use hardware\.precision=fp32"):
        choose(Hardware(device="cpu", precision="bf16"), memory=tmp_path)


@pytest.mark.parametrize(("speed", "asked", "precision"), [
    (3.0, "auto", "bf16"), (0.5, "auto", "fp32"), (1.1, "auto", "fp32"), (0.5, "bf16", "bf16"), (3.0, "fp32", "fp32"),
])  # fmt: skip
def test_bf16_is_taken_where_it_is_faster_or_asked_for(
    speed: float, asked: str, precision: str, trial: Callable[[str], None], tmp_path: Path
) -> None:
    trial(f"print({speed})")
    chosen = choose(Hardware(device="cpu", precision=asked), memory=tmp_path)
    assert chosen.precision == precision
    assert bool(chosen.notes) == (asked != "fp32")
    assert (tmp_path / "machine.json").exists() == (asked != "fp32")  # fp32 asks nobody


@pytest.mark.parametrize("asked", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there_is_refused(asked: str, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=rf"hardware\.device: the recipe asks for '{asked}(:0)?', but torch finds no"):
        choose(Hardware(device=asked), memory=tmp_path)


def test_a_gpu_beyond_the_last_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(DeviceError, match="asks for 'cuda:5'; this machine has cuda:0 to cuda:1"):
        choose(Hardware(device="cuda:5"), memory=tmp_path)
    assert choose(Hardware(device="cuda:1"), memory=tmp_path).device == "cuda:1"
    assert choose(Hardware(), memory=tmp_path).precision == "bf16"


def test_a_gpu_is_refused_before_a_run_folder_is_made(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="no CUDA GPU"):
        next(train(tiny("hardware.device=cuda"), tmp_path / "run", data=data))
    assert not (tmp_path / "run").exists()


def test_threads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert choose(Hardware(device="cpu", precision="fp32", threads=1), memory=tmp_path).threads == 1
    assert choose(Hardware(device="cpu", precision="fp32"), memory=tmp_path).threads == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2,4")  # two levels, as OpenMP allows
    assert choose(Hardware(device="cpu", precision="fp32"), memory=tmp_path).threads == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert choose(Hardware(device="cpu", precision="fp32"), memory=tmp_path).threads == torch.get_num_threads()


def test_choices_are_followed_and_survive_json() -> None:
    chosen = Choices("cpu", "fp32", "channels_last", False, 1, False, ("one note",))
    assert Choices.from_record(json.loads(json.dumps(chosen.as_record()))) == chosen
    chosen.apply()
    assert torch.get_num_threads() == 1
    assert chosen.memory_format == torch.channels_last


def test_a_resume_keeps_the_choices_though_a_trial_would_now_decide_otherwise(
    tiny: Tiny, data: Path, tmp_path: Path, trial: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial(DIES)
    recipe = tiny("hardware.precision=auto", "hardware.threads=1", "train.phases.0.epochs=2", "model.width=2")
    monkeypatch.setattr("pixelwise.engine.train.cache_folder", lambda root: tmp_path / "memory")
    events = train(recipe, tmp_path / "run", data=data)
    assert "bf16 kills" in next(events).text
    for _ in range(6):
        next(events)
    events.close()
    setup = json.loads((tmp_path / "run" / "setup.json").read_text())
    assert setup["choices"]["precision"] == "fp32"

    def ask(*given: object, **more: object) -> None:
        raise AssertionError("was tried again")

    monkeypatch.setattr(bf16, "try_bf16", ask)
    monkeypatch.setattr("pixelwise.engine.torch.learner.choose", ask)
    again = list(resume(tmp_path / "run", data=data))
    assert again[-1].reason == "complete"
    assert not [e for e in again if isinstance(e, Noted)]


TRAIN_IN_BF16 = """
import sys
from pathlib import Path
import torch
from pixelwise.engine.train import train
from pixelwise.losses.cross_entropy import CrossEntropy
from pixelwise.models.unet import UNet
from pixelwise.recipe.load import load_recipe

seen = set()
forward, model = CrossEntropy.forward, UNet.forward
def loss(self, scores, target):
    term = forward(self, scores, target)
    seen.add(("scores", scores.dtype)); seen.add(("loss", term.numerator.dtype))
    return term
CrossEntropy.forward = loss
import pixelwise.engine.finish
pixelwise.engine.finish.build_report = lambda run: None
recipe = load_recipe("quickstart", sys.argv[2:])
losses = [e.losses["loss"] for e in train(recipe, Path(sys.argv[1]) / "run", data=Path(sys.argv[1])) if e.kind == "step"]
assert seen == {("scores", torch.bfloat16), ("loss", torch.float32)}, seen
print(sum(losses[:5]) / 5, sum(losses[-5:]) / 5)
"""


@pytest.mark.slow
def test_bf16_trains_on_a_cpu_that_can(tmp_path: Path) -> None:
    if bf16.try_bf16(1).speed is None:
        pytest.skip("bf16 kills a process on this processor, or could not be tried")
    small = ("data.dataset.size=32", "data.dataset.train=32", "data.dataset.val=4", "model.width=4", "model.depth=2")
    more = ("hardware.precision=bf16", "hardware.device=cpu", "hardware.threads=1", "train.batch=8", "gallery=0")
    command = [sys.executable, "-c", TRAIN_IN_BF16, str(tmp_path), *small, *more, "train.phases.0.epochs=12"]
    child = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert child.returncode == 0, child.stderr
    first, last = map(float, child.stdout.split())
    assert last < first
