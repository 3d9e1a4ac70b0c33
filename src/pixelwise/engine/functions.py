"""Functions by `module:function`, imported at their first use."""

from __future__ import annotations

import gc
from functools import cache
from importlib import import_module
from typing import Any


@cache
def function_of(target: str) -> Any:
    """The function that `module:function` names; imported at its first use."""
    module, _, function = target.partition(":")
    collects = gc.isenabled()
    gc.disable()  # torch and torchvision make a million objects that stay: looking through them takes a fifth of the import
    try:
        return getattr(import_module(module), function)
    finally:
        if collects:
            gc.enable()
