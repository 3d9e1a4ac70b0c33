"""Output that goes away ends what only prints, and does not end a training."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SMALL = (
    "data.dataset={name: scenes, size: 32, train: 4, val: 2, test: 2}",
    "train.batch=2",
    "model.width=3",
    "model.depth=2",
    "hardware.threads=1",
)
PIXELWISE = (sys.executable, "-m", "pixelwise")


def training(folder: Path, epochs: int) -> tuple[str, ...]:
    words = (*SMALL, f"train.phases.0.epochs={epochs}", "--out", str(folder / "run"), "--data", str(folder))
    return (*PIXELWISE, "train", "scenes/scratch_fcn", *words)


def closed_pipe() -> int:
    """The end to write to of a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    return write


@pytest.mark.parametrize("words", [("list", "recipes"), ("check", "quickstart", "--json"), ("show", "model", "unet")])
def test_a_reader_that_has_gone_ends_a_command_quietly(words: tuple[str, ...]) -> None:
    pipe = closed_pipe()
    done = subprocess.run([*PIXELWISE, *words], stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)
    os.close(pipe)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_told_in_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PIXELWISE, "check", "quickstart"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr == "error: standard output could not be written: No space left on device.\n"


@pytest.mark.slow  # a whole training in its own process, like the next one
def test_closed_streams_are_no_files_of_the_run(tmp_path: Path) -> None:
    words = " ".join(f"'{word}'" for word in training(tmp_path, 1))
    assert subprocess.run(["sh", "-c", f"{words} >&- 2>&-"], check=False).returncode == 0
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_training_goes_on_when_its_output_goes_away(tmp_path: Path) -> None:
    pipe = closed_pipe()
    done = subprocess.run([*training(tmp_path, 1), "--json"], stdout=pipe, stderr=pipe, check=False)
    os.close(pipe)
    assert done.returncode == 0
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_closed_terminal_and_a_termination_save_and_exit_as_the_signal_says(
    number: signal.Signals, tmp_path: Path
) -> None:
    pipe, events = closed_pipe(), tmp_path / "run" / "events.jsonl"
    with subprocess.Popen(training(tmp_path, 500), stdout=pipe, stderr=pipe) as child:  # as of a closed terminal
        os.close(pipe)
        while not events.exists() or events.read_text().count('"step", ') < 2:
            assert child.poll() is None
            time.sleep(0.005)
        child.send_signal(number)
        assert child.wait(60) == 128 + number
    assert '"reason": "interrupted"' in events.read_text().splitlines()[-1]
    assert (tmp_path / "run" / "last" / "state.json").is_file()
