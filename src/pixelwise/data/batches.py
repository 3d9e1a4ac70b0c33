"""The batch files of CIFAR, read without pickle: a machine with just the opcodes of that one format.

The publisher's "python version" is a pickle of protocol 2, and to unpickle is to run whatever the file says. This reader
runs nothing. It knows numbers, texts, lists, tuples, and three names that stand for "a NumPy array of bytes"; any other
opcode, name, or use of a name is refused with its place in the file. The opcodes are those of PEP 307 and of
`Lib/pickletools.py` in Python's sources.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError, shown

PIXELS = 3 * 32 * 32
HINT = "Only the publisher's own files are read here; no other pickle, whatever it holds."


@dataclass(frozen=True, eq=False)
class PictureBatch:
    """What one file holds.

    images:  (N, 32, 32, 3) uint8, RGB, a view of planes
    labels:  (N,) int64
    names:   the pictures' file names before they were collected
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: tuple[str, ...]


def read_batch(content: bytes, where: str) -> PictureBatch:
    """The pictures of a batch file. Raises DataError for whatever is not exactly such a file.

    content:  the whole file
    where:    its name, for messages
    """
    fields = _Machine(content, where).run()
    if not isinstance(fields, dict) or not {b"data", b"labels", b"filenames"} <= set(fields):
        raise DataError("does not hold data, labels and filenames.", where=where, hint=HINT)
    data, labels, names = fields[b"data"], fields[b"labels"], fields[b"filenames"]
    if not isinstance(data, np.ndarray) or not _all(labels, int) or not _all(names, bytes):
        raise DataError("its data are no array, or its labels and filenames no lists.", where=where, hint=HINT)
    if not len(data) == len(labels) == len(names):
        what = f"holds {len(data)} pictures, {len(labels)} labels and {len(names)} names"
        raise DataError(what, where=where, hint=HINT)
    # stored plane by plane: red, green, blue
    images = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return PictureBatch(images, np.array(labels, np.int64), tuple(name.decode("latin-1") for name in names))


def _all(values: Any, kind: type) -> bool:
    return isinstance(values, list) and all(type(value) is kind for value in values)


@dataclass(frozen=True)
class _Name:
    """A global name: a word to compare with, never looked up."""

    name: str


class _Mark:
    """Where a list, a tuple or the pairs of a dictionary begin on the stack."""


class _Blank:
    """An array of bytes whose shape and content come in its state."""


_RECONSTRUCT, _ARRAY, _DTYPE = (
    _Name(name) for name in ("numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype")
)
_BYTES = ("dtype of bytes",)  # stands for dtype('uint8')
_BYTES_STATE = (3, b"|", None, None, None, -1, -1, 0)


