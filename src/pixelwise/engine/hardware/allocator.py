"""glibc's memory allocator, set to keep large buffers instead of giving them back to the kernel after every step.

Training allocates and frees the same large buffers at every step; by default glibc maps and unmaps them each time and the
kernel zeroes every page again. Imports no torch, so it can be called before torch allocates anything.
"""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h


def keep_large_buffers() -> bool:
    """Serve buffers up to 1 GiB from the heap and keep them. True if the C library understood it."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # musl has no mallopt
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, 1 << 30)) and bool(mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
