"""What each picture of a split added to each metric, kept so that scores can be taken of other sets of pictures later.

One .npz file without pickle: names, and for every metric sparse rows (picture, place in the flattened state, count).
For 213 pictures of 21 classes that is about 20 KB.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import RunError
from pixelwise.run.atomic import write_atomically

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class States:
    """One metric's states: (M, 3) int64 rows of picture, place and count, for a state of `shape`."""

    pictures: int
    shape: tuple[int, ...]
    rows: Counts

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    def total(self) -> Counts:
        """The state of the whole split."""
        flat = np.zeros(self.size, np.int64)
        np.add.at(flat, self.rows[:, 1], self.rows[:, 2])
        return flat.reshape(self.shape)

    def matrix(self) -> Any:
        """(N, K) SciPy sparse int64: a row a picture, a column a place in the flattened state."""
        from scipy.sparse import csr_array

        picture, place, count = self.rows.T
        return csr_array((count, (picture, place)), shape=(self.pictures, self.size))


@dataclass(frozen=True, eq=False)
class PictureStates:
    """The pictures of a split by name, in order, and what each added to each metric (`0` is the recipe's first)."""

    names: tuple[str, ...]
    metrics: Mapping[int, States]


def write_states(path: Path, names: Sequence[str], metrics: Sequence[tuple[tuple[int, ...], Counts]]) -> None:
    """Keep `(shape, rows)` of every metric. The same content gives the same bytes."""
    arrays: dict[str, NDArray[Any]] = {"names": np.array(list(names), np.str_)}
    for number, (shape, rows) in enumerate(metrics):
        order = np.lexsort((rows[:, 1], rows[:, 0]))
        arrays[f"shape{number}"] = np.array(shape, np.int64)
        for column, name in enumerate(("picture", "place", "count")):
            values = rows[order, column]
            arrays[f"{name}{number}"] = values if values.max(initial=0) >= 2**31 else values.astype(np.int32)
    write_atomically(path, lambda file: np.savez_compressed(cast(Any, file), **cast(Any, arrays)))


def read_states(path: Path) -> PictureStates:
    """The states in a file. Raises RunError where it is missing or damaged."""
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            names = tuple(map(str, file["names"]))
            count = sum(name.startswith("shape") for name in file.files)
            metrics = {number: _read_metric(file, number, len(names)) for number in range(count)}
    except FileNotFoundError as error:
        raise RunError("there is no such file.", where=str(path)) from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RunError(f"is damaged: {error}.", where=str(path)) from error
    return PictureStates(names, metrics)


def _read_metric(file: Any, number: int, pictures: int) -> States:
    columns = [file[f"{name}{number}"].astype(np.int64) for name in ("picture", "place", "count")]
    states = States(pictures, tuple(map(int, file[f"shape{number}"])), np.stack(columns, axis=1))
    rows = states.rows
    if len(rows) and (rows.min() < 0 or rows[:, 0].max() >= pictures or rows[:, 1].max() >= states.size):
        raise ValueError("a row lies outside the pictures or the state")
    return states
