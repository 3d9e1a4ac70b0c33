"""Pictures and masks as files: read with care (size limit, rotation, depth, damage), written whole or not at all."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError, listing
from pixelwise.imaging.palettes import VOC_VOID
from pixelwise.run.atomic import write_atomically
from pixelwise.types import RGB, Image, IndexMap

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MAX_PIXELS = 100_000_000  # 10,000 × 10,000, 300 MB decoded; the header is asked before anything is decoded
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")  # no format that runs another program or a script
LONG_WAY_ROUND = (5, 6, 7, 8)  # EXIF orientations that swap height and width
ORIENTATION = 0x0112


def image_size(path: Path, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """(H, W) as the picture is meant to be seen (EXIF orientation applied), read from the header alone."""
    with _opened(path, max_pixels) as picture:
        width, height = picture.size
        turned = picture.getexif().get(ORIENTATION) in LONG_WAY_ROUND
    return (width, height) if turned else (height, width)


def read_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> Image:
    """The picture as (H, W, 3) uint8 RGB, turned as its EXIF orientation says.

    Grey becomes three equal channels, 16 bits become 8 (rounded), transparent pixels are laid over white, CMYK is
    converted. Raises DataError where the file is missing, damaged, cut short, of more than `max_pixels`, or of a kind
    that has no one meaning as a picture (32-bit or float TIFF).
    """
    with _opened(path, max_pixels) as picture:
        return _as_rgb(_upright(picture), path)


def as_rgb(picture: Picture) -> Image:
    """The same of a Pillow picture in memory."""
    return _as_rgb(_upright(picture), Path(getattr(picture, "filename", "") or "picture"))


def read_mask(
    path: Path, *, colours: Mapping[RGB, int] | Sequence[RGB] | None = None, max_pixels: int = MAX_PIXELS
) -> IndexMap:
    """The mask as (H, W) uint8 or uint16, one index a pixel.

    Palette pictures give their indices, grey pictures of 1, 8 or 16 bits their values. With `colours` (a list whose
    position is the index, or a table colour → index) every pixel is looked up by its colour instead, whatever the
    file's kind. Raises DataError where a colour is not in the table, or where colours are met and no table was given.
    """
    with _opened(path, max_pixels) as picture:
        upright = _upright(picture)
        if colours is not None:
            return _indices_of_colours(np.asarray(upright.convert("RGB")), colours, path)
        return _as_indices(upright, path)


def write_mask(path: Path, indices: IndexMap, palette: Sequence[RGB]) -> None:
    """The index map as a palette PNG that every viewer shows in its colours, or, above index 255, as a 16-bit grey PNG.

    Indices without a colour of their own (the void index) are shown in VOC's cream.
    """
    from PIL import Image as Pillow

    if int(indices.max(initial=0)) > 255:
        picture = Pillow.fromarray(indices.astype(np.uint16))
    else:
        picture = Pillow.fromarray(indices.astype(np.uint8), mode="P")
        table = [*palette[:256], *[VOC_VOID] * (256 - len(palette[:256]))]
        picture.putpalette([channel for colour in table for channel in colour])
    write_atomically(path, lambda file: picture.save(file, format="PNG"))


def write_image(path: Path, image: Image, *, quality: int = 90) -> None:
    """The picture (H, W, 3) uint8 as a file of the kind that its suffix says (PNG, JPEG, WebP, TIFF, BMP).

    `quality` (1 to 95) is for JPEG and WebP only.
    """
    from PIL import Image as Pillow

    if (suffix := path.suffix.lower()) not in SUFFIXES:
        raise DataError(f"no kind of picture ends in '{path.suffix}'; known: {', '.join(SUFFIXES)}.", where=str(path))
    kind = {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper())
    write_atomically(path, lambda file: Pillow.fromarray(image).save(file, format=kind, quality=quality))


# -- reading -------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path, max_pixels: int) -> Iterator[Picture]:
    """The file, its header read. Whatever goes wrong until the end of the block becomes one DataError with its name."""
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata that no pixel depends on
            with Pillow.open(path, formats=FORMATS) as picture:
                width, height = picture.size
                if width * height > max_pixels:
                    raise _too_large(path, f"{width}×{height} (width × height) = {width * height:,}", max_pixels)
                yield picture
    except (DataError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise DataError("there is no such file.", where=str(path)) from error
    except Pillow.DecompressionBombError as error:  # twice Pillow's own limit: it tells before we can look
        raise _too_large(path, "more than 178 million", max_pixels) from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"is not a picture that can be read ({', '.join(FORMATS)}).", where=str(path), hint="Replace the file."
        ) from error
    except Exception as error:  # on damaged files decoders raise nearly anything: OSError, SyntaxError, struct.error
        if isinstance(error, OSError) and error.errno:  # of the disk, not of the decoder
            raise DataError(f"could not be read: {error.strerror}.", where=str(path)) from error
        raise DataError(
            f"is damaged or cut short: {str(error) or type(error).__name__}.",
            where=str(path),
            hint="Replace the file, or pass over such pictures with data.on_corrupt: skip.",
        ) from error


def _too_large(path: Path, read: str, max_pixels: int) -> DataError:
    return DataError(
        f"has {read} pixels, {max_pixels:,} are allowed.",
        where=str(path),
        hint="Nothing was decoded. Make the picture smaller, or cut it into tiles.",
    )


def _upright(picture: Picture) -> Picture:
    from PIL import ImageOps

    return ImageOps.exif_transpose(picture)


def _as_rgb(picture: Picture, path: Path) -> Image:
    from PIL import Image as Pillow

    if picture.mode in ("I;16", "I;16B", "I;16L", "I"):
        values = _sixteen_bits(picture, path).astype(np.uint32)
        grey = ((values * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if picture.mode == "F":
        raise DataError("holds float values, which have no one meaning as a picture.", where=str(path), hint=SAVE_AS)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        ground = Pillow.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Pillow.alpha_composite(ground, picture.convert("RGBA"))
    array = np.array(picture if picture.mode == "RGB" else picture.convert("RGB"))
    array.setflags(write=False)
    return array


SAVE_AS = "Save it with 8 or 16 bits."


def _sixteen_bits(picture: Picture, path: Path) -> NDArray[np.uint16]:
    values = np.asarray(picture)
    if values.size and (int(values.min()) < 0 or int(values.max()) > 65535):
        raise DataError(
            f"holds values from {values.min()} to {values.max()}, 0 to 65535 are allowed.",
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
    raise DataError(
        f"holds colours ({picture.mode}), not one index a pixel.",
        where=str(path),
        hint="Say which colour is which class: mask_values: colour, and colours: a list of [R, G, B].",
    )


def _indices_of_colours(rgb: Image, colours: Mapping[RGB, int] | Sequence[RGB], path: Path) -> IndexMap:
    table = colours if isinstance(colours, Mapping) else {colour: index for index, colour in enumerate(colours)}
    codes = np.array([red << 16 | green << 8 | blue for red, green, blue in table], dtype=np.uint32)
    order = np.argsort(codes)
    found: NDArray[Any] = rgb.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)  # (H, W)
    place = np.searchsorted(codes[order], found).clip(max=len(codes) - 1)
    strange = codes[order][place] != found
    if strange.any():
        row, column = (int(axis[0]) for axis in strange.nonzero())
        names = listing([str(list(colour)) for colour in table])
        raise DataError(
            f"{int(strange.sum()):,} pixels have a colour that is no class, the first {rgb[row, column].tolist()} at "
            f"row {row}, column {column}; allowed: {names}.",
            where=str(path),
            hint="Was the mask saved as JPEG or resized smoothly? Masks need a lossless format and nearest neighbour.",
        )
    indices = np.array(list(table.values()))[order]
    result: IndexMap = indices[place].astype(np.uint8 if indices.max() < 256 else np.uint16)
    return result
