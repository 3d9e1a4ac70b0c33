"""Processes that are forks of this one, and that SIGKILL ends before or after their k-th operation on a file."""

from __future__ import annotations

import builtins
import ctypes
import io
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PERIOD = 60.0  # seconds after which a process counts as hung


@dataclass
class Kill:
    """Which operation of which process is the last one.

    who:       `first` (the process that is started) or the number of the training that it starts
    company:   whether its parent and children are killed with it
    """

    operation: int
    when: str  # before or after
    who: str = "first"
    company: bool = False


class Operations:
    """Counts the operations of this process inside a folder, and kills it at one of them.

    plan:  the kill, of this process or of a training that it starts
    kill:  the kill, where it is of this process
    """

    def __init__(self, folder: str, plan: Kill | None = None) -> None:
        self.folder, self.plan = folder, plan
        self.become("first")

    def become(self, who: str) -> None:
        """Count from 0, as this process of the case."""
        self.seen: list[tuple[str, str]] = []
        self.children: list[ForkedTraining] = []
        self.parent = os.getppid()
        self.kill = self.plan if self.plan is not None and self.plan.who == who else None

    def around(self, name: str, original: Callable[..., Any], place: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **options: Any) -> Any:
            path = _resolved(place(*args, **options), options.get("dir_fd") or options.get("src_dir_fd"))
            if path is None or not path.startswith(self.folder):
                return original(*args, **options)
            self.seen.append((name, path[len(self.folder) :]))
            mine = self.kill is not None and self.kill.operation == len(self.seen)
            if mine and self.kill and self.kill.when == "before":
                self.die()
            result = original(*args, **options)
            if mine:
                self.die()
            return result

        return wrapped

    def die(self) -> None:
        if self.kill and self.kill.company:
            for child in self.children:
                child.kill()
            if self.kill.who != "first" and os.getppid() == self.parent:
                os.kill(self.parent, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def _resolved(place: Any, folder: int | None) -> str | None:
    """The absolute path of a file that is named by a path, relative to an open folder, or by its descriptor."""
    try:
        if isinstance(place, int):
            return os.readlink(f"/proc/self/fd/{place}")
        if place is None:
            return None
        text = os.fsdecode(os.fspath(place))
        return text if os.path.isabs(text) or folder is None else f"{os.readlink(f'/proc/self/fd/{folder}')}/{text}"
    except (OSError, TypeError):
        return None


def _written(file: Any, mode: Any = "r", *_: Any, **options: Any) -> Any:
    """The path of a file that is opened for writing."""
    mode = options.get("mode", mode)
    writes = mode & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if isinstance(mode, int) else set(mode) & set("wax+")
    return file if writes and not isinstance(file, int) else None


def _first(place: Any, *_: Any, **__: Any) -> Any:
    return place


def arm(operations: Operations) -> None:
    """Wrap every operation of this process."""
    opening = operations.around("open", builtins.open, _written)
    builtins.open = io.open = opening  # type: ignore[assignment]
    os.open = operations.around("open", os.open, _written)
    for name in ("fsync", "rename", "replace", "unlink", "remove", "mkdir", "rmdir"):
        setattr(os, name, operations.around(name, getattr(os, name), _first))


# -- processes --------------------------------------------------------------------------------------------------------


def fork(work: Callable[[], object], log: Path, before: Callable[[], None] = lambda: None) -> int:
    """Start `work` in a fork that prints into a file; its exit code is what `work` exits with."""
    if child := os.fork():
        return child
    code = 99
    try:
        before()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = (io.TextIOWrapper(io.FileIO(number, "w"), "utf-8") for number in (1, 2))
        work()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 2
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def adopt_orphans() -> None:
    """Become the parent of processes whose parent was killed."""
    set_child_subreaper = 36
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def end_orphans() -> int:
    """Kill what is left of a case. The number of processes that were still running."""
    running = 0
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        found, _ = os.waitpid(int(child), os.WNOHANG)
        if not found:
            running += 1
            os.kill(int(child), signal.SIGKILL)
            os.waitpid(int(child), 0)
    return running


def ending(child: int, seconds: float = PERIOD) -> int | None:
    """The exit code of a child, negative where a signal ended it; None where it had to be killed because it hung."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


class ForkedTraining:
    """Stands in for `subprocess.Popen` in the runner: the training is a fork that calls the command's own function."""

    armed: Operations | None = None
    count = 0
    folder: Path

    def __init__(self, command: list[str], *, stdout: Any, env: dict[str, str], pass_fds: list[int], **_: Any) -> None:
        number, ForkedTraining.count = ForkedTraining.count, ForkedTraining.count + 1
        operations, given = self.armed, os.dup(pass_fds[0])  # a copy: a fork gives back the lock itself

        def begin() -> None:
            os.setsid()
            os.environ.clear()
            os.environ.update(env, PIXELWISE_LOCK=str(given))
            if operations is not None:
                operations.become(str(number))

        def train() -> None:
            try:
                run_command(*command[3:])
            finally:
                if operations is not None and operations.plan is None:
                    note(operations.seen, self.folder / f"operations-{number}.json")

        self.returncode: int | None = None
        self.pid = fork(train, Path(stdout.name), begin)
        os.close(given)
        if operations is not None:
            operations.children.append(self)

    def poll(self) -> int | None:
        if self.returncode is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if found else None
        return self.returncode

    def wait(self) -> int:
        while self.poll() is None:
            time.sleep(0.001)
        return self.returncode or 0

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def note(value: Any, file: Path) -> None:
    """Keep a value for the parent. Through the file descriptor: the wrapped `open` would count it."""
    content = json.dumps(value).encode()
    with io.FileIO(str(file), "w") as opened:
        opened.write(content)


def run_command(*words: str) -> None:
    from pixelwise.cli import app

    sys.argv = ["pixelwise", *words]
    app(words)
