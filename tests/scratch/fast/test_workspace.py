"""Memory that is reused, and a batch divided among threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from pixelwise.errors import ShapeError
from pixelwise.scratch.fast.workspace import Buffers, Workspace


def test_memory_is_reused_and_grows():
    buffers = Buffers()
    first = buffers.take("a", (10, 10), np.float32)
    again = buffers.take("a", (5, 4), np.float64)
    assert np.shares_memory(first, again)
    assert again.shape == (5, 4)
    assert again.dtype == np.float64
    assert not np.shares_memory(first, buffers.take("b", (10,), np.float32))
    assert buffers.size == 440
    assert buffers.take("a", (200,), np.float32).size == 200
    assert buffers.size == 840


@pytest.mark.parametrize(("threads", "count", "parts"), [(1, 7, 1), (2, 7, 2), (3, 2, 2), (2, 1, 1)])
def test_parts_cover_the_batch_in_order(threads, count, parts):
    workspace = Workspace(threads)
    found = workspace.over(count, lambda part, buffers: (list(range(count))[part], id(buffers)))
    assert [number for numbers, _ in found for number in numbers] == list(range(count))
    assert len(found) == len({buffers for _, buffers in found}) == parts


def test_parts_run_at_the_same_time():
    meeting = threading.Barrier(2, timeout=20)
    Workspace(2).over(2, lambda part, buffers: meeting.wait())


def test_an_error_in_a_thread_is_raised():
    def work(part, buffers):
        raise ShapeError(f"part {part.start}")

    with pytest.raises(ShapeError, match="part 0"):
        Workspace(2).over(2, work)


def test_no_threads_are_refused():
    with pytest.raises(ShapeError, match="at least one thread, not 0"):
        Workspace(0)
