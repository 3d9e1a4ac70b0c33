"""A disk that fills up in the middle of a training: a clean error, a checkpoint that loads, and the same bytes in the end."""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pixelwise.engine.train import resume, train
from pixelwise.errors import RunError
from pixelwise.recipe.schema import Recipe
from pixelwise.run.checkpoint import load_checkpoint
from pixelwise.run.events import Event, Saved

Tiny = Callable[..., Recipe]
SMALL = ("model.width=4", "model.depth=2", "hardware.threads=1", "train.phases.0.epochs=4", "gallery=2")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"size=1m") != 0:
        pytest.skip(f"cannot mount a small disk here: {os.strerror(ctypes.get_errno())}")
    yield folder
    libc.umount2(os.fsencode(folder), 2)


def files(run: Path) -> dict[str, bytes]:
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in run.glob("*/*.safetensors")}


def fill(folder: Path) -> Path:
    """Take all the room that is left."""
    ballast = folder / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        size = 1 << 16
        while size:
            try:
                size = size if file.write(b"\0" * size) else 0
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2
    return ballast


def until_saved(events: Iterator[Event], which: str, epoch: int) -> None:
    for event in events:
        if isinstance(event, Saved) and (event.which, event.epoch) == (which, epoch):
            return


@pytest.mark.parametrize("moment", ["last", "best"])
def test_a_full_disk_loses_nothing(moment: str, tiny: Tiny, data: Path, tmp_path: Path, tiny_disk: Path) -> None:
    recipe, run = tiny(*SMALL), tiny_disk / "run"
    events = train(recipe, run, data=data)
    until_saved(events, "last", 1)
    if moment == "best":
        until_saved(events, "last", 2)
    else:
        next(events)  # the checkpoint is written in the next step of the loop
    ballast = fill(tiny_disk)
    with pytest.raises(RunError) as stopped:
        list(events)
    said = str(stopped.value)
    assert "No space left on device" in said
    assert said.endswith(f"The last good checkpoint is {run / 'last'}.")
    assert not list(run.rglob("*.part"))
    _, state = load_checkpoint(run / "last", "model", "optimizer")  # checks the digests
    assert state["progress"]["epoch"] == 1
    ballast.unlink()
    list(resume(run, data=data))
    list(train(recipe, tmp_path / "whole", data=data))
    assert files(run) == files(tmp_path / "whole")


def test_a_disk_that_becomes_read_only_gives_one_clean_error(
    tiny: Tiny, data: Path, tmp_path: Path, tiny_disk: Path
) -> None:
    run = tiny_disk / "run"
    events = train(tiny(*SMALL), run, data=data)
    until_saved(events, "last", 1)
    next(events)
    events.close()
    before = files(run)
    remount, read_only = 32, 1
    assert ctypes.CDLL(None).mount(b"tmpfs", os.fsencode(tiny_disk), b"tmpfs", remount | read_only, b"") == 0
    with pytest.raises(RunError, match="Read-only file system"):
        list(resume(run, data=data))
    with pytest.raises(RunError, match=r"other.*read-only"):
        list(train(tiny(*SMALL), tiny_disk / "other", data=data))
    assert files(run) == before
