"""A checkpoint folder: arrays as safetensors, everything else as JSON, replaced as one.

`state.json` names the array files of its step together with their SHA-256. It is renamed into place last, so a crash or
a full disk at any moment leaves the earlier checkpoint readable, and a file cut short is noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import RunError
from pixelwise.run.atomic import read_json, write_bytes, write_json

Arrays = Mapping[str, NDArray[Any]]
FORMAT = 1


def save_checkpoint(folder: Path, parts: Mapping[str, Arrays], state: Mapping[str, Any], *, step: int) -> None:
    """Write `parts` (e.g. `model`, `optimizer`) and `state` as the one checkpoint of `folder`."""
    from safetensors.numpy import save

    files = {}
    for part, arrays in parts.items():
        content = save({name: np.require(array, requirements="C") for name, array in sorted(arrays.items())})
        name = f"{part}-{step:08d}.safetensors"
        write_bytes(folder / name, content)
        files[part] = {"file": name, "sha256": hashlib.sha256(content).hexdigest()}
    write_json(folder / "state.json", {"format": FORMAT, "step": step, "files": files, "state": dict(state)})
    keep = {entry["file"] for entry in files.values()} | {"state.json"}
    for path in folder.iterdir():
        if path.name not in keep:
            path.unlink(missing_ok=True)


def load_state(folder: Path) -> dict[str, Any]:
    """The state of a checkpoint without its arrays. Raises RunError where there is none or its format is unknown."""
    if not (folder / "state.json").is_file():
        raise RunError(
            "there is no checkpoint here.", where=str(folder), hint="Was the run stopped before its first one?"
        )
    record = read_json(folder / "state.json")
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise RunError(f"is not a checkpoint of format {FORMAT}.", where=str(folder / "state.json"))
    return dict(record["state"])


def load_checkpoint(folder: Path, *parts: str) -> tuple[dict[str, dict[str, NDArray[Any]]], dict[str, Any]]:
    """The named parts and the state. Raises RunError where a file is missing, cut short or changed."""
    from safetensors.numpy import load

    state = load_state(folder)
    files = read_json(folder / "state.json")["files"]
    arrays = {}
    for part in parts:
        path = folder / files[part]["file"]
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != files[part]["sha256"]:
            raise RunError(
                f"is cut short or was changed after it was written ({len(content)} bytes read).",
                where=str(path),
                hint="Is the run's other checkpoint (last/ or best/) whole? Name it with --checkpoint.",
            )
        arrays[part] = load(content)
    return arrays, state
