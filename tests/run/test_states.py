"""Per-picture states: what is read is what was written, and what is damaged is refused."""

from pathlib import Path

import numpy as np
import pytest

from pixelwise.errors import RunError
from pixelwise.run.states import read_states, write_states


def rows(seed: int = 0) -> np.ndarray:
    dense = np.random.default_rng(seed).integers(-3, 1 << 33, (4, 6)) * np.array([[1], [0], [1], [1]])
    dense[dense < 0] = 0
    picture, place = np.nonzero(dense)
    return np.stack([picture, place, dense[picture, place]], axis=1)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    wide, none = rows(), np.zeros((0, 3), np.int64)
    write_states(tmp_path / "s.npz", ["ä", "b", "c", "d"], [((2, 3), wide[::-1]), ((5,), none)])
    read = read_states(tmp_path / "s.npz")
    assert read.names == ("ä", "b", "c", "d")
    assert np.array_equal(read.metrics[0].rows, wide)
    total = np.zeros(6, np.int64)
    for _, place, count in wide:
        total[place] += count
    assert np.array_equal(read.metrics[0].total(), total.reshape(2, 3))
    assert np.array_equal(read.metrics[0].matrix().sum(axis=0), total)
    assert not read.metrics[1].total().any()


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, order in (("a.npz", slice(None)), ("b.npz", slice(None, None, -1))):
        write_states(tmp_path / name, ["a", "b", "c", "d"], [((6,), rows()[order])])
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "s.npz"
    with pytest.raises(RunError, match="no such file"):
        read_states(file)
    write_states(file, ["a", "b", "c", "d"], [((6,), rows())])
    whole = file.read_bytes()
    for content in (b"", whole[:100], whole[:-30], b"x" + whole[1:]):
        file.write_bytes(content)
        with pytest.raises(RunError, match="is damaged"):
            read_states(file)
    write_states(file, ["a"], [((6,), rows())])  # rows of pictures that have no name
    with pytest.raises(RunError, match="outside the pictures"):
        read_states(file)
    np.savez(file, names=np.array([{}], object))
    with pytest.raises(RunError, match="is damaged"):
        read_states(file)
