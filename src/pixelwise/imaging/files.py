"""Pictures and masks as files: read with checks (size limit, rotation, depth, damage), and written atomically."""

from __future__ import annotations

import os
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError, listing, shown
from pixelwise.imaging.channels import USUAL, Reading, Traits, channels_of, read_deep, to_bytes, told_of_tiff, traits_of
from pixelwise.imaging.palettes import VOC_VOID
from pixelwise.imaging.strips import as_seen, stored_rows
from pixelwise.run.atomic import write_atomically
from pixelwise.types import RGB, Image, IndexMap

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

# 10,000 × 10,000; the header is asked before anything is decoded. Reading takes up to 7.2 bytes per pixel (JPEG, TIFF,
# BMP: 4 for Pillow's picture, 3 for the result), 16 for WebP, whose decoder keeps copies, and 3.3 for PNG; measured in
# benchmarks/large_pictures.json
MAX_PIXELS = 100_000_000
LIMIT = "PIXELWISE_MAX_PIXELS"  # the variable that holds another limit, also for the processes that this one starts
MAX_SCANS = 100  # of a JPEG; a progressive one has about ten
OPENING = threading.Lock()
SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".tif", ".tiff", ".webp", ".bmp", ".gif")
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")  # no format that runs another program or a script
WRITTEN = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
}


class UnknownValues(DataError):
    """A mask with values, or colours, that are neither a class nor void.

    counts:   value or colour → pixels
    """

    counts: Mapping[int | RGB, int] = MappingProxyType({})

    def __init__(
        self, counts: Mapping[int | RGB, int], allowed: str, *, where: str, first: str = "", hint: str = ""
    ) -> None:
        words = [
            str(list(value) if isinstance(value, tuple) else value)
            for value in sorted(counts, key=lambda v: -counts[v])
        ]
        pixels = sum(counts.values())
        kind = "colour" if any(isinstance(value, tuple) for value in counts) else "value"
        which = f", the first {first}" if first else f": {listing(words)}"
        what = f"{pixels:,} pixels have a {kind} that is not a class{which}"
        super().__init__(f"{what}; allowed: {allowed}.", where=where, hint=hint)
        self.counts = dict(counts)


def pixel_limit() -> int:
    """The most pixels of a picture: PIXELWISE_MAX_PIXELS (set by --max-pixels), else 100 million. May raise DataError."""
    text = os.environ.get(LIMIT) or str(MAX_PIXELS)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1 << 40:
        raise DataError(f"read {shown(text)}; it must be a whole number of pixels, e.g. 400000000.", where=LIMIT)
    return int(text)


def allow_pixels(most: int) -> None:
    """Set the most pixels that a picture may have, in this process and in those that it starts."""
    os.environ[LIMIT] = str(most)


def image_size(path: Path, *, max_pixels: int | None = None) -> tuple[int, int]:
    """(H, W) as the picture is meant to be seen (EXIF orientation applied), read from the header alone."""
    with _opened(path, max_pixels) as picture:
        width, height = picture.size
        turned = stored_rows(picture)[0] >= 5  # it swaps height and width
    return (width, height) if turned else (height, width)


def read_image(path: Path, *, reading: Reading = USUAL, max_pixels: int | None = None) -> Image:
    """The picture as (H, W, 3) uint8 RGB, turned as its EXIF orientation says unless `reading` says otherwise.

    Grey becomes three equal channels, 16 bits become 8 (rounded), transparent pixels are laid over white, CMYK is
    converted. Raises DataError if the file is missing, damaged, cut short, of more than `max_pixels`, or of a kind
    whose values cannot be read as a picture (32-bit or float TIFF).
    """
    deep = None
    if reading != USUAL:
        with _faults(path):
            deep = read_deep(path, reading, pixel_limit() if max_pixels is None else max_pixels)
    if deep is None:
        with _opened(path, max_pixels) as picture:
            image = _put_together(picture, lambda rows: _as_rgb(rows, path, reading), reading.exif)
    else:
        image = deep
    image.setflags(write=False)
    return image


