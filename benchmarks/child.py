"""A measurement in its own process: nothing of another one is in its memory, its caches or its thread pools."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def run_child(script: str, *words: object, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Run `python SCRIPT WORDS` and read the JSON object on its last line of output."""
    command = [sys.executable, script, *map(str, words)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **(environment or {})}
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def memory() -> dict[str, float]:
    """MiB of this process (Linux): `peak`, the most it ever held (VmHWM); `now`, and of that `own` (not mapped files)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    fields = {name: value for name, _, value in (line.partition(":") for line in lines)}
    names = {"peak": "VmHWM", "now": "VmRSS", "own": "RssAnon"}
    return {ours: round(int(fields[theirs].split()[0]) / 1024, 1) for ours, theirs in names.items()}
