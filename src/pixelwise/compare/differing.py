"""What recipes have in common and where they differ, and how groups of runs are called."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pixelwise.report.record import Json, Record
from pixelwise.run.identity import WORDS, deciding
from pixelwise.run.words import ABSENT

SEED = "train.seed"
PICTURES = "pictures of "  # where the pictures of a split differ though the recipes name the same data
LONGEST_LABEL = 44


def identity(record: Record) -> str:
    """What the runs of one group have in common: what decides a training, apart from its seed, and the pictures."""
    return json.dumps([deciding(record.setup["recipe"], SEED), picture_keys(record)], sort_keys=True)


def picture_keys(record: Record) -> dict[str, Any]:
    """Split → the SHA-256 of its pictures."""
    return {name: told.get("key") for name, told in (record.data.get("splits") or {}).items()}


def flattened(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of everything in a recipe; the path of an item gives its name."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flattened(inner, where if key == "name" and where else f"{where}.{key}" if where else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(element, Mapping) for element in value):
        for index, element in enumerate(value):
            yield from flattened(element, f"{where}.{index}")
    else:
        yield where, value


def differing(records: Sequence[Record]) -> dict[str, tuple[str, ...]]:
    """The paths where recipes differ, with the value of each; a dash where a recipe has no such path."""
    flat = [{path: _written(value) for path, value in flattened(record.setup["recipe"])} for record in records]
    rows = _rows(flat)
    rows = {path: values for path, values in rows.items() if path.split(".")[0] not in WORDS and path != SEED}
    if any(path.startswith("data.") for path in rows):
        return rows  # other pictures are what was asked for
    keys = _rows([{name: str(key or ABSENT)[:12] for name, key in picture_keys(r).items()} for r in records])
    return rows | {f"{PICTURES}{split}": values for split, values in keys.items()}


def labels(differences: Mapping[str, tuple[str, ...]], paths: Sequence[Path]) -> list[str]:
    """Short words for each group: what differs where that is short, else the name of its first folder."""
    told = {path: values for path, values in differences.items() if not path.startswith(PICTURES)}
    ends = {path: path.rpartition(".")[2] if not path.rpartition(".")[2].isdigit() else path for path in told}
    found = [", ".join(f"{ends[path]} {values[n]}" for path, values in told.items()) for n in range(len(paths))]
    if told and len(set(found)) == len(found) and max(map(len, found)) <= LONGEST_LABEL:
        return found
    names = [path.resolve().name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def letters(count: int) -> list[str]:
    """A … Z, AA, AB …"""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    longer = (first + second for first in alphabet for second in alphabet)
    return [*alphabet, *longer][:count] if count <= 702 else [f"#{number}" for number in range(1, count + 1)]


def _rows(tables: Sequence[Json]) -> dict[str, tuple[str, ...]]:
    """Name → its value in each table, where they are not all the same."""
    names = dict.fromkeys(name for table in tables for name in table)
    rows = {name: tuple(table.get(name, ABSENT) for table in tables) for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def _written(value: Any) -> str:
    """As a recipe would write it; a dash for null."""
    if value is None:
        return ABSENT
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
