"""A picture's stored rows, some at a time, so that memory never contains a large picture twice. PNG is decoded like this too.

A row of a PNG is stored as its difference from the row above. Each strip is therefore decoded as its own small PNG:
the decoded row above it, then its rows as they are stored.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

BAND = 1 << 20  # pixels at a time
LARGE = 1 << 24  # pixels from which a PNG is decoded by strips; below, decoding it whole is faster and small
ORIENTATION = 0x0112
CHUNKS = 100_000  # a PNG with more of them is decoded whole
# bits and colour type of a PNG → how Pillow packs its rows; other kinds lose bits in Pillow and are decoded whole
PACKED = {
    (1, 0): "1", (8, 0): "L", (16, 0): "I;16B", (8, 2): "RGB", (1, 3): "P;1", (2, 3): "P;2", (4, 3): "P;4", (8, 3): "P",
    (8, 4): "LA", (8, 6): "RGBA",
}  # fmt: skip
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
SIGNATURE = b"\x89PNG\r\n\x1a\n"
Bands = Iterator[tuple[int, "Picture"]]  # the first row, and the rows as a picture


def stored_rows(picture: Picture) -> tuple[int, Bands]:
    """The EXIF orientation (1 to 8) of an opened picture, and its rows in the order in which they are stored."""
    width, height = picture.size
    rows = max(1, BAND // width)
    if width * height >= LARGE and picture.format == "PNG" and (file := getattr(picture, "filename", "")):
        with open(file, "rb") as stream:
            png = _read_layout(stream, height)
        if png is not None and not getattr(picture, "is_animated", False):
            return _orientation(picture, png.exif), png.strips(Path(file), rows)
    return _orientation(picture), _cut(picture, rows)


def as_seen(stored: tuple[int, ...], orientation: int, dtype: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """A new array for a picture as it is meant to be seen, and a view of it in which the rows lie as they are stored.

    stored:  (H, W, ...) of the rows;  orientation: EXIF 2.3, tag 274
    """
    turned = (stored[1], stored[0]) if orientation >= 5 else stored[:2]
    seen: NDArray[Any] = np.empty((*turned, *stored[2:]), dtype)
    swapped = seen.swapaxes(0, 1)
    views = (seen, seen[:, ::-1], seen[::-1, ::-1], seen[::-1], swapped, np.rot90(seen), np.rot90(swapped, 2))
    return seen, (*views, np.rot90(seen, -1))[orientation - 1]


def _orientation(picture: Picture, exif: bytes | None = None) -> int:
    from PIL import Image as Pillow

    if exif:
        picture.info["exif"] = exif
    # of a PNG decoded by strips: its own method would decode all of it to look behind the pixels
    own = Pillow.Image.getexif(picture) if exif is not None else picture.getexif()
    found = own.get(ORIENTATION)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _cut(picture: Picture, rows: int) -> Bands:
    width, height = picture.size
    if height <= rows:
        yield 0, picture
        return
    for first in range(0, height, rows):
        yield first, picture.crop((0, first, width, min(height, first + rows)))


# -- PNG -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Png:
    """Where the parts of a PNG are.

    header:  content of IHDR
    tables:  the palette and its transparency, as whole chunks
    pieces:  (offset, length) of the compressed rows
    exif:    content of eXIf; empty if there is none
    """

    header: bytes
    tables: bytes
    pieces: tuple[tuple[int, int], ...]
    exif: bytes

    def strips(self, file: Path, rows: int) -> Bands:
        width, height, bits, colour = struct.unpack(">IIBB", self.header[:10])
        packed = PACKED[bits, colour]
        length = (width * bits * CHANNELS[colour] + 7) // 8 + 1  # of a row: how it was made, then its bytes
        above = b""
        with open(file, "rb") as stream:
            content = _Inflated(stream, self.pieces)
            for first in range(0, height, rows):
                count = min(rows, height - first)
                strip = self._decoded(above + content.take(count * length), count + bool(above))
                if above:
                    strip = strip.crop((0, 1, *strip.size))
                yield first, strip
                above = b"\0" + strip.crop((0, count - 1, width, count)).tobytes("raw", packed)

    def _decoded(self, rows: bytes, height: int) -> Picture:
        from PIL import Image as Pillow

        header = self.header[:4] + struct.pack(">I", height) + self.header[8:]
        parts = (_chunk(b"IHDR", header), self.tables, _chunk(b"IDAT", zlib.compress(rows, 0)), _chunk(b"IEND", b""))
        picture = Pillow.open(io.BytesIO(SIGNATURE + b"".join(parts)), formats=("PNG",))
        picture.load()
        return picture


class _Inflated:
    """The decompressed bytes of a PNG's pieces, taken in order."""

    def __init__(self, stream: BinaryIO, pieces: tuple[tuple[int, int], ...]) -> None:
        self._compressed = self._read(stream, pieces)
        self._inflate = zlib.decompressobj()

    @staticmethod
    def _read(stream: BinaryIO, pieces: tuple[tuple[int, int], ...]) -> Iterator[bytes]:
        for offset, length in pieces:
            stream.seek(offset)
            while length > 0 and (part := stream.read(min(length, 1 << 16))):
                length -= len(part)
                yield part

    def take(self, count: int) -> bytes:
        """The next `count` bytes. Raises OSError if there are fewer."""
        taken = bytearray()
        while len(taken) < count:
            part = self._inflate.unconsumed_tail or next(self._compressed, b"")
            if not part:
                raise OSError("image file is truncated")
            taken += self._inflate.decompress(part, count - len(taken))
        return bytes(taken)


def _read_layout(stream: BinaryIO, height: int) -> _Png | None:
    """Where the parts of a PNG are; None if it is to be decoded whole (interlaced, of another depth, unusual)."""
    header, tables, exif, pieces = b"", b"", b"", []
    stream.seek(len(SIGNATURE))
    for _ in range(CHUNKS):
        if len(head := stream.read(8)) < 8:
            return None
        length, kind = struct.unpack(">I4s", head)
        end = stream.tell() + length + 4
        if kind == b"IDAT":
            pieces.append((stream.tell(), length))
        elif kind == b"IHDR":
            header = stream.read(length) if length == 13 else b""
        elif kind in (b"PLTE", b"tRNS", b"eXIf") and length < 1 << 20:
            content = stream.read(length)
            exif = content if kind == b"eXIf" else exif
            tables += b"" if kind == b"eXIf" else _chunk(kind, content)
        elif kind == b"IEND":
            break
        elif pieces and kind != b"tIME":  # text after the pixels may hold an orientation
            return None
        stream.seek(end)
    else:
        return None
    if len(header) != 13 or struct.unpack(">I", header[4:8])[0] != height or header[12] or not pieces:
        return None
    return _Png(header, tables, tuple(pieces), exif) if (header[8], header[9]) in PACKED else None


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
