"""torch's global generators, seeded by keys for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from pixelwise.engine.order import seed_of


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
