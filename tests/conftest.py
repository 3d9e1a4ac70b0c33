"""What test files of several packages share: one small trained run, made once a session."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from fabricated_runs import fabricate, made
from pixelwise.run.folder import RunFolder

if TYPE_CHECKING:
    from pixelwise.engine.base import Opened

__all__ = ["fabricate", "made"]  # fixtures

# Before torch is imported. Tensors in tests are tiny: threads would spend their time waiting for each other, and on a busy
# machine ten times the time of the work itself. A test that is about threads sets their number by itself.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# On a busy machine, examples are drawn and run slowly. A test must not fail because of that.
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")

# Tests of Ctrl-C and of a closed terminal would wait where the tests were started by nohup or in the background of a script.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

TINY = (
    "data.dataset.size=32",
    "data.dataset.train=8",
    "data.dataset.val=6",
    "data.dataset.test=4",
    "data.test=''",
    "data.dataset.void_rim=1",
    "model.width=4",
    "model.depth=2",
    "train.batch=4",
    "train.phases.0.epochs=1",
    "hardware.device=cpu",
    "hardware.precision=fp32",  # `auto` would try bf16 in a child process
    "hardware.threads=1",
    "gallery=3",
)
PICTURES = (*(word for word in TINY if not word.startswith("model.")), "data.test=test")


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Nothing in this process connects to another machine."""
    connect = socket.socket.connect

    def checked(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            assert address[0] in ("127.0.0.1", "::1", "localhost"), f"a test connects to {address}"
        connect(self, address)

    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(socket.socket, "connect", checked)
        yield


@pytest.fixture(autouse=True)
def nothing_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No code outside pixelwise may be imported, and what a test allows or chooses is forgotten after it."""
    for variable in ("PIXELWISE_ALLOW", "PIXELWISE_CACHE", "PIXELWISE_MAX_PIXELS"):
        monkeypatch.setenv(variable, "")


@pytest.fixture
def quick_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots are drawn but not laid out and written, which takes most of a report's time."""
    from pixelwise.report import plotting

    monkeypatch.setattr(plotting, "_laid_out", lambda figure: figure)
    monkeypatch.setattr(plotting, "_svg", lambda figure, fonts: b"<svg></svg>")
    monkeypatch.setattr(plotting, "_png", lambda figure: b"")


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of `tiny_run`; it holds nothing but its cache."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Path:
    """A finished run of `quickstart`, made tiny: 8 pictures of 32×32, a U-Net of width 4, one epoch (a second or two).

    Read it only. A test that writes into a run takes `copied`.
    """
    return _trained(tmp_path_factory, tiny_data, TINY)


@pytest.fixture
def copied(tiny_run: Path, tmp_path: Path) -> RunFolder:
    """A copy of `tiny_run` to write into."""
    shutil.copytree(tiny_run, tmp_path / "run")
    return RunFolder.open(tmp_path / "run")


@pytest.fixture(scope="module")
def trained(tiny_run: Path) -> Opened:
    """`tiny_run` opened, with its weights."""
    from pixelwise.engine.setup import open_learner

    return open_learner(RunFolder.open(tiny_run), device="cpu")


@pytest.fixture(scope="session")
def tiny_classifier(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Path:
    """The same of a classifier: the commonest object of a drawn scene, with a test split. Read it only."""
    words = (*PICTURES, "task=classify", "model={name: whitened_cnn, width: 4}")
    return _trained(tmp_path_factory, tiny_data, words)


@pytest.fixture(scope="session")
def tiny_colours(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Path:
    """The same of a colourization over six colours, with a test split. Read it only."""
    model = "model={name: colour_unet, num_filters: 4}"
    return _trained(tmp_path_factory, tiny_data, (*PICTURES, "task={name: colourize, colours: 6}", model))


def _trained(tmp_path_factory: pytest.TempPathFactory, data: Path, words: tuple[str, ...]) -> Path:
    from pixelwise.engine.train import train
    from pixelwise.recipe.load import load_recipe

    path = tmp_path_factory.mktemp("runs") / "tiny"
    for _ in train(load_recipe("quickstart", words), path, data=data):
        pass
    return path
