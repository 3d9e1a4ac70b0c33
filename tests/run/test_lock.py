"""Locks end with the process that took them, and nobody inherits one by a fork."""

import subprocess
import sys
from pathlib import Path

import pytest

from pixelwise.errors import RunError
from pixelwise.run.lock import lock

FORKS = """
import os, sys, time
from pathlib import Path
from pixelwise.run.lock import lock
with lock(Path(sys.argv[1])) as mine:
    assert mine is not None
    if os.fork() == 0:
        print("forked", flush=True)
        sys.stdin.read()
        os._exit(0)
    time.sleep(60)
"""


def test_a_forked_process_does_not_keep_the_lock_of_a_killed_one(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    command = [sys.executable, "-c", FORKS, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"forked\n"
        with lock(file) as mine:
            assert mine is None
        process.kill()
        process.wait()
        with lock(file) as mine:  # its child lives on until its input ends
            assert mine is not None


def test_a_symbolic_link_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("mine")
    (tmp_path / "lock").symlink_to(tmp_path / "diary")
    with pytest.raises(RunError, match="is a symbolic link"), lock(tmp_path / "lock"):
        pass
    assert (tmp_path / "diary").read_text() == "mine"
