"""How pictures of 16 bits, of many channels, or with an EXIF orientation are read; and the traits of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError
from pixelwise.types import RGB, Image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MOST_SAMPLES = 64  # channels up to which a TIFF may have `largest` pixels; with more, fewer
BITS = 16  # of a picture with more than 8
SAMPLES, BITS_PER_SAMPLE, EXTRA, SUBFILE = 277, 258, 338, 254  # tags of TIFF
LOW = {"I;16", "I;16B", "I;16L", "I"}  # modes of grey pictures with more than 8 bits


@dataclass(frozen=True)
class Reading:
    """How a picture becomes (H, W, 3) uint8, or (H, W, C) of the channels that are named, where there is a choice.

    stretch:   bits that 16-bit pictures use: 2^stretch − 1 becomes 255
    exif:      whether a picture is turned as its EXIF orientation says
    alpha:     whether a fourth channel is transparency, which is laid over white
    channels:  the channels of a TIFF or PNG that are read, counted from 0; none: those that its header calls colours
    """

    stretch: int = BITS
    exif: bool = True
    alpha: bool = True
    channels: tuple[int, ...] = ()

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Reading:
        """The reading that the options of a data set ask for; the usual one where they do not say.

        >>> Reading.of({"stretch": 12, "path": "pets"})
        Reading(stretch=12, exif=True, alpha=True, channels=())
        """
        return cls(
            options.get("stretch", BITS),
            options.get("exif", "apply") == "apply",
            options.get("alpha", "transparency") == "transparency",
            _chosen(options.get("channels")),
        )

    @property
    def depth(self) -> int:
        """Channels of the picture that is made: one is repeated, so that it is grey."""
        return len(self.channels) if len(self.channels) > 1 else 3


def _chosen(channels: int | list[int] | None) -> tuple[int, ...]:
    return tuple(range(channels)) if isinstance(channels, int) else tuple(channels or ())


USUAL = Reading()


def without_usual(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a data set without those of reading that are the usual ones: what version 0.1 kept of its data sets."""
    usual = {"stretch": BITS, "exif": "apply", "alpha": "transparency", "channels": None}
    return {key: value for key, value in options.items() if key not in usual or value != usual[key]}


@dataclass(frozen=True, eq=False)
class Traits:
    """The information in a picture's header, and some about its pixels if it has 16 bits or a fourth channel.

    orientation:  EXIF 2.3, tag 274
    pages:        of full size
    channels:     as stored
    bits:         a channel
    largest:      value of a picture of 16 bits
    unclear:      share of the pixels that are neither clear nor solid; 0 without a channel of transparency
    palette:      colours by index
    """

    kind: str
    size: tuple[int, int]
    orientation: int = 1
    pages: int = 1
    channels: int = 3
    bits: int = 8
    largest: int | None = None
    unclear: float = 0.0
    palette: tuple[RGB, ...] = ()


def traits_of(picture: Picture, orientation: int, file: Path) -> Traits:
    """The traits of an opened picture."""
    bits, channels = 16 if picture.mode in LOW else 8, len(picture.getbands())
    pages = 1
    if picture.format == "PNG":
        with open(file, "rb") as stream:
            bits = max(8, stream.read(25)[24])
    elif picture.format == "TIFF":
        tags = getattr(picture, "tag_v2", {})
        bits, channels = max(8, *tags.get(BITS_PER_SAMPLE, (8,))), int(tags.get(SAMPLES, 1))
        pages = _pages(picture)
    elif picture.format == "GIF":
        pages = int(getattr(picture, "n_frames", 1))
    largest = None
    if bits == BITS:
        values = np.asarray(picture)
        largest = int(values.max(initial=0)) if picture.mode in LOW else int(values.max(initial=0)) * 257
    unclear = 0.0
    if picture.mode in ("RGBA", "LA", "RGBa", "La"):
        alpha = np.asarray(picture)[..., -1]
        unclear = float(((alpha > 0) & (alpha < 255)).mean())
    palette = picture.getpalette() if picture.mode == "P" else None
    colours = [] if palette is None else [tuple(palette[at : at + 3]) for at in range(0, len(palette), 3)]
    table: tuple[RGB, ...] = tuple((one[0], one[1], one[2]) for one in colours if len(one) == 3)
    size = (picture.height, picture.width)
    return Traits(str(picture.format), size, orientation, pages, channels, bits, largest, unclear, table)


def _pages(picture: Picture) -> int:
    """The pages of a TIFF that are as large as the first, without reduced copies of it."""
    count = int(getattr(picture, "n_frames", 1))
    if count == 1:
        return 1
    size, full = picture.size, 0
    for page in range(min(count, 64)):
        picture.seek(page)
        full += picture.size == size and not int(getattr(picture, "tag_v2", {}).get(SUBFILE, 0)) & 1
    picture.seek(0)
    return max(1, full) if count <= 64 else count


