"""Memory and threads that the fast convolutions reuse from call to call.

Fresh memory is slow: the operating system hands it out page by page and fills it with zeros first. A convolution that
unfolds into memory it already has is several times faster than one that asks for new memory each time.

A workspace keeps memory, never results: whatever lies in it is overwritten by the next call, and no cache refers to it.
It is used by one call at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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

    def take(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array whose content is whatever was there before."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        memory = self._memory.get(name)
        if memory is None or memory.size < size:
            memory = self._memory[name] = np.empty(size, np.uint8)
        array: Array = memory[:size].view(dtype).reshape(shape)
        return array

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(memory.size for memory in self._memory.values())


class Workspace:
    """Buffers for a number of threads that each compute a part of the batch.

    Dividing the batch beats dividing each matrix product: the threads meet once per call instead of once per product.
    While they run, the library behind NumPy's products is held to one thread each.
    """

    def __init__(self, threads: int = 1) -> None:
        if threads < 1:
            raise ShapeError(f"a workspace needs at least one thread, not {threads}.")
        self.threads = threads
        self._buffers = [Buffers() for _ in range(threads)]
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._libraries = _matrix_libraries() if threads > 1 else None

    @property
    def size(self) -> int:
        """Bytes held by all threads."""
        return sum(buffers.size for buffers in self._buffers)

    def over(self, count: int, work: Callable[[slice, Buffers], Result]) -> list[Result]:
        """`work(part, buffers)` for each part of a batch of `count` pictures, the results in order."""
        if self._pool is None or self._libraries is None or count == 1:
            return [work(slice(0, count), self._buffers[0])]
        edges = [round(count * i / self.threads) for i in range(self.threads + 1)]
        parts = [slice(a, b) for a, b in pairwise(edges) if b > a]
        with self._libraries.limit(limits=1, user_api="blas"):
            return list(self._pool.map(work, parts, self._buffers))


def _matrix_libraries() -> Any:
    """The libraries behind NumPy's matrix products, found once, because looking for them takes a millisecond."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
