"""Seeds from keys: a draw depends on what it is for, never on what was drawn before it."""

from __future__ import annotations

import numpy as np


def seed_of(*key: int | str) -> int:
    """A 63-bit seed mixed from a key such as (seed, "step", 17)."""
    words = [int.from_bytes(k.encode(), "little") if isinstance(k, str) else k for k in key]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))
