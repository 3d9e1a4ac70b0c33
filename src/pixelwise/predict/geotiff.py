"""The georeference of a GeoTIFF, kept in the masks that are predicted from it (GeoTIFF 1.1, OGC 19-008)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.run.atomic import write_atomically
from pixelwise.types import RGB

SUFFIXES = (".tif", ".tiff")
# ModelPixelScale, IntergraphMatrix, ModelTiepoint, ModelTransformation, GeoKeyDirectory, GeoDoubleParams, GeoAsciiParams, RPCs
TAGS = (33550, 33920, 33922, 34264, 34735, 34736, 34737, 50844)
ORIENTATION = 274


@dataclass(frozen=True)
class Georeference:
    """The tags of a GeoTIFF that say where it lies: (code, type, count, value) of each, as tifffile has them."""

    tags: tuple[tuple[int, int, int, Any], ...]


def georeference_of(file: Path) -> tuple[Georeference | None, str]:
    """The georeference of a picture, if its mask can have it too; otherwise the reason why not.

    The tags describe the stored pixels, so a picture that its orientation turns has no georeference here.
    """
    if file.suffix.lower() not in SUFFIXES:
        return None, ""
    try:
        import tifffile
    except ModuleNotFoundError:
        return None, "needs the package tifffile (pip install 'pixelwise[tiff]')" if _has_tags(file) else ""
    try:
        with tifffile.TiffFile(file) as opened:
            page: Any = opened.pages[0]
            found = [page.tags[code] for code in TAGS if code in page.tags]
            tags = tuple((tag.code, int(tag.dtype), tag.count, tag.value) for tag in found)
            orientation = page.tags[ORIENTATION].value if ORIENTATION in page.tags else 1
    except Exception:  # of a damaged file, in any way: reading it says what is wrong
        return None, ""
    if tags and orientation != 1:
        return None, "the orientation in the file turns the picture"
    return (Georeference(tags) if tags else None), ""


def _has_tags(file: Path) -> bool:
    from PIL import Image as Pillow

    try:
        with Pillow.open(file, formats=("TIFF",)) as picture:
            return any(code in getattr(picture, "tag_v2", {}) for code in TAGS)
    except Exception:  # reading it says what is wrong
        return False


def write_geotiff(path: Path, plane: NDArray[Any], colours: Sequence[RGB], where: Georeference) -> None:
    """The map (H, W) as a TIFF that lies where its picture does, in the colours of the classes if there are any."""
    import tifffile

    told: dict[str, Any] = {"photometric": "minisblack"}
    if colours and plane.dtype == np.uint8:
        table = np.zeros((3, 256), np.uint16)
        table[:, : len(colours)] = np.array(colours, np.uint16).T * 257
        told = {"photometric": "palette", "colormap": table}
    tags = [(*tag, True) for tag in where.tags]

    def save(file: Any) -> None:
        tifffile.imwrite(file, plane, extratags=tags, metadata=None, compression="zlib", **told)

    write_atomically(path, save)
