"""Randomness from keys: a draw depends on what it is for, never on what was drawn before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_of(*key: int | str) -> int:
    """A 63-bit seed mixed from a key such as (seed, "step", 17)."""
    words = [int.from_bytes(k.encode(), "little") if isinstance(k, str) else k for k in key]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


@contextmanager
def keyed_random(*key: int | str) -> Iterator[None]:
    """torch's global generators (CPU, and GPU where one is in use) seeded with the key, and restored afterwards.

    Dropout and torchvision's transforms know only the global generators.
    """
    cpu = torch.get_rng_state()
    gpu = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None
    seed = seed_of(*key)
    torch.default_generator.manual_seed(seed)
    if gpu is not None:
        torch.cuda.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(cpu)
        if gpu is not None:
            torch.cuda.set_rng_state(gpu)
