"""Per-picture states: what is read is what was written, and what is damaged is refused."""

from pathlib import Path

import numpy as np
import pytest

from pixelwise.errors import RunError
from pixelwise.run.states import RowStates, States, read_states, write_states


def rows(seed: int = 0) -> np.ndarray:
    dense = np.random.default_rng(seed).integers(-3, 1 << 33, (4, 6)) * np.array([[1], [0], [1], [1]])
    dense[dense < 0] = 0
    picture, place = np.nonzero(dense)
    return np.stack([picture, place, dense[picture, place]], axis=1)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    wide, none = rows(), np.zeros((0, 3), np.int64)
    write_states(tmp_path / "s.npz", ["ä", "b", "c", "d"], [States(4, (2, 3), wide[::-1]), States(4, (5,), none)])
    read = read_states(tmp_path / "s.npz")
    assert read.names == ("ä", "b", "c", "d")
    assert np.array_equal(read.metrics[0].rows, wide)
    total = np.zeros(6, np.int64)
    for _, place, count in wide:
        total[place] += count
    assert np.array_equal(read.metrics[0].total(), total.reshape(2, 3))
    assert np.array_equal(read.metrics[0].matrix().sum(axis=0), total)
    assert not read.metrics[1].total().any()


def test_rows_are_kept_by_picture_in_whatever_order_processes_counted_them(tmp_path: Path) -> None:
    table = np.arange(1, 13).reshape(6, 2) << 40
    states = RowStates.of(4, table, np.array([[1, 2], [3, 1], [0, 3]]))
    own = [table[3:], table[:2], table[:0], table[2:3]]
    write_states(tmp_path / "s.npz", ["a", "b", "c", "d"], [states])
    for kept in (states, read_states(tmp_path / "s.npz").metrics[0]):
        assert (kept.pictures, kept.shape) == (4, (3, 2))
        assert all(np.array_equal(one, other) for one, other in zip(kept.tables(), own, strict=True))
    with pytest.raises(ValueError, match="6 rows"):
        RowStates.of(4, table[:-1], np.array([[1, 2], [3, 1], [0, 3]]))
    write_states(tmp_path / "s.npz", ["a", "b"], [states])
    with pytest.raises(RunError, match="not those of the pictures"):
        read_states(tmp_path / "s.npz")


def test_rows_of_older_files_are_read(tmp_path: Path) -> None:
    table = np.array([[7, 0], [8, 1 << 40]])
    sparse = np.array([[0, 0, 7], [2, 0, 8], [2, 1, 1 << 40]])
    write_states(tmp_path / "s.npz", ["a", "b", "c"], [States(3, (1, 2), sparse)])
    tables = read_states(tmp_path / "s.npz").metrics[0].tables()
    assert [one.tolist() for one in tables] == [table[:1].tolist(), [], table[1:].tolist()]


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, order in (("a.npz", slice(None)), ("b.npz", slice(None, None, -1))):
        write_states(tmp_path / name, ["a", "b", "c", "d"], [States(4, (6,), rows()[order])])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "s.npz"
    with pytest.raises(RunError, match="this file does not exist"):
        read_states(file)
    write_states(file, ["a", "b", "c", "d"], [States(4, (6,), rows())])
    whole = file.read_bytes()
    for content in (b"", whole[:100], whole[:-30], b"x" + whole[1:]):
        file.write_bytes(content)
        with pytest.raises(RunError, match="is damaged"):
            read_states(file)
    write_states(file, ["a"], [States(1, (6,), rows())])  # rows of pictures that have no name
    with pytest.raises(RunError, match="outside the pictures"):
        read_states(file)
    np.savez(file, names=np.array([{}], object))
    with pytest.raises(RunError, match="is damaged"):
        read_states(file)
