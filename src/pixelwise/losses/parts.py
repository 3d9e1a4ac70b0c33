"""The check of the parts of a sum of losses. `check` uses it, so it does not import torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def sum_fault(parts: Sequence[Any], factors: Sequence[Any] | None) -> str:
    """What is wrong with the parts of a sum and their factors; empty if they are valid."""
    if len(parts) < 2:
        return f"has {len(parts)} parts; a sum needs two losses or more."
    for part in parts:
        if not isinstance(part.get("name") if isinstance(part, Mapping) else part, str):
            return f"has a part without a name: {part}."
    if factors is not None and len(factors) != len(parts):
        return f"has {len(factors)} factors for {len(parts)} parts."
    if factors is not None and not all(0 < factor < float("inf") for factor in factors):
        return f"read factors {list(factors)}; a factor must be finite and above 0."
    return ""
