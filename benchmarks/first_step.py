"""Time from the command to the first training step, with no cache and with a warm one.

    python benchmarks/first_step.py            # writes first_step.json beside this file

`pixelwise train` is started as a user starts it, its events are watched, and it is killed after the first step. Cold: an
empty data folder, so that pictures are drawn or decoded, resized and cached, and bf16 is tried in a child process. Warm: the
same command again. Beside them, in the same rounds, what nobody can avoid: `import torch`. VOC 2007 is measured where it is
unpacked under the data folder.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from pixelwise.data.base import data_root
from pixelwise.run.environment import environment

ROUNDS = 3


def main() -> None:
    voc = data_root() / "VOCdevkit"
    with TemporaryDirectory() as folder:
        result = {
            "what": "seconds from the command to the first training step, medians of interleaved rounds",
            "rounds": ROUNDS,
            "recipes": {"quickstart": compare("quickstart", Path(folder), None)},
        }
        if voc.is_dir():
            result["recipes"]["voc2007/basic_fcn"] = compare("voc2007/basic_fcn", Path(folder), voc)
    result["environment"] = environment() | {"command": ["python", "benchmarks/first_step.py"]}
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


def compare(recipe: str, folder: Path, source: Path | None) -> dict[str, object]:
    """Medians of cold, warm and `import torch`, taken in turn; `source` is a data set that the data folder links to."""
    taken: dict[str, list[tuple[float, float]]] = {"cold": [], "warm": [], "import torch": []}
    for turn in range(ROUNDS):
        data = folder / f"{recipe.replace('/', '-')}-{turn}"
        data.mkdir()
        if source is not None:
            (data / source.name).symlink_to(source)
        for state in ("cold", "warm"):
            taken[state].append(timed(lambda data=data: first_step(recipe, data)))
        taken["import torch"].append(timed(import_torch))
    result: dict[str, object] = {}
    for column, name in enumerate(("seconds", "processor_seconds")):
        medians = {state: round(median(pair[column] for pair in pairs), 2) for state, pairs in taken.items()}
        ratios = {state: round(medians[state] / medians["import torch"], 2) for state in ("cold", "warm")}
        result[name] = {**medians, "times_import_torch": ratios}
    print(recipe, result)
    return result


def timed(action: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock, and of processor time that the children took, which other work on the machine lengthens less."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    action()
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def import_torch() -> None:
    subprocess.run([sys.executable, "-c", "import torch"], check=True)


def first_step(recipe: str, data: Path) -> None:
    """Start a training and kill it when its first step stands in the events."""
    run = data / f"run-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "pixelwise", "train", recipe, "--out", str(run), "--data", str(data)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        while not (run / "events.jsonl").is_file() or '"event": "step"' not in (run / "events.jsonl").read_text():
            if child.poll() is not None:
                raise SystemExit(f"the training ended with {child.returncode} before its first step")
            time.sleep(0.005)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


if __name__ == "__main__":
    main()
