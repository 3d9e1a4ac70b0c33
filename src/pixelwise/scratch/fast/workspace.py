"""Memory and threads that the fast convolutions reuse from call to call.

Fresh memory is slow: the operating system hands it out page by page and fills it with zeros first. A convolution that
unfolds into memory it already has is several times faster than one that asks for new memory each time.

The buffers of a workspace are overwritten by the next call, and no cache refers to them. Results live in
their own memory, lent out for as long as anything refers to it. A workspace is used by one call at a time.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from pixelwise.errors import ShapeError
from pixelwise.scratch.checks import Array

Result = TypeVar("Result")


class Buffers:
    """Memory by name, for one thread."""

    def __init__(self) -> None:
        self._memory: dict[str, Array] = {}
        self._layouts: dict[str, tuple[Any, ...]] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array whose content is whatever was there before."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        memory = self._memory.get(name)
        if memory is None or memory.size < size:
            memory = self._memory[name] = np.empty(size, np.uint8)
        array: Array = memory[:size].view(dtype).reshape(shape)
        return array

    def differs(self, name: str, layout: tuple[Any, ...]) -> bool:
        """Whether the memory of this name was last laid out in another way; from now on it is in this one."""
        before = self._layouts.get(name)
        self._layouts[name] = layout
        return before != layout

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(memory.size for memory in self._memory.values())


class Lent:
    """Memory that results live in. When the last view of a result is gone, its memory waits for the next of its size."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[Array]] = {}
        self._lent: weakref.WeakKeyDictionary[_Loan, int] = weakref.WeakKeyDictionary()

    def take(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array whose content is whatever was there before."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        waiting = self._waiting.setdefault(size, [])
        if not waiting and self.size > sum(self._lent.values()):
            self._waiting = {size: waiting}  # of sizes that are no longer asked for
        memory = waiting.pop() if waiting else np.empty(size, np.uint8)
        loan = _Loan(memory)
        self._lent[loan] = size
        weakref.finalize(loan, waiting.append, memory).atexit = False
        array: Array = np.asarray(loan).view(dtype).reshape(shape)
        return array

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return sum(memory.size for waiting in self._waiting.values() for memory in waiting)


class _Loan:
    """What every view of a result refers to; its end is the end of the last of them."""

    def __init__(self, memory: Array) -> None:
        self.__array_interface__ = memory.__array_interface__


class Workspace:
    """Buffers for a number of threads that each compute a part of the batch.

    Dividing the batch beats dividing each matrix product: the threads meet once per call instead of once per product.
    As long as a workspace of several threads exists, the library behind NumPy's products is held to one thread: after
    a product its own threads keep a core busy for some 20 ms, waiting for the next (measured: twice as slow).
    """

    def __init__(self, threads: int = 1) -> None:
        if threads < 1:
            raise ShapeError(f"a workspace needs at least one thread, not {threads}.")
        self.threads = threads
        self._buffers = [Buffers() for _ in range(threads)]
        self._results = Lent()
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None  # the thread that calls is one too
        if threads > 1:
            _PRODUCTS.hold()
            weakref.finalize(self, _PRODUCTS.release).atexit = False

    def result(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array for a result, with undefined content. Its memory is reused when no view of it exists."""
        return self._results.take(shape, dtype)

    @property
    def size(self) -> int:
        """Bytes held by all threads, and those that wait for a result."""
        return sum(buffers.size for buffers in self._buffers) + self._results.size

    def over(self, count: int, work: Callable[[slice, Buffers], Result]) -> list[Result]:
        """`work(part, buffers)` for each part of a batch of `count` pictures, the results in order."""
        if self._pool is None or count == 1:
            return [work(slice(0, count), self._buffers[0])]
        edges = [round(count * i / self.threads) for i in range(self.threads + 1)]
        parts = [slice(a, b) for a, b in pairwise(edges) if b > a]
        others = [self._pool.submit(work, *job) for job in zip(parts[1:], self._buffers[1:], strict=False)]
        try:
            first = work(parts[0], self._buffers[0])
        finally:
            wait(others)  # whatever happens, nobody writes into the buffers when this returns
        return [first, *(other.result() for other in others)]


def added(parts: Sequence[tuple[Array, ...]]) -> tuple[Array, ...]:
    """The arrays that the threads found, summed place by place."""
    return tuple(sum(found[1:], found[0]) for found in zip(*parts, strict=True))


class _MatrixProducts:
    """The threads of the libraries behind NumPy's products: one each while somebody holds them."""

    def __init__(self) -> None:
        self._holders = 0
        self._limits: Any = None

    def hold(self) -> None:
        from threadpoolctl import threadpool_limits

        self._holders += 1
        if self._holders == 1:
            self._limits = threadpool_limits(limits=1, user_api="blas")

    def release(self) -> None:
        self._holders -= 1
        if self._holders == 0:
            self._limits.restore_original_limits()


_PRODUCTS = _MatrixProducts()
