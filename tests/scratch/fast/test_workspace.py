"""Memory that is reused, and a batch divided among threads."""

from __future__ import annotations

import gc
import threading
import time

import numpy as np
import pytest

from pixelwise.errors import ShapeError
from pixelwise.scratch.fast.workspace import Buffers, Lent, Workspace, added


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


def test_memory_says_when_its_layout_changes():
    buffers = Buffers()
    assert buffers.differs("a", (1, 2))
    assert not buffers.differs("a", (1, 2))
    assert buffers.differs("b", (1, 2))
    assert buffers.differs("a", (2, 1))
    assert buffers.differs("a", (1, 2))


def test_a_result_keeps_its_memory_as_long_as_a_view_of_it_lives():
    lent = Lent()
    first = lent.take((4, 5), np.float32)
    first[...] = 7
    address, part = first.ctypes.data, first.T[1:]
    del first
    gc.collect()
    other = lent.take((4, 5), np.float32)
    other[...] = 1
    assert part.min() == 7
    assert lent.size == 0
    del part
    gc.collect()
    assert lent.size == 80
    assert lent.take((2, 5), np.float64).ctypes.data == address
    assert lent.size == 80


def test_memory_of_sizes_that_nobody_asks_for_any_more_is_let_go():
    lent = Lent()
    for side in range(1, 50):
        lent.take((side, side), np.float32)
        assert lent.size <= 2 * 4 * side**2


def test_products_have_one_thread_while_a_workspace_has_several():
    from threadpoolctl import threadpool_info, threadpool_limits

    def threads():
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    with threadpool_limits(limits=2, user_api="blas"):
        before = threads()
        first, second = Workspace(2), Workspace(3)
        assert threads() == {1}
        del first
        assert threads() == {1}
        del second
        assert threads() == before


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

    def work_of_the_second(part, buffers):
        if part.start:
            raise ShapeError(f"part {part.start}")

    with pytest.raises(ShapeError, match="part 1"):
        Workspace(2).over(2, work_of_the_second)


def test_an_error_waits_for_the_other_threads():
    workspace, ended = Workspace(2), []

    def work(part, buffers):
        if part.start == 0:
            raise ShapeError("first")
        time.sleep(0.05)
        ended.append(part.start)

    with pytest.raises(ShapeError, match="first"):
        workspace.over(2, work)
    assert ended == [1]


def test_no_threads_are_refused():
    with pytest.raises(ShapeError, match="at least one thread, not 0"):
        Workspace(0)


def test_what_threads_found_is_added_place_by_place():
    first, second = added([(np.array([1.0, 2]), np.array([3.0])), (np.array([10.0, 20]), np.array([30.0]))])
    assert first.tolist() == [11, 22]
    assert second.tolist() == [33]
