"""Grey pictures, palettes of a few colours, and the nearest palette colour of every pixel, for colourization.

Distances are Euclidean in RGB and computed in whole numbers, so that a tie is a tie: it goes to the lowest index.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixelwise.errors import DataError, RecipeError, ShapeError, listing, shown
from pixelwise.types import RGB, Image, IndexMap
from pixelwise.yaml_text import parse_text, read_file

LARGEST = 256  # colours of a palette: an index is one byte
SIDE = 16  # of the cubes in which the table of nearest colours is made
PIXELS = 100_000  # that k-means is shown; with ten times as many no centre of 24 moves by more than a step or two
DISTINCT_PIXELS = (
    4096  # drawn pictures have few colours: where a sample shows fewer than this, every pixel is looked at
)


def grey_sum(image: Image) -> NDArray[np.int16]:
    """R + G + B of every pixel, (H, W) in 0..765: three times its grey, still a whole number."""
    _check_image(image)
    total: NDArray[np.int16] = image.sum(axis=2, dtype=np.int16)
    return total


def grey(image: Image) -> Image:
    """The picture in grey, the mean of R, G and B rounded, (H, W, 3) with three equal channels."""
    level = ((grey_sum(image) + 1) // 3).astype(np.uint8)  # a third is never a half: adding 1 rounds to the nearest
    return np.repeat(level[:, :, None], 3, axis=2)


def nearest_colours(image: Image, palette: Sequence[RGB]) -> NDArray[np.uint8]:
    """The index of the palette colour nearest to each pixel, (H, W); the lowest index where two are equally near.

    image:  (H, W, 3) uint8;  palette: 1..256 colours
    """
    _check_image(image)
    table = nearest_table(tuple(palette))
    place = image[:, :, 0].astype(np.int32)
    for channel in (1, 2):
        place <<= 8
        place |= image[:, :, channel]
    return table[place]


@lru_cache(maxsize=2)
def nearest_table(palette: tuple[RGB, ...]) -> NDArray[np.uint8]:
    """The nearest palette index of every colour there is, at place r·65536 + g·256 + b: 16 MiB, made in a fraction of a second.

    The smallest of d²·256 + index over the palette, d² = (r − R)² + (g − G)² + (b − B)², holds the smallest distance and,
    among equal ones, the lowest index (d² is at most 195,075: it fits 32 bits). Looked at are cubes of 16³ colours, and
    in each only the palette colours that can be nearest: none whose least distance to the cube is above another's largest.
    Raises ShapeError for a palette of no colour or of too many.
    """
    colours = np.asarray(palette, np.int64)
    if colours.ndim != 2 or colours.shape[1] != 3 or not 1 <= len(colours) <= LARGEST:
        raise ShapeError(f"a palette has 1 to {LARGEST} colours of three channels, this one is {colours.shape}")
    difference = np.arange(256).reshape(-1, SIDE, 1, 1) - colours  # (cubes, SIDE, Q, 3), a channel each by itself
    squares = (difference**2 * 256).astype(np.int32)
    least = np.where((difference > 0).all(1) | (difference < 0).all(1), (difference**2).min(1), 0)  # (cubes, Q, 3)
    most = (difference**2).max(1)
    red, green, blue = np.moveaxis(squares, 3, 0).swapaxes(2, 3)  # (cubes, Q, SIDE) each
    green = green + np.arange(len(colours), dtype=np.int32)[:, None]
    table = np.empty((256, 256, 256), np.uint8)
    for r, g, b in np.ndindex(*3 * (256 // SIDE,)):
        nearest = most[r, :, 0] + most[g, :, 1] + most[b, :, 2]
        near = np.flatnonzero(least[r, :, 0] + least[g, :, 1] + least[b, :, 2] <= nearest.min())
        plane = green[g, near][:, :, None] + blue[b, near][:, None, :]
        best = (red[r, near][:, :, None, None] + plane[:, None]).min(axis=0)
        place = (slice(r * SIDE, (r + 1) * SIDE), slice(g * SIDE, (g + 1) * SIDE), slice(b * SIDE, (b + 1) * SIDE))
        table[place] = best & 255
    table.flags.writeable = False
    return table.reshape(-1)


def paint(indices: IndexMap, palette: Sequence[RGB]) -> Image:
    """The picture (H, W, 3) whose pixels have the palette's colours of these indices."""
    return np.asarray(palette, np.uint8)[indices]


