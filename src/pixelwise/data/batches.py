"""The batch files of CIFAR, read without pickle.

The publisher's "python version" is a pickle of protocol 2, and unpickling a file runs whatever code the file names. These
files all have the same four entries in the same form. This reader compares a file with that form, opcode by opcode, takes
the numbers and texts from it, and refuses everything else. The opcodes are those of PEP 307 and of `Lib/pickletools.py`
in Python's sources.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError, shown

PIXELS = 3 * 32 * 32
HINT = "Only the publisher's own files can be read here, and no other pickle."


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


def _form(*opcodes: bytes) -> re.Pattern[bytes]:
    """Opcodes in order. After each there may be a `q` or `r`: it numbers a value for later use, which never comes."""
    return re.compile(b"".join(opcode + rb"(?:q.|r.{4})?" for opcode in opcodes), re.DOTALL)


# U: a text, its length before it.  K M J: a number.  ] ( e: a list.  \x85 \x87 ( t: a tuple.  c R b: a name, its call, a state.
_PROTOCOL, _BEGIN = re.compile(rb"\x80\x02"), _form(rb"}", rb"\(")
_BATCH_LABEL = _form(rb"U\x0bbatch_label")
_LABELS = _form(rb"U\x06labels", rb"\]", rb"(?P<labels>(?:\((?:K.)*+e)*+)")
_DATA = _form(
    *(rb"U\x04data", rb"cnumpy\.core\.multiarray\n_reconstruct\n", rb"cnumpy\nndarray\n", rb"K\x00", rb"\x85"),
    *(rb"U\x01b", rb"\x87", rb"R", rb"\(K\x01M(?P<rows>..)M\x00\x0c", rb"\x86"),
    *(rb"cnumpy\ndtype\n", rb"U\x02u1", rb"K\x00K\x01", rb"\x87", rb"R", rb"\(K\x03U\x01\|"),
    *(rb"NNNJ\xff{4}J\xff{4}K\x00", rb"t", rb"b", rb"\x89T(?P<length>.{4})"),
)
_END_OF_DATA = _form(rb"", rb"t", rb"b")
_NAMES = _form(rb"U\x09filenames", rb"\]")
_TEXT = re.compile(rb"U(.)", re.DOTALL)
_OPEN, _CLOSE, _NOTE, _END = _form(rb"\("), _form(rb"e"), _form(rb""), re.compile(rb"u\.\Z")


def read_batch(content: bytes, where: str) -> PictureBatch:
    """The pictures of a batch file. Raises DataError for whatever is not exactly such a file.

    content:  the whole file
    where:    its name, for messages
    """
    file = _Cursor(content, where)
    data, labels, names = None, None, None
    file.expect(_PROTOCOL)
    file.expect(_BEGIN)
    while not file.found(_END):
        if file.found(_BATCH_LABEL):
            file.text()
        elif entry := file.found(_LABELS):
            labels = np.frombuffer(b"".join(re.findall(rb"(?s)K(.)", entry["labels"])), np.uint8)
        elif entry := file.found(_DATA):
            data = np.frombuffer(file.take(int.from_bytes(entry["length"], "little")), np.uint8)
            if len(data) != PIXELS * int.from_bytes(entry["rows"], "little"):
                raise file.refusal("has an array of another size than it says")
            file.expect(_END_OF_DATA)
        else:
            file.expect(_NAMES)
            names = file.texts()
    if data is None or labels is None or names is None:
        raise DataError("does not hold data, labels and filenames.", where=where, hint=HINT)
    if not len(data) == PIXELS * len(labels) == PIXELS * len(names):
        what = f"holds {len(data) // PIXELS} pictures, {len(labels)} labels and {len(names)} names"
        raise DataError(what, where=where, hint=HINT)
    images = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)  # stored plane by plane: red, green, blue
    return PictureBatch(images, labels.astype(np.int64), tuple(name.decode("latin-1") for name in names))


class _Cursor:
    """A place in a file, which moves on over what it finds there."""

    def __init__(self, content: bytes, where: str) -> None:
        self.content, self.where = content, where
        self.place = 0

    def found(self, form: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """The form, where the file continues with it."""
        match = form.match(self.content, self.place)
        self.place = self.place if match is None else match.end()
        return match

    def expect(self, form: re.Pattern[bytes]) -> re.Match[bytes]:
        """The same; raises DataError where the file does not continue with it."""
        if (match := self.found(form)) is not None:
            return match
        if name := re.compile(rb"c(.{1,80})\n(.{1,80})\n").match(self.content, self.place):
            words = b" ".join(name.groups()).decode("latin-1")
            raise self.refusal(f"wants to use {shown(words)}, which reading pictures does not need")
        raise self.refusal("does not have the form of a batch file of CIFAR")

    def take(self, count: int) -> bytes:
        part = self.content[self.place : self.place + count]
        if len(part) < count:
            raise DataError("is cut short.", where=self.where, hint="Fetch it again.")
        self.place += count
        return part

    def text(self) -> bytes:
        text = self.take(self.expect(_TEXT)[1][0])
        self.found(_NOTE)
        return text

    def texts(self) -> list[bytes]:
        """The texts of a list, up to its end."""
        texts: list[bytes] = []
        while self.found(_OPEN):
            while not self.found(_CLOSE):
                texts.append(self.text())
        return texts

    def refusal(self, what: str) -> DataError:
        return DataError(f"{what} (at byte {self.place:,}).", where=self.where, hint=HINT)
