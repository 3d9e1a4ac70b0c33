"""Cases of a campaign in a fork of a process that has imported everything: limited in time and memory, its writes watched."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEMORY = 3 << 30  # bytes that a case may take beyond what the process has
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_watched: dict[str, Any] = {"allowed": None, "found": []}


@dataclass(frozen=True)
class Outcome:
    """How a command ended. code: its exit code, or `traceback`, `hang`, or the name of a signal."""

    code: int | str
    said: str = ""
    seconds: float = 0.0


def call(words: Sequence[str]) -> tuple[int | str, str]:
    """Run a command of pixelwise in this process: its exit code, and the end of what it said on standard error."""
    from pixelwise.cli import app

    out, err = io.StringIO(), io.StringIO()
    code: int | str = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            app(list(words))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException:
            code = "traceback"
            err.write("".join(traceback.format_exc()[-4000:]))
    return code, err.getvalue()[-4000:]


def watch_writes(allowed: Sequence[Path]) -> list[str]:
    """Note every file that this process opens for writing, renames, makes or removes outside of `allowed`. For good."""
    if _watched["allowed"] is None:
        sys.addaudithook(_look)
    _watched.update(allowed=[os.path.realpath(folder) for folder in allowed] + ["/dev/null"], found=[])
    return _watched["found"]


_IN_FOLDER = ("os.remove", "os.mkdir", "os.rmdir")  # events whose last argument is an open folder, or -1


def _look(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, int) or not (flags & _WRITING or (mode and set(str(mode)) & set("wax+"))):
            return
        paths, folders = [path], [-1]
    elif event in ("os.rename", "os.link"):
        paths = [arguments[0], arguments[1]]
        folders = [arguments[2], arguments[3]]
    elif event in ("os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod", "shutil.rmtree"):
        paths = [arguments[0]]
        folders = [arguments[-1] if event in _IN_FOLDER else -1]
    else:
        return
    for path, folder in zip(paths, folders, strict=True):
        if isinstance(path, str | bytes | os.PathLike):
            name = os.fsdecode(path)
            if isinstance(folder, int) and folder >= 0:  # a name in an open folder, as of shutil.rmtree
                name = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)
            real = os.path.realpath(name) if event == "open" else _of_a_name(name)
            if not any(real == one or real.startswith(one.rstrip("/") + "/") for one in _watched["allowed"]):
                _watched["found"].append(f"{event} {real}")


def _of_a_name(path: str) -> str:
    """What renaming and removing act on: the name itself, in its real folder."""
    head, tail = os.path.split(path.rstrip("/"))
    return os.path.join(os.path.realpath(head or "."), tail)


def run_forked(
    work: Callable[[], Any], *, allowed: Sequence[Path] = (Path("/"),), seconds: float
) -> tuple[Any, Outcome | None]:
    """`{"value": what work gives, "outside": what it wrote outside of allowed}` from a fork; or None and how that ended."""
    reading, writing = os.pipe()
    begun = time.monotonic()
    if (child := os.fork()) == 0:
        os.close(reading)
        _limit(seconds)
        outside = watch_writes(allowed)
        result: dict[str, Any] = {}
        try:
            result = {"value": work(), "outside": outside}
        except BaseException:
            result = {"error": traceback.format_exc()[-4000:]}
        with os.fdopen(writing, "w") as pipe:
            json.dump(result, pipe)
        os._exit(0)
    os.close(writing)
    content, end = b"", begun + 8 * seconds
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        import select

        while (left := end - time.monotonic()) > 0 and select.select([pipe], [], [], left)[0]:
            if not (part := pipe.read(1 << 16)):
                break
            content += part
        else:
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    took = time.monotonic() - begun
    try:
        found = json.loads(content)
    except ValueError:
        code = (
            "hang"
            if took >= 8 * seconds
            else signal.Signals(os.WTERMSIG(status)).name
            if os.WIFSIGNALED(status)
            else "lost"
        )
        return None, Outcome(code, seconds=took)
    if "error" in found:
        return None, Outcome("traceback", found["error"], seconds=took)
    return found, None


def _limit(seconds: float) -> None:
    """Memory, and processor time: the clock is waited for longer, because others may have the cores."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
