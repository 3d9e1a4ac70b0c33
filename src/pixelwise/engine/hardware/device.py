"""Where and how a recipe is computed: device, precision, memory layout, allocator, threads.

Decided once, written into the run, reused by a resume, because another choice gives other bits.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from pixelwise.engine.hardware.allocator import keep_large_buffers
from pixelwise.errors import DeviceError, PixelwiseError
from pixelwise.recipe.schema import Hardware
from pixelwise.run.atomic import read_json, write_json
from pixelwise.run.environment import processor

WORTH_IT = 1.2  # how many times faster another precision must be on a CPU before it is taken


@dataclass(frozen=True)
class Choices:
    """How this run is computed. `notes` say in one line each what was tried or passed over."""

    device: str
    precision: str
    layout: str
    allocator: bool
    threads: int
    deterministic: bool
    notes: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Any]:
        return {**asdict(self), "notes": list(self.notes)}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Choices:
        return cls(**{**record, "notes": tuple(record["notes"])})

    @property
    def torch_device(self) -> torch.device:
        return torch.device(self.device)

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.layout == "channels_last" else torch.contiguous_format

    def autocast(self) -> AbstractContextManager[Any]:
        """What a forward pass runs under."""
        if self.precision == "bf16":
            return torch.autocast(self.torch_device.type, dtype=torch.bfloat16)
        return nullcontext()

    def apply(self) -> None:
        """Make the process follow these choices. Raises DeviceError where this machine cannot."""
        if self.allocator:
            keep_large_buffers()
        torch.set_num_threads(self.threads)
        if self.torch_device.type != "cuda":
            return
        _check_gpu(self.device)
        torch.cuda.set_device(self.torch_device)  # random draws are keyed on the current GPU
        torch.backends.cudnn.benchmark = not self.deterministic
        if self.deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(self.deterministic)


def choose(hardware: Hardware, *, memory: Path, local_rank: int = 0) -> Choices:
    """Decide every `auto`. What was found out about this machine is remembered in the folder `memory`.

    Raises DeviceError where the recipe asks for a GPU or a precision that this machine does not have.
    """
    device = hardware.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda"):
        device = f"cuda:{local_rank}" if device == "cuda" else device
        _check_gpu(device)
    threads = _threads(hardware.threads)
    precision, notes = _choose_precision(hardware.precision, device, threads, memory)
    return Choices(
        device=device,
        precision=precision,
        # A rule, not a trial: by timing, two runs of one seed could differ on a busy machine (benchmarks/hardware.py).
        layout="channels_last" if hardware.layout == "auto" else hardware.layout,
        allocator=device == "cpu" and keep_large_buffers(),
        threads=threads,
        deterministic=hardware.deterministic,
        notes=notes,
    )


def _check_gpu(device: str) -> None:
    """Raise DeviceError where there is no such GPU."""
    hint = "Use hardware.device=cpu, or auto to take what is there."
    if not torch.cuda.is_available():
        what = f"the recipe asks for '{device}', but torch finds no CUDA GPU here."
        raise DeviceError(what, where="hardware.device", hint=hint)
    count = torch.cuda.device_count()
    if (torch.device(device).index or 0) >= count:
        what = f"the recipe asks for '{device}'; there is cuda:0" + (f" to cuda:{count - 1}." if count > 1 else ".")
        raise DeviceError(what, where="hardware.device", hint=hint)


def _threads(wanted: int | None) -> int:
    """The recipe's number, else that of OMP_NUM_THREADS (a list of them means nested levels), else torch's."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return wanted or (int(said) if said.isdecimal() else 0) or torch.get_num_threads()


def _choose_precision(wanted: str, device: str, threads: int, memory: Path) -> tuple[str, tuple[str, ...]]:
    if wanted == "fp32":
        return "fp32", ()
    if device.startswith("cuda"):
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16", ()
        if wanted == "bf16":
            raise DeviceError(
                "this GPU has no bf16.", where="hardware.precision", hint="Use hardware.precision=fp32, or auto."
            )
        return "fp32", ("precision fp32: this GPU has no bf16",)
    trial = _remembered_trial(threads, memory)
    if trial["died"]:
        why = f"bf16 kills a process on this processor ({trial['died']}), as on some machines behind a hypervisor"
    elif trial["speed"] is None:
        why = f"bf16 could not be tried here ({trial['why']})"
    else:
        why = ""
    if why:
        if wanted == "bf16":
            raise DeviceError(f"{why}.", where="hardware.precision", hint="Use hardware.precision=fp32, or auto.")
        return "fp32", (f"precision fp32: {why}",)
    ratio = float(trial["speed"])
    if wanted == "bf16" or ratio >= WORTH_IT:
        return "bf16", (f"precision bf16: tried here at {ratio:.2f} times the speed of fp32",)
    return "fp32", (f"precision fp32: bf16 was tried here and ran at {ratio:.2f} times its speed",)


TRIAL = """
import json, sys, time, torch
from torch import nn
torch.set_num_threads(int(sys.argv[1]))
convolutions = nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1)
net = nn.Sequential(*convolutions, nn.ConvTranspose2d(64, 32, 2, 2)).to(memory_format=torch.channels_last)
dense = nn.Linear(256, 256)
x = torch.randn(4, 32, 56, 56).contiguous(memory_format=torch.channels_last)
def step(kind):
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=kind == "bf16"):
        loss = net(x).float().square().mean() + dense(x.flatten()[:256 * 64].view(64, 256)).float().square().mean()
    loss.backward()
def seconds(kind):
    start = time.perf_counter(); step(kind); return time.perf_counter() - start
for kind in ("fp32", "bf16"):
    step(kind); step(kind)
pairs = [(seconds("fp32"), seconds("bf16")) for _ in range(7)]
print(json.dumps(sorted(a / b for a, b in pairs)[3]))
"""


def _remembered_trial(threads: int, memory: Path) -> dict[str, Any]:
    """The outcome of the bf16 trial on this machine: from the file where it is known, else tried now and written there."""
    file = memory / "machine.json"
    key = f"{processor()} | torch {torch.__version__} | {threads} threads"
    try:
        known = read_json(file)
    except PixelwiseError:
        known = {}
    if not isinstance(known, dict):
        known = {}
    trial = known.get(key)
    if _is_trial(trial):
        return dict(trial)
    trial = try_bf16(threads)
    if _is_trial(trial):
        with suppress(PixelwiseError):  # a read-only folder only means that it is tried again next time
            write_json(file, {**known, key: trial})
    return trial


def _is_trial(value: Any) -> bool:
    """Whether it tells how a trial ended: by a signal, or at a speed. One that did not come to an end tells nothing."""
    return isinstance(value, dict) and (bool(value.get("died")) or isinstance(value.get("speed"), float))


def try_bf16(threads: int) -> dict[str, Any]:
    """Run a few bf16 steps in a child process.

    died: the signal that killed it, or empty; speed: relative to fp32, None where there is no answer; why: the reason then
    """
    command = [sys.executable, "-c", TRIAL, str(threads)]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return {"died": "", "speed": None, "why": "no answer in 120 s"}
    if child.returncode < 0:
        return {"died": signal.Signals(-child.returncode).name, "speed": None}
    if child.returncode:
        lines = child.stderr.strip().splitlines()
        return {"died": "", "speed": None, "why": lines[-1] if lines else f"exit {child.returncode}"}
    return {"died": "", "speed": float(child.stdout.split()[-1])}
