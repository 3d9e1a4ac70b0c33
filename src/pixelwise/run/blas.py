"""The kernels of NumPy's matrix library, and the one case in which pixelwise must set them.

OpenBLAS picks its kernels by the processor's model. On models that it does not know it falls back to kernels without
AVX-512, which halves the speed of a matrix product. Reads text only and imports nothing, because the library looks at
OPENBLAS_CORETYPE once, when NumPy is loaded.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

VARIABLE = "OPENBLAS_CORETYPE"
KERNELS = "SkylakeX"  # OpenBLAS's kernels for plain AVX-512
NEEDED = {"avx512f", "avx512dq", "avx512bw", "avx512cd", "avx512vl", "fma", "avx2"}  # all that they use
ZEN_4 = 0x19  # the first family of AMD's that has AVX-512


def choose_kernels(environment: MutableMapping[str, str] = os.environ, cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Ask for the AVX-512 kernels if OpenBLAS may not find them by itself. Returns whether it did so.

    This is done only on an AMD processor that has every instruction they use, and only if no kernels are set yet. On AMD
    models that OpenBLAS knows it chooses these kernels anyway; on Intel's it chooses well.
    """
    if VARIABLE in environment:
        return False
    about = first_processor(cpuinfo)
    family = about.get("cpu family", "")
    wanted = about.get("vendor_id") == "AuthenticAMD" and family.isdecimal() and int(family) >= ZEN_4
    if not wanted or not set(about.get("flags", "").split()) >= NEEDED:
        return False
    environment[VARIABLE] = KERNELS
    return True


def kernels() -> str | None:
    """What NumPy's matrix library runs with, e.g. `OpenBLAS 0.3.31, SkylakeX (asked for)`; None if it does not say."""
    import numpy  # noqa: F401 - brings the library that is asked about
    from threadpoolctl import threadpool_info

    for library in threadpool_info():
        if library.get("internal_api") == "openblas" and "architecture" in library:
            asked = " (asked for)" if VARIABLE in os.environ else ""
            return f"OpenBLAS {library['version']}, {library['architecture']}{asked}"
    return None


def first_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """The first processor's entries; none if the system has no such file."""
    about: dict[str, str] = {}
    try:
        with open(cpuinfo, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name, sign, value = line.partition(":")
                if not sign:
                    break
                about[name.strip()] = value.strip()
    except OSError:
        return {}
    return about
