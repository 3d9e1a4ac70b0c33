"""Ways of doing one thing that take turns: each in its own process, at work only while the others wait."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


def serve(batches: Iterator[Any]) -> None:
    """In the child: take `n` batches for each line `n` on standard input, and answer with the seconds."""
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            next(batches)
        print(time.perf_counter() - start, flush=True)


def take_turns(
    script: str, sides: Sequence[str], words: Sequence[str], rounds: int, batches: int
) -> dict[str, list[float]]:
    """Seconds of every round of each side, `python SCRIPT --serve SIDE WORDS`; two batches warm each side up first.

    A side whose process dies while it warms up, as bf16 lets it on some processors, is left out.
    """
    begun = {side: _start(script, side, *words) for side in sides}
    children = {side: child for side, child in begun.items() if _ask(child, 2) is not None}
    sides = tuple(children)
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds):
        first = number % len(sides)
        for side in (*sides[first:], *sides[:first]):
            seconds[side].append(_ask(children[side], batches))
    for child in children.values():
        child.stdin.close()
        child.wait()
    return seconds


def write_report(out: Path, what: str, settings: dict[str, Any], results: list[dict[str, Any]]) -> None:
    """Keep what was measured, how, and on which machine; show the results."""
    from pixelwise.run.environment import environment

    where = environment()
    where.pop("command")
    report = {"what": what, **settings, "results": results, "environment": where}
    out.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(results, indent=2))


def _start(script: str, *words: str) -> Any:
    command = [sys.executable, script, "--serve", *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _ask(child: Any, batches: int) -> float | None:
    """Seconds for so many batches; None where the process has died."""
    try:
        child.stdin.write(f"{batches}\n")
        child.stdin.flush()
    except BrokenPipeError:
        return None
    answer = child.stdout.readline()
    return float(answer) if answer else None
