"""Where and how a recipe is computed: device, precision, memory layout, allocator, threads.

Decided once, written into the run, reused by a resume, because another choice gives other bits.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from pixelwise.engine.base import Processes
from pixelwise.engine.hardware.allocator import keep_large_buffers
from pixelwise.engine.hardware.trial import find_fair_trial, find_trial
from pixelwise.errors import DeviceError
from pixelwise.recipe.schema import Hardware

TF32 = "convolutions round their inputs to TF32 (10 bits of mantissa), which is PyTorch's default on this GPU"
WORTH_IT = 1.2  # how many times faster another precision must be on a CPU before it is taken


@dataclass(frozen=True)
class Choices:
    """How this run is computed. `notes` say in one line each what was tried or not chosen."""

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
    def from_record(cls, record: Mapping[str, Any]) -> Choices:
        return cls(**{**record, "notes": tuple(record["notes"])})

    @property
    def torch_device(self) -> torch.device:
        return torch.device(self.device)

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.layout == "channels_last" else torch.contiguous_format

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which a forward pass runs."""
        if self.precision == "bf16":
            return torch.autocast(self.torch_device.type, dtype=torch.bfloat16)
        return nullcontext()

    def on(self, processes: Processes) -> Choices:
        """The same choices on this process's own GPU; a process that is alone has the one that was chosen."""
        if processes.count == 1 or not self.device.startswith("cuda"):
            return self
        return replace(self, device=f"cuda:{processes.local_rank}")

    def apply(self) -> None:
        """Make the process follow these choices. Raises DeviceError if this machine cannot."""
        if self.allocator:
            keep_large_buffers()
        torch.set_num_threads(self.threads)
        if self.torch_device.type != "cuda":
            return
        _check_gpu(self.device)
        torch.cuda.set_device(self.torch_device)  # random draws are keyed on the current GPU
        # Algorithms chosen by timing could differ between two runs of one seed, and to choose them takes long (LAB.md).
        torch.backends.cudnn.benchmark = False
        if self.deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(self.deterministic)


def choose(hardware: Hardware, *, memory: Path) -> Choices:
    """Decide every `auto`. What was found out about this machine is remembered in the folder `memory`.

    Raises DeviceError if the recipe asks for a GPU or a precision that this machine does not have.
    """
    device = hardware.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda"):
        device = "cuda:0" if device == "cuda" else device
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


def choose_again(recorded: Choices, device: str, memory: Path) -> Choices:
    """A run's own choices on this machine, so that it gives the same scores; bf16 only if it works.

    On another kind of device bf16 is used if it is faster, as with `auto`.
    """
    kind = "cuda" if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()) else "cpu"
    in_bf16 = "bf16" if kind == recorded.torch_device.type else "auto"
    precision = "fp32" if recorded.precision == "fp32" else in_bf16
    try:
        return choose(_hardware(device, precision, recorded), memory=memory)
    except DeviceError:
        if precision != "bf16":
            raise
        return choose(_hardware(device, "auto", recorded), memory=memory)  # if the device is the cause, this raises too


def _hardware(device: str, precision: str, recorded: Choices) -> Hardware:
    try:
        return Hardware.model_validate(
            {
                "device": device,
                "precision": precision,
                "layout": "channels_last" if recorded.layout == "channels_last" else "contiguous",
                "deterministic": recorded.deterministic,
            }
        )
    except ValidationError as error:
        raise DeviceError(f"read '{device}'; it must be auto, cpu, cuda or cuda:N.", where="device") from error


def _check_gpu(device: str) -> None:
    """Raise DeviceError if there is no such GPU."""
    hint = "Use hardware.device=cpu, or auto to use what this machine has."
    if not torch.cuda.is_available():
        what = f"the recipe asks for '{device}', but torch finds no CUDA GPU here."
        raise DeviceError(what, where="hardware.device", hint=hint)
    count = torch.cuda.device_count()
    if (torch.device(device).index or 0) >= count:
        what = f"the recipe asks for '{device}'; this machine has cuda:0" + (
            f" to cuda:{count - 1}." if count > 1 else "."
        )
        raise DeviceError(what, where="hardware.device", hint=hint)


def _threads(wanted: int | None) -> int:
    """The recipe's number, else that of OMP_NUM_THREADS (a list of them means nested levels), else torch's."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return wanted or (int(said) if said.isdecimal() else 0) or torch.get_num_threads()


def _has_tf32(device: str) -> bool:
    """Whether torch rounds what a convolution reads on this device, although weights and maps are float32."""
    if not device.startswith("cuda") or not torch.backends.cudnn.allow_tf32:
        return False
    return torch.cuda.get_device_capability(device) >= (8, 0)


def _choose_precision(wanted: str, device: str, threads: int, memory: Path) -> tuple[str, tuple[str, ...]]:
    if wanted == "fp32":
        return "fp32", (TF32,) if _has_tf32(device) else ()
    if device.startswith("cuda"):
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16", ()
        if wanted == "bf16":
            raise DeviceError(
                "this GPU has no bf16.", where="hardware.precision", hint="Use hardware.precision=fp32, or auto."
            )
        return "fp32", ("precision fp32: this GPU has no bf16",)
    trial = find_fair_trial(threads, memory) if wanted == "auto" else find_trial(threads, memory)
    if trial.speed is None:
        why = f"bf16 could not be tried here ({trial.why})"
        if trial.died:
            why = f"bf16 kills a process on this processor ({trial.died}), as on some machines behind a hypervisor"
        if wanted == "bf16":
            raise DeviceError(f"{why}.", where="hardware.precision", hint="Use hardware.precision=fp32, or auto.")
        return "fp32", (f"precision fp32: {why}",)
    if wanted == "bf16" or trial.speed >= WORTH_IT:
        return "bf16", (f"precision bf16: tried here at {trial.speed:.2f} times the speed of fp32",)
    return "fp32", (f"precision fp32: bf16 was tried here and ran at {trial.speed:.2f} times its speed",)