def read_traits(path: Path) -> Traits:
    """What the header of a picture says, and what it holds of 16 bits or transparency."""
    with _opened(path, None) as picture:
        return traits_of(picture, stored_rows(picture)[0], path)


def as_rgb(picture: Picture) -> Image:
    """The same of a Pillow picture in memory."""
    path = Path(getattr(picture, "filename", "") or "picture")
    return _put_together(picture, lambda rows: _as_rgb(rows, path))


def read_mask(
    path: Path,
    *,
    colours: Mapping[RGB, int] | Sequence[RGB] | None = None,
    fallback: Mapping[RGB, int] | None = None,
    lossy: bool = False,
    max_pixels: int | None = None,
) -> IndexMap:
    """The mask as (H, W) uint8 or uint16, one index for each pixel.

    Palette pictures give their indices, grey pictures of 1, 8 or 16 bits their values. With `colours` (a list whose
    position is the index, or a table colour → index) every pixel is looked up by its colour instead, whatever the
    file's kind; with `fallback` only in pictures that are in colour. Raises DataError if a colour is not in the table,
    if colours are met and no table was given, and, unless `lossy` allows it, if indices are stored with loss:
    values between two classes lie along every outline.
    """
    with _opened(path, max_pixels) as picture:
        if colours is None and fallback is not None and picture.mode in ("RGB", "RGBA"):
            colours = fallback
        if colours is None:
            if not lossy and is_lossy(picture, path):
                what = f"is a mask stored with loss ({picture.format}), which mixes the values along every outline."
                raise DataError(what, where=str(path), hint=LOSSLESS)
            return _put_together(picture, lambda rows: _as_indices(rows, path))
        table = _Colours(colours)
        indices = _put_together(picture, table.look_up)
    table.refuse_others(path)
    return indices


def is_in_colour(path: Path) -> bool:
    """Whether a file holds red, green and blue, which a mask of indices does not; False if it cannot be opened."""
    try:
        with _opened(path, None) as picture:
            return picture.mode in ("RGB", "RGBA")
    except DataError:
        return False


def is_stored_with_loss(path: Path) -> bool:
    """Whether a file is a picture stored with loss; False if it cannot be opened."""
    try:
        with _opened(path, None) as picture:
            return is_lossy(picture, path)
    except DataError:
        return False


def write_mask(path: Path, indices: IndexMap, palette: Sequence[RGB]) -> None:
    """The index map as a palette PNG that every viewer shows in its colours, or, above index 255, as a 16-bit grey PNG.

    Indices without their own colour (the void index) are shown in VOC's cream.
    """
    from PIL import Image as Pillow

    if int(indices.max(initial=0)) > 255:
        picture = Pillow.fromarray(indices.astype(np.uint16))
    else:
        picture = Pillow.fromarray(indices.astype(np.uint8), mode="P")
        table = [*palette[:256], *[VOC_VOID] * (256 - len(palette[:256]))]
        picture.putpalette([channel for colour in table for channel in colour])
    write_atomically(path, lambda file: picture.save(file, format="PNG"))


def write_numbers(path: Path, numbers: IndexMap) -> None:
    """The map of numbers (H, W), up to 65,535, as a grey PNG of 16 bits."""
    from PIL import Image as Pillow

    picture = Pillow.fromarray(numbers.astype(np.uint16))
    write_atomically(path, lambda file: picture.save(file, format="PNG"))


def write_image(path: Path, image: Image, *, quality: int = 90) -> None:
    """The picture (H, W, 3) uint8 as a file of the kind that its suffix says (PNG, JPEG, WebP, TIFF, BMP).

    `quality` (1 to 95) is for JPEG and WebP only. Raises DataError for another suffix.
    """
    from PIL import Image as Pillow

    if (kind := WRITTEN.get(path.suffix.lower())) is None:
        raise DataError(
            f"'{path.suffix}' is not a suffix of a picture; choose from {', '.join(WRITTEN)}.", where=str(path)
        )
    write_atomically(path, lambda file: Pillow.fromarray(image).save(file, format=kind, quality=quality))


LOSSLESS = (
    "Save masks as PNG, from the original. Black and white masks can be read by a bound, e.g. "
    "values: {ground: '< 128', disc: '>= 128'}."
)