def find_palette(images: NDArray[np.uint8], colours: int, seed: int) -> tuple[RGB, ...]:
    """The centres of `colours` clusters of the pictures' pixels, rounded, darkest first (k-means in RGB).

    images:  (N, H, W, 3) uint8; 100,000 of their pixels are drawn with the seed
    The result depends on pictures, number and seed alone (scikit-learn's k-means++ and Lloyd's iterations, the best of
    four starts). Raises DataError if there are fewer colours than asked for.
    """
    from sklearn.cluster import KMeans

    if not 2 <= colours <= LARGEST:
        raise ShapeError(f"a palette has 2 to {LARGEST} colours, not {colours}")
    pixels = _draw_pixels(images.reshape(-1, 3), colours, seed)
    different = len(np.unique(pixels, axis=0))
    if different < colours:
        raise DataError(
            f"the training pictures have {different} different colours, but a palette of {colours} was asked for.",
            where="task.colours",
            hint=f"Set task.colours={different} or fewer.",
        )
    fitted = KMeans(n_clusters=colours, n_init=4, random_state=seed).fit(pixels.astype(np.float64))
    centres = np.unique(np.rint(fitted.cluster_centers_).astype(np.int64), axis=0)
    if len(centres) < colours:
        raise DataError(
            f"k-means found {len(centres)} different colours in the training pictures, but {colours} were asked for.",
            where="task.colours",
            hint=f"Set task.colours={len(centres)} or fewer.",
        )
    ordered = sorted((sum(centre), *centre) for centre in centres.tolist())
    return tuple((red, green, blue) for _, red, green, blue in ordered)


def _draw_pixels(pixels: NDArray[np.uint8], colours: int, seed: int) -> NDArray[np.uint8]:
    """A draw of the pixels; all that differ, where a draw shows hardly any."""
    if len(pixels) <= PIXELS:
        return pixels
    generator = np.random.default_rng([seed, len(pixels)])
    drawn = pixels[np.sort(generator.choice(len(pixels), PIXELS, replace=False))]
    if len(np.unique(drawn, axis=0)) < max(colours, min(DISTINCT_PIXELS, 4 * colours)):
        return np.unique(pixels, axis=0)
    return drawn


# -- as text and files ---------------------------------------------------------------------------------------------


def as_hex(colour: RGB) -> str:
    """`#rrggbb`

    >>> as_hex((255, 128, 0))
    '#ff8000'
    """
    return "#{:02x}{:02x}{:02x}".format(*colour)


def parse_palette(entries: Any, where: str) -> tuple[RGB, ...]:
    """Colours from a list of `#rrggbb` or of three numbers each. Raises DataError with what was read.

    >>> parse_palette(["#ff8000", [0, 0, 9]], "here")
    ((255, 128, 0), (0, 0, 9))
    """
    if not isinstance(entries, list) or not entries:
        raise DataError(f"contains {shown(entries)}, not a list of colours.", where=where)
    colours = tuple(_parse_colour(entry, where) for entry in entries)
    if len(set(colours)) < len(colours):
        twice = [as_hex(colour) for colour in dict.fromkeys(colours) if colours.count(colour) > 1]
        raise DataError(f"names a colour more than once: {listing(twice)}.", where=where, hint="Name each once.")
    return colours


def _parse_colour(entry: Any, where: str) -> RGB:
    if isinstance(entry, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", entry.strip()):
        red, green, blue = bytes.fromhex(entry.strip()[1:])
        return red, green, blue
    if isinstance(entry, list) and len(entry) == 3 and all(type(v) is int and 0 <= v <= 255 for v in entry):
        return entry[0], entry[1], entry[2]
    what = f"read {shown(entry)}; a colour must be '#rrggbb', or three whole numbers from 0 to 255."
    raise DataError(what, where=where, hint="A palette file is a JSON list of colours, or a line '#rrggbb' for each.")


def read_palette(path: Path) -> tuple[RGB, ...]:
    """The palette of a file: a JSON or YAML list of colours, or one `#rrggbb` a line. Raises DataError for anything else."""
    try:
        text = read_file(path)
        if text.lstrip().startswith("#"):
            return parse_palette([line.strip() for line in text.splitlines() if line.strip()], str(path))
        return parse_palette(parse_text(text.replace("\t", " "), str(path)), str(path))  # JSON may be indented by tabs
    except RecipeError as error:
        raise DataError.all(error.problems) from error


def _check_image(image: Image) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ShapeError(
            f"a picture is (H, W, 3) uint8, this one is {image.shape} {image.dtype}",
            hint="`read_image` turns grey and transparent files into RGB.",
        )
