"""What each picture of a split added to each metric, kept to compute scores of other sets of pictures later.

One .npz file without pickle: names, and for every metric sparse rows (picture, place in the flattened state, count).
For 213 pictures of 21 classes that is about 20 KB. A metric whose state is rows has its columns, and how many rows each
picture added.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import RunError
from pixelwise.run.atomic import write_atomically
from pixelwise.run.records.plain import open_plain

Counts = NDArray[np.int64]
MOST_ARRAYS, MOST_BYTES = 400, 1 << 30  # of a file, unpacked
MOST_PLACES = 1 << 27  # of a state
# What zipfile and NumPy raise on what is not their own
_DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)


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
        """(N, K) SciPy sparse int64: a row per picture, a column per place in the flattened state."""
        from scipy.sparse import csr_array

        picture, place, count = self.rows.T
        return csr_array((count, (picture, place)), shape=(self.pictures, self.size))

    def tables(self) -> list[Counts]:
        """The rows (R, columns) of each picture, of a metric whose state is rows, as older files have them.

        A row does not begin with 0. `shape` is (most rows of a picture, columns) there.
        """
        rows = self.rows[np.argsort(self.rows[:, 0], kind="stable")]
        ends = np.searchsorted(rows[:, 0], np.arange(self.pictures + 1))
        columns, tables = self.shape[1], []
        for start, end in pairwise(ends):
            places, counts = rows[start:end, 1], rows[start:end, 2]
            flat = np.zeros((int(places.max(initial=-1)) // columns + 1) * columns, np.int64)
            flat[places] = counts
            tables.append(flat.reshape(-1, columns))
        return tables


@dataclass(frozen=True, eq=False)
class RowStates:
    """One metric's states where they are rows: the table (M, columns) of all pictures, and how many rows each has, (N,)."""

    table: Counts
    lengths: Counts

    @classmethod
    def of(cls, pictures: int, table: Counts, noted: Counts) -> RowStates:
        """The rows of a table by picture. noted: (K, 2), index of a picture and its number of rows, in the table's order."""
        index, count = noted.T
        if (total := int(count.sum())) != len(table):
            raise ValueError(f"{total} rows were noted, the state has {len(table)}")
        if (np.diff(index) < 0).any():  # several processes
            table = table[np.argsort(np.repeat(index, count), kind="stable")]
        lengths = np.zeros(pictures, np.int64)
        lengths[index] = count
        return cls(table, lengths)

    @property
    def pictures(self) -> int:
        return len(self.lengths)

    @property
    def shape(self) -> tuple[int, int]:
        """(most rows of a picture, columns)"""
        return int(self.lengths.max(initial=0)), self.table.shape[1]

    def tables(self) -> list[Counts]:
        """The rows (R, columns) of each picture: views of the table."""
        return np.split(self.table, np.cumsum(self.lengths)[:-1]) if self.pictures else []


Kept = States | RowStates


@dataclass(frozen=True, eq=False)
class PictureStates:
    """The pictures of a split by name, in order, and what each added to each metric (`0` is the recipe's first)."""

    names: tuple[str, ...]
    metrics: Mapping[int, Kept]


def write_states(path: Path, names: Sequence[str], metrics: Sequence[Kept]) -> None:
    """Keep the states of every metric. The same content gives the same bytes."""
    arrays: dict[str, NDArray[Any]] = {"names": np.array(list(names), np.str_)}
    for number, states in enumerate(metrics):
        arrays[f"shape{number}"] = np.array(states.shape, np.int64)
        if isinstance(states, RowStates):
            arrays[f"lengths{number}"] = states.lengths
            arrays |= {f"column{number}.{place}": states.table[:, place] for place in range(states.shape[1])}
            continue
        rows = states.rows
        order = np.lexsort((rows[:, 1], rows[:, 0]))
        for column, name in enumerate(("picture", "place", "count")):
            values = rows[order, column]
            arrays[f"{name}{number}"] = values if values.max(initial=0) >= 2**31 else values.astype(np.int32)
    write_atomically(path, lambda file: np.savez_compressed(cast(Any, file), **cast(Any, arrays)))


def read_states(path: Path) -> PictureStates:
    """The states in a file. Raises RunError if it is missing or damaged."""
    try:
        with open_plain(path) as opened:
            _check_members(opened)
            with np.load(cast(Any, opened), allow_pickle=False) as file:
                names = tuple(map(str, _array(file, "names", "U")))
                count = sum(name.startswith("shape") for name in file.files)
                metrics = {number: _read_metric(file, number, len(names)) for number in range(count)}
    except FileNotFoundError as error:
        raise RunError("this file does not exist.", where=str(path)) from error
    except (*_DAMAGE, MemoryError) as error:
        raise RunError(f"is damaged: {error}.", where=str(path)) from error
    return PictureStates(names, metrics)


def _check_members(file: IO[bytes]) -> None:
    """Raise ValueError where the arrays would take more memory than any that are written here."""
    with zipfile.ZipFile(file) as archive:
        sizes = [member.file_size for member in archive.infolist()]
    if len(sizes) > MOST_ARRAYS or sum(sizes) > MOST_BYTES:
        raise ValueError(
            f"{len(sizes)} arrays of {sum(sizes)} bytes; at most {MOST_ARRAYS} of {MOST_BYTES} are allowed"
        )
    file.seek(0)


def _array(file: Any, name: str, kinds: str) -> NDArray[Any]:
    array: NDArray[Any] = file[name]
    if array.ndim != 1 or array.dtype.kind not in kinds:
        raise ValueError(f"'{name}' is {array.shape} {array.dtype}")
    return array


def _read_metric(file: Any, number: int, pictures: int) -> Kept:
    if f"lengths{number}" in file.files:
        return _read_rows(file, number, pictures)
    columns = [_array(file, f"{name}{number}", "i") for name in ("picture", "place", "count")]
    shape = tuple(map(int, _array(file, f"shape{number}", "i")))
    if min(shape, default=0) < 0 or math.prod(shape) > MOST_PLACES:
        raise ValueError(f"a state of shape {shape}")
    states = States(pictures, shape, np.stack(columns, axis=1, dtype=np.int64))
    rows = states.rows
    if len(rows) and (rows.min() < 0 or rows[:, 0].max() >= pictures or rows[:, 1].max() >= states.size):
        raise ValueError("a row lies outside the pictures or the state")
    return states


def _read_rows(file: Any, number: int, pictures: int) -> RowStates:
    lengths, (_, width) = _array(file, f"lengths{number}", "i"), _array(file, f"shape{number}", "i").tolist()
    if not 0 < width <= MOST_ARRAYS:
        raise ValueError(f"rows of {width} columns")
    columns = [_array(file, f"column{number}.{place}", "i") for place in range(width)]
    if len(lengths) != pictures or lengths.min(initial=0) < 0 or lengths.sum() != len(columns[0]):
        raise ValueError("the rows are not those of the pictures")
    return RowStates(np.stack(columns, axis=1, dtype=np.int64), lengths.astype(np.int64))