def is_lossy(picture: Picture, path: Path) -> bool:
    """Whether an opened picture is stored with loss: JPEG, also in a TIFF, or WebP that is not lossless."""
    if picture.format == "WEBP":
        with open(path, "rb") as file:
            return b"VP8L" not in file.read(1 << 12)
    return picture.format == "JPEG" or picture.info.get("compression") in ("jpeg", "tiff_jpeg", "webp")


# -- reading -------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path, max_pixels: int | None) -> Iterator[Picture]:
    """The file with its header read. Every error until the end of the block becomes one DataError with its name."""
    allowed = pixel_limit() if max_pixels is None else max_pixels
    with _faults(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata that no pixel depends on
        with _open_header(path) as picture:
            width, height = picture.size
            if width * height > allowed:
                raise DataError(
                    f"has {width}×{height} (width × height) = {width * height:,} pixels, but at most {allowed:,} are allowed.",
                    where=str(path),
                    hint="Nothing was decoded. Make the picture smaller, cut it into tiles, or allow more pixels with "
                    "--max-pixels (or PIXELWISE_MAX_PIXELS).",
                )
            if picture.format == "JPEG" and (scans := _scans(path)) > MAX_SCANS:
                what = f"has {scans:,} scans, but at most {MAX_SCANS} are allowed: each takes as long as the whole picture."
                raise DataError(what, where=str(path), hint="Nothing was decoded. Save the picture again.")
            yield picture


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """Every error with a picture in the block becomes one DataError with its name."""
    from PIL import UnidentifiedImageError

    try:
        yield
    except (DataError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise DataError("this file does not exist.", where=str(path)) from error
    except UnidentifiedImageError as error:
        what, hint = f"is not a picture that can be read ({', '.join(FORMATS)}).", "Replace the file."
        if told := told_of_tiff(path):
            what, count = f"{told}; without the option channels 1 or 3 are read, and transparency.", channels_of(path)
            hint = f"Set channels: {count} to give all to the model, or choose some, e.g. channels: [0, 1, 2]."
        raise DataError(what, where=str(path), hint=hint) from error
    except Exception as error:  # on damaged files decoders raise nearly anything: OSError, SyntaxError, struct.error
        if isinstance(error, OSError) and error.errno:  # of the disk, not of the decoder
            raise DataError(f"could not be read: {error.strerror}.", where=str(path)) from error
        raise DataError(
            f"is damaged or cut short: {str(error) or type(error).__name__}.",
            where=str(path),
            hint="Replace the file, or skip such pictures with data.on_corrupt: skip.",
        ) from error


def _open_header(path: Path) -> Picture:
    """The file's header. Pillow's own limit, at which it refuses to look, is replaced by ours, which is asked next."""
    from PIL import Image as Pillow

    with OPENING:
        own, Pillow.MAX_IMAGE_PIXELS = Pillow.MAX_IMAGE_PIXELS, None
        try:
            return Pillow.open(path, formats=FORMATS)
        finally:
            Pillow.MAX_IMAGE_PIXELS = own


def _scans(path: Path) -> int:
    """How many scans a JPEG has: in its compressed data, 255 is never followed by the code of one."""
    count, last = 0, b""
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            count += (last + part).count(b"\xff\xda")
            last = part[-1:]
    return count


def _put_together(picture: Picture, convert: Callable[[Picture], NDArray[Any]], turn: bool = True) -> NDArray[Any]:
    """The picture as it is meant to be seen (EXIF orientation applied), its rows converted some at a time.

    So the conversion needs no second copy of a large picture, whatever it makes on its way.
    """
    orientation, bands = stored_rows(picture)
    orientation = orientation if turn else 1
    for first, band in bands:
        rows = convert(band)
        if first == 0:
            if len(rows) == picture.height and orientation == 1:
                return rows
            seen, stored = as_seen((picture.height, *rows.shape[1:]), orientation, rows.dtype)
        stored[first : first + len(rows)] = rows
    return seen


def _as_rgb(picture: Picture, path: Path, reading: Reading = USUAL) -> Image:
    from PIL import Image as Pillow

    if picture.mode in ("I;16", "I;16B", "I;16L", "I"):
        grey = to_bytes(_sixteen_bits(picture, path), reading.stretch)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if picture.mode == "F":
        raise DataError("contains float values, which cannot be read as a picture.", where=str(path), hint=SAVE_AS)
    if not reading.alpha and picture.mode in ("RGBA", "LA"):
        picture = picture.convert("RGBA")
        return np.array(picture)[..., :3]
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        ground = Pillow.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Pillow.alpha_composite(ground, picture.convert("RGBA"))
    return np.array(picture if picture.mode == "RGB" else picture.convert("RGB"))


SAVE_AS = "Save it with 8 or 16 bits."


def _sixteen_bits(picture: Picture, path: Path) -> NDArray[np.uint16]:
    values = np.asarray(picture)
    if values.size and (int(values.min()) < 0 or int(values.max()) > 65535):
        raise DataError(
            f"contains values from {values.min()} to {values.max()}, but only 0 to 65535 are allowed.",
            where=str(path),
            hint=SAVE_AS,
        )
    return values.astype(np.uint16)


def _as_indices(picture: Picture, path: Path) -> IndexMap:
    if picture.mode in ("P", "L", "1"):  # of mode 1: False, True → 0, 1
        return np.array(picture, dtype=np.uint8)
    if picture.mode in ("I;16", "I;16B", "I;16L", "I"):
        return _sixteen_bits(picture, path)
    if picture.mode in ("LA", "PA"):
        return np.array(picture.getchannel(0), dtype=np.uint8)
    if picture.mode == "F":
        raise DataError("contains float values, not one index for each pixel.", where=str(path), hint=SAVE_AS)
    if picture.mode in ("RGB", "RGBA"):  # an index that is stored three times
        red, green, blue, *alpha = np.moveaxis(np.asarray(picture), 2, 0)
        if np.array_equal(red, green) and np.array_equal(red, blue) and all(bool((a == 255).all()) for a in alpha):
            return np.array(red, np.uint8)
    raise DataError(
        f"contains colours ({picture.mode}), not one index for each pixel.",
        where=str(path),
        hint="Say which colour is which class: mask_values: colour, and colours: a list of [R, G, B].",
    )


class _Colours:
    """The index of each colour of a mask, looked up for some rows at a time.

    colours:  a table, or a list whose position is the index
    """

    def __init__(self, colours: Mapping[RGB, int] | Sequence[RGB]) -> None:
        table = colours if isinstance(colours, Mapping) else {colour: index for index, colour in enumerate(colours)}
        codes = np.array([red << 16 | green << 8 | blue for red, green, blue in table], dtype=np.uint32)
        order = np.argsort(codes)
        indices = np.array(list(table.values()))[order]
        self._codes, self._indices = codes[order], indices.astype(np.uint8 if indices.max() < 256 else np.uint16)
        self._names = listing([str(list(colour)) for colour in table])
        self._row = 0  # of the picture, with which the next rows begin
        self._strange, self._first = Counter[int | RGB](), ""

    def look_up(self, rows: Picture) -> IndexMap:
        rgb = np.asarray(rows.convert("RGB"))
        found: NDArray[Any] = rgb.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)  # (H, W)
        place = np.searchsorted(self._codes, found).clip(max=len(self._codes) - 1)
        strange = self._codes[place] != found
        if strange.any():
            row, column = (int(axis[0]) for axis in strange.nonzero())
            colour = rgb[row, column].tolist()
            self._first = self._first or f"{colour} at row {self._row + row}, column {column}"
            for code, count in zip(*np.unique(found[strange], return_counts=True), strict=True):
                self._strange[int(code) >> 16, int(code) >> 8 & 255, int(code) & 255] += int(count)
        self._row += len(rgb)
        indices: IndexMap = self._indices[place]
        return indices

    def refuse_others(self, path: Path) -> None:
        """Raise DataError where a colour was met that is not in the table."""
        if self._strange:
            hint = "Was the mask saved as JPEG or resized smoothly? Masks need a lossless format and nearest neighbour."
            raise UnknownValues(self._strange, self._names, where=str(path), first=self._first, hint=hint)
