"""bf16 tried on this processor: whether a process survives it, and how fast it is; remembered with the load at that minute.

On some virtual machines bf16 kernels kill the process, so it is tried in a child process. A speed that was measured while
other processes used the machine is measured again when the machine is less busy.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from pixelwise.errors import PixelwiseError
from pixelwise.run.atomic import write_json
from pixelwise.run.environment import processor
from pixelwise.run.lock import lock
from pixelwise.run.records.json_text import read_json

LEFT_OVER = 0.5  # load that a calm machine may have beyond its cores: what its own housekeeping takes

# First every kind of layer once, because a transposed convolution or a dense layer can die where a convolution does not. What
# is timed is a block of convolutions with the allocator that a training has: most of a training's time, and in a trial as far
# from the threshold as whole networks are. The least time of each kind counts, because whatever disturbs only ever adds. Of one
# thread it is processor time, which stands still while others have the core; of several it is the clock, since threads that
# wait for each other burn processor time.
PROGRAM = """
import sys, time, torch
from torch import nn
from pixelwise.engine.hardware.allocator import keep_large_buffers
keep_large_buffers()
threads = int(sys.argv[1])
torch.set_num_threads(threads)
clock = time.process_time if threads == 1 else time.perf_counter
def convolution(inputs):
    return nn.Conv2d(inputs, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()
net = nn.Sequential(*convolution(32), *convolution(64)).to(memory_format=torch.channels_last)
others = nn.Sequential(nn.ConvTranspose2d(64, 4, 2, 2), nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.Linear(256, 256))
x = torch.randn(4, 32, 56, 56).contiguous(memory_format=torch.channels_last)
def step(kind, net):
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=kind == "bf16"):
        loss = net(x).float().square().mean()
    loss.backward()
def seconds(kind):
    start = clock(); step(kind, net); return clock() - start
step("bf16", nn.Sequential(net, others))
for kind in ("fp32", "bf16"):
    step(kind, net); step(kind, net)
least = {"fp32": float("inf"), "bf16": float("inf")}
end, rounds = time.perf_counter() + 1.2, 0
while rounds < 5 or (rounds < 100 and time.perf_counter() < end):
    least = {kind: min(before, seconds(kind)) for kind, before in least.items()}
    rounds += 1
print(least["fp32"] / least["bf16"])
"""


@dataclass(frozen=True)
class Trial:
    """How a trial ended.

    died:   the signal that killed the process, or empty
    speed:  of bf16 relative to fp32; None if it was not measured
    load:   active processes on the machine when it began (the mean of a minute); None if it was not recorded
    why:    the reason, if there is no speed
    """

    died: str = ""
    speed: float | None = None
    load: float | None = None
    why: str = ""

    @property
    def told_something(self) -> bool:
        """Whether it ended with a signal or with a speed. A trial that did not end is not recorded."""
        return bool(self.died) or self.speed is not None

    @property
    def as_record(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != "why"}

    @classmethod
    def from_record(cls, record: Any) -> Trial | None:
        """The trial of a JSON value; None if it is not a trial with a result."""
        if not isinstance(record, dict):
            return None
        speed, load = record.get("speed"), record.get("load")
        found = cls(
            died=str(record.get("died") or ""),
            speed=speed if isinstance(speed, float) else None,
            load=float(load) if isinstance(load, int | float) else None,
        )
        return found if found.told_something else None


def find_trial(threads: int, memory: Path) -> Trial:
    """Whether a process survives bf16 here: from `memory`/machine.json where it is known, else tried now and kept there."""
    with _alone(memory):
        return _remembered(threads, memory) or _try_and_remember(threads, memory)


def find_fair_trial(threads: int, memory: Path) -> Trial:
    """As `find_trial`, where the speed counts too: taken again if it was taken under load and the machine is calmer now."""
    with _alone(memory):
        known = _remembered(threads, memory)
        if known is None or _is_worth_another(known, threads, machine_load()):
            return _try_and_remember(threads, memory, instead_of=known)
        return known


@contextmanager
def _alone(memory: Path) -> Iterator[None]:
    """Within, no other process tries bf16 or changes the memory: two trials at once would measure each other."""
    with ExitStack() as held:
        with suppress(OSError, PixelwiseError):  # in a read-only folder each process tries for itself
            held.enter_context(lock(memory / "machine.lock", wait=True))
        yield


def machine_load() -> float:
    """Processes at work on this machine, the mean of the last minute; 0 where the system does not say."""
    try:
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    except OSError:
        return 0.0


def try_bf16(threads: int) -> Trial:
    """Run bf16 and fp32 steps by turns in a child process, for about a second beside its start."""
    command = [sys.executable, "-P", "-c", PROGRAM, str(threads)]  # -P: no module is taken from the working folder
    load = round(machine_load(), 2)
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return Trial(why="no answer in 120 s", load=load)
    if child.returncode < 0:
        return Trial(died=signal.Signals(-child.returncode).name, load=load)
    if child.returncode:
        lines = child.stderr.strip().splitlines()
        return Trial(why=lines[-1] if lines else f"exit {child.returncode}", load=load)
    return Trial(speed=float(child.stdout.split()[-1]), load=load)


def _is_worth_another(known: Trial, threads: int, load: float) -> bool:
    """Whether a speed was taken under load, or nobody knows, and the load is gone now, or down to a half."""
    if known.died:
        return False
    before = math.inf if known.load is None else known.load
    calm = max(0, (os.cpu_count() or 1) - threads) + LEFT_OVER  # as many others as there are cores for
    return before > calm and (load <= calm or load <= before / 2)


def _key(threads: int) -> str:
    return f"{processor()} | torch {torch.__version__} | {threads} threads"


def _read(file: Path) -> dict[str, Any]:
    try:
        known = read_json(file)
    except PixelwiseError:
        return {}
    return known if isinstance(known, dict) else {}


def _remembered(threads: int, memory: Path) -> Trial | None:
    return Trial.from_record(_read(memory / "machine.json").get(_key(threads)))


def _try_and_remember(threads: int, memory: Path, *, instead_of: Trial | None = None) -> Trial:
    """Try now and write it down; what was known stays where the trial told nothing."""
    trial = try_bf16(threads)
    if not trial.told_something:
        return instead_of or trial
    file = memory / "machine.json"
    with suppress(PixelwiseError):  # a read-only folder only means that it is tried again next time
        write_json(file, {**_read(file), _key(threads): trial.as_record})
    return trial
