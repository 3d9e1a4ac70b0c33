"""Where data sets lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def data_root(given: Path | None = None) -> Path:
    """The data folder: `given` (from `--data`), else the variable PIXELWISE_DATA, else `~/.cache/pixelwise`.

    The folder need not exist: built-in data sets need none.
    """
    if given is not None:
        return given.expanduser().absolute()
    if variable := os.environ.get("PIXELWISE_DATA"):
        return Path(variable).expanduser().absolute()
    return Path.home() / ".cache" / "pixelwise"