class _Machine:
    """The stack machine. Values: int, bytes, bool, None, list, tuple, dict, array; names only where they are expected."""

    def __init__(self, content: bytes, where: str) -> None:
        self.content, self.where = content, where
        self.place = 0
        self.stack: list[Any] = []

    def run(self) -> Any:
        """What the file holds, once the stop opcode is its last byte."""
        if self._take(2) != b"\x80\x02":
            raise self._refusal("does not begin as a pickle of protocol 2")
        while (code := self._take(1)) != b".":
            if (step := _STEPS.get(code)) is None:
                raise self._refusal(f"has the opcode {code!r}, which such a file never has")
            step(self)
        if self.place != len(self.content) or len(self.stack) != 1:
            raise self._refusal("does not end where it should")
        return self.stack[0]

    def _refusal(self, what: str) -> DataError:
        return DataError(f"{what} (at byte {max(0, self.place - 1):,}).", where=self.where, hint=HINT)

    def _take(self, count: int) -> bytes:
        part = self.content[self.place : self.place + count]
        if len(part) < count:
            raise DataError("is cut short.", where=self.where, hint="Fetch it again.")
        self.place += count
        return part

    def _number(self, layout: str) -> int:
        (number,) = struct.unpack(layout, self._take(struct.calcsize(layout)))
        return int(number)

    def _pop(self, kind: type) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise self._refusal(f"has no {kind.__name__.strip('_').lower()} where one is needed")
        return self.stack.pop()

    def _since_mark(self) -> list[Any]:
        for start in range(len(self.stack) - 1, -1, -1):
            if isinstance(self.stack[start], _Mark):
                values = self.stack[start + 1 :]
                del self.stack[start:]
                return values
        raise self._refusal("closes what it never opened")

    def _last(self, kind: type) -> Any:
        value = self._pop(kind)
        self.stack.append(value)
        return value

    # -- what the opcodes do ---------------------------------------------------------------------------------------

    def _integer(self, layout: str) -> None:
        self.stack.append(self._number(layout))

    def _text(self, layout: str) -> None:
        length = self._number(layout)
        if length < 0:
            raise self._refusal("has a text of negative length")
        self.stack.append(self._take(length))

    def _tuple(self, count: int) -> None:
        values = [self._pop(object) for _ in range(count)]
        self.stack.append(tuple(reversed(values)))

    def _marked_tuple(self) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _append(self) -> None:
        values = self._since_mark()
        self._last(list).extend(values)

    def _set(self) -> None:
        values = self._since_mark()
        keys = values[::2]
        if len(values) % 2 or not all(isinstance(key, bytes) for key in keys):
            raise self._refusal("has a dictionary whose keys are no texts")
        self._last(dict).update(zip(keys, values[1::2], strict=True))

    def _name(self) -> None:
        words = []
        for _ in range(2):  # module and name, a line each
            end = self.content.find(b"\n", self.place, self.place + 200)
            if end < 0:
                raise self._refusal("has a name without an end")
            words.append(self._take(end + 1 - self.place)[:-1].decode("latin-1"))
        name = _Name(" ".join(words))
        if name not in (_RECONSTRUCT, _ARRAY, _DTYPE):
            raise self._refusal(f"wants to use {shown(name.name)}, which reading pictures does not need")
        self.stack.append(name)

    def _call(self) -> None:
        """The two calls that make an array of bytes, and no other."""
        arguments, name = self._pop(tuple), self._pop(_Name)
        if name == _RECONSTRUCT and arguments == (_ARRAY, (0,), b"b"):
            self.stack.append(_Blank())
        elif name == _DTYPE and arguments == (b"u1", 0, 1):
            self.stack.append(_BYTES)
        else:
            raise self._refusal(f"calls {shown(name.name)} with something else than an array of bytes needs")

    def _state(self) -> None:
        """Shape and content of an array; the state of its type, which says nothing new."""
        state = self._pop(tuple)
        if self._last(object) is _BYTES:
            if state != _BYTES_STATE:
                raise self._refusal("has an array of something else than bytes")
            return
        self._pop(_Blank)
        match state:
            case (1, (int() as rows, int() as columns), kind, False, bytes() as content) if kind is _BYTES:
                if columns != PIXELS or rows * columns != len(content):
                    raise self._refusal(f"has an array {rows}×{columns} of {len(content):,} bytes")
                self.stack.append(np.frombuffer(content, np.uint8).reshape(rows, columns))
            case _:
                raise self._refusal("has an array that is not rows of bytes")


_STEPS: dict[bytes, Any] = {
    b"}": lambda machine: machine.stack.append({}),
    b"]": lambda machine: machine.stack.append([]),
    b"(": lambda machine: machine.stack.append(_Mark()),
    b"N": lambda machine: machine.stack.append(None),
    b"\x89": lambda machine: machine.stack.append(False),
    b"K": lambda machine: machine._integer("<B"),
    b"M": lambda machine: machine._integer("<H"),
    b"J": lambda machine: machine._integer("<i"),
    b"U": lambda machine: machine._text("<B"),
    b"T": lambda machine: machine._text("<i"),
    b"q": lambda machine: machine._take(1),  # notes for later use, which such a file never makes
    b"r": lambda machine: machine._take(4),
    b"\x85": lambda machine: machine._tuple(1),
    b"\x86": lambda machine: machine._tuple(2),
    b"\x87": lambda machine: machine._tuple(3),
    b"t": _Machine._marked_tuple,
    b"e": _Machine._append,
    b"u": _Machine._set,
    b"c": _Machine._name,
    b"R": _Machine._call,
    b"b": _Machine._state,
}