def to_bytes(values: NDArray[Any], stretch: int) -> NDArray[np.uint8]:
    """Values of 16 bits as bytes of the same shape, rounded: 2^stretch − 1 and more become 255."""
    most = (1 << stretch) - 1
    scaled: NDArray[np.uint8] = ((np.minimum(values.astype(np.uint32), most) * 255 + most // 2) // most).astype(
        np.uint8
    )
    return scaled


def read_deep(file: Path, reading: Reading, largest: int) -> Image | None:
    """A picture in colour of 16 bits, or chosen channels of a TIFF or PNG, as (H, W, C); None if the usual way reads it.

    largest: pixels that it may have. Raises DataError if a channel is not there, or if a package is missing.
    """
    kind = _kind(file)
    if kind == "PNG" and reading.stretch < BITS and not reading.channels:
        with open(file, "rb") as stream:
            header = stream.read(26)
        if len(header) < 26 or header[24] != BITS or header[25] not in (2, 6):
            return None
        if int.from_bytes(header[16:20], "big") * int.from_bytes(header[20:24], "big") > largest:
            return None  # the usual way refuses it
        codecs = _package("imagecodecs", file, "a PNG of 16 bits a colour")
        return to_bytes(codecs.png_decode(file.read_bytes())[..., :3], reading.stretch)
    if not kind or not (reading.channels or (kind == "TIFF" and reading.stretch < BITS)):
        return None
    found = _samples_of_tiff(file, reading, largest) if kind == "TIFF" else _samples_of_png(file, largest)
    if found is None:
        return None
    values, inverted = found
    if values.ndim != 3 or values.dtype not in (np.uint8, np.uint16):
        raise DataError(f"contains {values.dtype} values; it must have 8 or 16 bits.", where=str(file))
    chosen = reading.channels or (0, 1, 2)
    if max(chosen) >= values.shape[-1]:
        what = f"has {values.shape[-1]} channels, but channel {max(chosen)} was asked for. Channels are counted from 0."
        raise DataError(what, where=str(file))
    taken = values[..., list(chosen)]
    image = taken if values.dtype == np.uint8 else to_bytes(taken, reading.stretch)
    image = 255 - image if inverted else image
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else np.ascontiguousarray(image)


def _samples_of_tiff(file: Path, reading: Reading, largest: int) -> tuple[NDArray[Any], bool] | None:
    """(H, W, C) as stored, and whether 0 is white. Pages of one channel each are channels, where channels are asked for."""
    tiff = _package("tifffile", file, "a TIFF of many channels or of 16 bits a colour")
    with tiff.TiffFile(file) as opened:
        page = opened.pages[0]
        alike = [one for one in opened.pages if one.shape == page.shape and not one.is_reduced]
        stack = bool(reading.channels) and page.samplesperpixel == 1 and len(alike) > 1
        count = len(alike) if stack else page.samplesperpixel
        if page.imagewidth * page.imagelength * max(1, count // MOST_SAMPLES) > largest:
            return None  # the usual way refuses it
        if not reading.channels and (page.samplesperpixel < 3 or page.bitspersample != BITS):
            return None
        values = np.stack([one.asarray() for one in alike], axis=-1) if stack else np.asarray(page.asarray())
        axes, inverted = page.axes, int(page.photometric) == 0
    if stack:
        return values, inverted
    return (np.moveaxis(values, axes.index("S"), -1) if "S" in axes else values[..., None]), inverted


def _samples_of_png(file: Path, largest: int) -> tuple[NDArray[Any], bool] | None:
    """(H, W, C) of a PNG in grey or colour, with its last channel if it has one; None of a palette."""
    from PIL import Image as Pillow

    with Pillow.open(file, formats=("PNG",)) as picture:
        if picture.width * picture.height > largest or picture.mode not in ("L", "LA", "RGB", "RGBA", *LOW):
            return None
        values = np.asarray(picture)
    return (values if values.ndim == 3 else values[..., None]), False


def _kind(file: Path) -> str:
    with open(file, "rb") as stream:
        begin = stream.read(8)
    if begin == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    return "TIFF" if begin[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") else ""


def _package(name: str, file: Path, what: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        hint = "Install it: pip install 'pixelwise[tiff]'"
        raise DataError(
            f"{what} needs the package {name}, which is not installed.", where=str(file), hint=hint
        ) from error


def channels_of(file: Path) -> int:
    """The channels of a TIFF that tifffile reads."""
    import tifffile

    with tifffile.TiffFile(file) as opened:
        page: Any = opened.pages[0]
        return int(page.samplesperpixel)


def told_of_tiff(file: Path) -> str:
    """`a TIFF with 5 channels of 8 bits`, of a file that the usual way does not read; empty if it is none."""
    try:
        if _kind(file) != "TIFF":
            return ""
        import tifffile

        with tifffile.TiffFile(file) as opened:
            page: Any = opened.pages[0]
            return f"is a TIFF with {page.samplesperpixel} channels of {page.bitspersample} bits ({page.dtype})"
    except Exception:  # of a damaged file, in any way
        return ""
