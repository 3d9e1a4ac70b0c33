"""Where a run was made: versions, machine, commit. Nothing that names a person or a host, and no password."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Container, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from pixelwise.run.blas import first_processor, kernels
from pixelwise.run.passwords import hide_passwords

PACKAGES = ("pixelwise", "torch", "torchvision", "numpy", "scipy", "scikit-image", "scikit-learn", "pillow")
USED = ("timm",)  # of interest where it was imported, because a model is built by it


def environment(recorded: Container[str] = ()) -> dict[str, Any]:
    """Versions, processor, cores, memory, GPU, matrix kernels and commit as JSON values. torch is not imported for it.

    recorded: packages that the record of a run names
    """
    used = (name for name in USED if name in sys.modules or name in recorded)
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in (*PACKAGES, *used)},
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": processor(),
        "cores": cores(),
        "memory_gib": _memory_gib(),
        "gpu": gpu(),
        "blas": kernels(),
        "commit": commit(),
        "command": ["pixelwise", *map(hide_passwords, sys.argv[1:])],
    }


def machine_of(recorded: Mapping[str, Any]) -> str:
    """Processor, cores and GPU of a recorded environment in words, without what it does not contain.

    >>> machine_of({"processor": "AMD EPYC", "cores": 2, "gpu": None})
    'AMD EPYC, 2 cores'
    """
    cores = f"{recorded['cores']} cores" if recorded.get("cores") else None
    return ", ".join(str(part) for part in (recorded.get("processor"), cores, recorded.get("gpu")) if part)


@dataclass(frozen=True)
class Place:
    """The rank of this process among `count` processes, on all machines and on its own machine."""

    rank: int
    count: int
    local_rank: int


def launched() -> Place | None:
    """The place of a process that `torchrun` started together with others; None for a process on its own.

    A launcher sets all of these variables. A single one that is left in a shell is ignored.
    """
    said = [os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_PORT")]
    if not os.environ.get("MASTER_ADDR") or not all(number.isdecimal() for number in said):
        return None
    place = Place(*map(int, said[:3]))
    return place if place.count > 1 and place.rank < place.count else None


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The processor's name as its maker writes it, or its architecture."""
    return first_processor().get("model name") or platform.processor() or platform.machine()


def gpu() -> str | None:
    """The name of the GPU that this process computes on, as its maker writes it, or None."""
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name() if torch is not None and torch.cuda.is_initialized() else None


def commit() -> str | None:
    """The commit of the source tree that pixelwise runs from (`+changes` where it is not clean), or None."""
    folder = Path(__file__).resolve().parents[3]
    if not (folder / ".git").exists():
        return None
    try:
        run = [["git", "rev-parse", "--short=12", "HEAD"], ["git", "status", "--porcelain", "--untracked-files=no"]]
        head, changes = (
            subprocess.run(c, cwd=folder, capture_output=True, text=True, check=True, timeout=10).stdout for c in run
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.strip() + ("+changes" if changes.strip() else "")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _memory_gib() -> float | None:
    if not hasattr(os, "sysconf"):  # Windows
        return None
    try:
        return round(float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30), 1)
    except (ValueError, OSError):
        return None
