"""A checkpoint folder: arrays as safetensors, everything else as JSON, replaced as one.

`state.json` names the array files together with their SHA-256, and holds its own. It is renamed into place last, and no
array file is ever written over by another content, because its name contains a part of its SHA-256. So a crash or a full
disk at any moment leaves the earlier checkpoint readable, and a byte that is missing or changed is noticed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import RunError
from pixelwise.run.atomic import write_bytes, write_json
from pixelwise.run.records.json_text import read_json
from pixelwise.run.records.plain import is_plain_file, plain_folder, read_plain

Arrays = Mapping[str, NDArray[Any]]
FORMAT = 1
MOST_BYTES = 1 << 34  # of one file of arrays
_OURS = re.compile(r"\w+-\d{8,}(-[0-9a-f]{8})?\.safetensors|\..+\.part")
OTHER = "If the run's other checkpoint (last/ or best/) is complete, `evaluate` and `predict` use it with --checkpoint."


def save_checkpoint(folder: Path, parts: Mapping[str, Arrays], state: Mapping[str, Any], *, step: int) -> None:
    """Write `parts` (e.g. `model`, `optimizer`) and `state` as the one checkpoint of `folder`."""
    from safetensors.numpy import save

    files = {}
    plain_folder(folder)
    for part, arrays in parts.items():
        content = save({name: np.require(array, requirements="C") for name, array in sorted(arrays.items())})
        digest = hashlib.sha256(content).hexdigest()
        name = f"{part}-{step:08d}-{digest[:8]}.safetensors"
        write_bytes(folder / name, content)
        files[part] = {"file": name, "sha256": digest}
    record = json.loads(json.dumps({"format": FORMAT, "step": step, "files": files, "state": dict(state)}))
    write_json(folder / "state.json", {**record, "sha256": _digest(record)})
    _clear(folder, keep={entry["file"] for entry in files.values()})


def clear_old_arrays(folder: Path) -> None:
    """Remove what a process left that was killed while it saved. A checkpoint whose state cannot be read stays unchanged."""
    keep: set[str] = set()
    with suppress(RunError):
        if (folder / "state.json").exists():
            keep = {entry["file"] for entry in _read_record(folder)["files"].values()}
        if folder.is_dir() and not folder.is_symlink():
            _clear(folder, keep)


def _clear(folder: Path, keep: set[str]) -> None:
    """Remove the arrays of earlier checkpoints and what a crash left half written; nothing that is not ours."""
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in keep:
            with suppress(OSError):  # it only takes room, the checkpoint is written
                path.unlink()


def _digest(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def has_checkpoint(folder: Path) -> bool:
    """Whether there is one. Raises RunError if a link or something else is in its place."""
    return is_plain_file(plain_folder(folder) / "state.json")


def load_state(folder: Path) -> dict[str, Any]:
    """The state of a checkpoint without its arrays. Raises RunError if there is none, or it is damaged."""
    return dict(_read_record(folder)["state"])


def digest_of(folder: Path, part: str) -> str:
    """The SHA-256 of a part's file. Raises RunError if there is no checkpoint, or it does not have the part."""
    files = _read_record(folder)["files"]
    if part not in files:
        raise RunError(f"has no '{part}'; it has {', '.join(files)}.", where=str(folder))
    return str(files[part]["sha256"])


def load_checkpoint(folder: Path, *parts: str) -> tuple[dict[str, dict[str, NDArray[Any]]], dict[str, Any]]:
    """The named parts and the state, the arrays read-only.

    Raises RunError if a file is missing, cut short or changed, or has weights that are not finite: these can
    neither predict nor train. (The optimizer's memory may be infinite while the weights are still finite.)
    """
    record = _read_record(folder)
    try:
        arrays = {part: _load_part(folder, part, record["files"]) for part in parts}
    except RunError:
        if _read_record(folder) == record:
            raise
        return load_checkpoint(folder, *parts)  # a training that is under way has written the next one in between
    return arrays, dict(record["state"])


def _read_record(folder: Path) -> dict[str, Any]:
    from pixelwise.run.records.array_schema import Checkpoint
    from pixelwise.run.records.values import check_record

    path = folder / "state.json"
    if not has_checkpoint(folder):
        hint = "The run may have stopped before its first one."
        if folder.name == "best" and has_checkpoint(folder.with_name("last")):
            hint = (
                "The run may have stopped before its first validation, or no score was ever defined. "
                "Take the last weights with --checkpoint last."
            )
        raise RunError("this folder has no checkpoint.", where=str(folder), hint=hint)
    record = read_json(path)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise RunError(f"is not a checkpoint of format {FORMAT}.", where=str(path))
    if record.pop("sha256", None) not in (None, _digest(record)):  # none: written by hand or by an early version
        raise RunError("was changed after it was written.", where=str(path), hint=OTHER)
    return check_record(record, Checkpoint, where=str(path))


def _load_part(folder: Path, part: str, files: Mapping[str, Mapping[str, str]]) -> dict[str, NDArray[Any]]:
    from pixelwise.run.records.arrays import check_finite, read_arrays

    if part not in files:
        raise RunError(f"has no '{part}'; it has {', '.join(files)}.", where=str(folder))
    path = folder / files[part]["file"]
    if not is_plain_file(path):
        raise RunError("is missing.", where=str(path), hint=OTHER)
    content = read_plain(path, MOST_BYTES)
    if hashlib.sha256(content).hexdigest() != files[part]["sha256"]:
        raise RunError(
            f"is cut short or was changed after it was written ({len(content)} bytes read).",
            where=str(path),
            hint=OTHER,
        )
    arrays = read_arrays(content, where=str(path))
    check_finite(arrays, where=str(path), infinite=part == "optimizer", hint=OTHER)
    return arrays
