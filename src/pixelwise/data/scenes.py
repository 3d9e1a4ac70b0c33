"""Scenes: the built-in data set, drawn from a seed: no download.

The same scenes everywhere; where another processor rounds a sine differently, a rare pixel may differ by a grey level.

A scene is textured shapes that touch and overlap on textured ground, with the exact truth of every pixel. Shapes are signed
distances: negative inside, in pixels, so that one formula gives the exact mask and the soft edge. Their functions take the
coordinates (H, W) float32 of pixel centres in the shape's own frame (origin at its centre). Textures between two colours
are one plane 0..1 each.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from pixelwise.data.base import Dataset
from pixelwise.deferred import Deferred
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.rle import RLE
from pixelwise.shelf import declares
from pixelwise.types import DatasetInfo, Object, Sample

VOID = 255
Plane = NDArray[np.float32]  # (H, W), or (H, W, 3)
CLASSES = ("ground", "disc", "box", "triangle", "star", "ring", "wire")
REACH = (0.88, 1.0, 1.18, 1.2, 0.98)  # relative radii, so that the solids cover about equal areas
WIRE = 6
TEXTURES = ("plain", "stripes", "checks", "dots", "waves", "grain")
FAVOURITES = ("dots", "checks", "stripes", "plain", "waves")  # what a solid of each class wears more often than not
FAITH = 0.8  # how often, besides by chance: texture alone, or colour alone, is wrong for one object in six
LIGHT = np.array([-0.6, -0.8], dtype=np.float32)  # from the upper left

# Each palette: two shades of ground, then the favourite colours of disc (orange), box (blue), triangle (green), star
# (light), ring (red) and wire. A hint, no more: one object in six has another colour, independently of its texture.
PALETTES = (
    ("#e8dcc4 #cdb891", "#f4a261 #457b9d #2a9d8f #fdf6e3 #e63946 #1d3557"),
    ("#22333b #31493f", "#d68c45 #5b8fb9 #6fae7f #f4ead5 #bf4342 #c6ac8f"),
    ("#cfe0d4 #a3bfa8", "#f4a261 #3a6ea5 #2a7f62 #ffffff #d1495b #264653"),
    ("#2b2d42 #414770", "#ef8354 #5fa8d3 #3bceac #edf2f4 #d90368 #8d99ae"),
    ("#f6e7d8 #e6c3ae", "#e09f3e #2f6690 #4f9d69 #fffdf7 #9e2a4b #6d2e46"),
    ("#b7c9d9 #8ea9c1", "#fca311 #1f4e9b #386641 #ffffff #9b2226 #14213d"),
    ("#5f7a4c #496238", "#dda15e #6ba3d6 #a7d676 #fefae0 #c8553d #3d405b"),
    ("#d8cfe3 #b8a9cc", "#ff9f1c #086375 #1dd3b0 #fdfcdc #f25f5c #3c1642"),
)


class Scenes(Dataset):
    """Splits train, val and test, each drawn from its own stream: more of one changes nothing in another."""

    def __init__(self, size: int, counts: dict[str, int], seed: int, rim: int) -> None:
        self.size, self.counts, self.seed, self.rim = size, counts, seed, rim
        self.info = DatasetInfo(
            name="scenes",
            classes=CLASSES,
            colours=distinct_colours(len(CLASSES)),
            knows=frozenset({"mask", "objects", "label"}),
            void=VOID if rim else None,
            source="drawn by pixelwise",
        )

    def splits(self) -> tuple[str, ...]:
        return tuple(split for split, count in self.counts.items() if count)

    def names(self, split: str) -> tuple[str, ...]:
        return tuple(f"{split}-{index:05d}" for index in range(self.counts[split]))

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        return ()

    def read(self, split: str, index: int) -> Sample:
        stream = tuple(self.counts).index(split)
        scene = draw_scene(self.size, np.random.default_rng((self.seed, stream, index)))
        mask = void_rim(scene.mask, scene.instances, self.rim, VOID) if self.rim else scene.mask
        objects = Deferred(lambda: _objects(scene))
        return Sample(f"{split}-{index:05d}", scene.image, mask, objects, scene.label)

    def settings(self) -> dict[str, object]:
        return {"size": self.size, "seed": self.seed, "void_rim": self.rim, "drawing": _drawing_digest()}


def _objects(scene: Scene) -> list[Object]:
    """The objects of a scene, each with the class and the pixels that are seen of it."""
    planes = [scene.instances == number for number in range(1, int(scene.instances.max()) + 1)]
    return [Object.of(int(scene.mask[plane][0]), RLE.of(plane)) for plane in planes]


@declares(knows=("mask", "objects", "label"), draws=("train", "val", "test"))
def scenes(
    root: Path,
    *,
    size: Annotated[int, Ge(32), Le(1024)] = 96,
    train: Annotated[int, Ge(1)] = 320,
    val: Annotated[int, Ge(0)] = 80,
    test: Annotated[int, Ge(0)] = 80,
    seed: Annotated[int, Ge(0)] = 0,
    void_rim: Annotated[int, Ge(0), Le(8)] = 0,
) -> Dataset:
    """Textured discs, boxes, triangles, stars, rings and wires that touch and overlap on textured ground.

    `size` is height and width in pixels; `train`, `val`, `test` are numbers of pictures; `void_rim` marks that many
    pixels on both sides of every border between objects as void (255). Colour and texture are
    hints, each wrong for one object in six; shape decides. `root` is not used: nothing is read.
    """
    return Scenes(size, {"train": train, "val": val, "test": test}, seed, void_rim)


@cache
def _drawing_digest() -> str:
    """A digest of the drawing code, so that a cache of pictures that an older version drew is not used."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]


# -- drawing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """image (H, W, 3) uint8, mask (H, W) uint8, instances (H, W) uint16 (1..N, all visible), label of the largest."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    label: int


@dataclass(frozen=True, eq=False)
class _Canvas:
    """A scene in the making: pixels (H, W, 3) float32, the class of each, and the number of its object (0 for none)."""

    pixels: Plane
    mask: NDArray[np.uint8]
    instances: NDArray[np.uint16]

    def paint(self, rows: slice, columns: slice, distance: Plane, colour: Plane, kind: int, shadow: float) -> None:
        """Lay a shape over it: a shadow that ends after `shadow` pixels, its colour with a soft edge, its truth."""
        part = self.pixels[rows, columns]
        part *= (1 - 0.36 * np.clip(1 - distance / np.float32(shadow), 0, 1) ** 2)[:, :, None]
        cover = np.clip(0.5 - distance, 0, 1)[:, :, None]
        rim = np.clip(1 + distance / np.float32(2.2), 0, 1)[:, :, None] * np.float32(0.18)  # a darker edge
        part += (colour * (1 - rim) - part) * cover
        inside = distance < 0
        self.mask[rows, columns][inside] = kind
        self.instances[rows, columns][inside] = self.instances.max() + 1


def draw_scene(size: int, generator: np.random.Generator) -> Scene:
    """A square scene of `size` pixels. All that is random comes from `generator`.

    A pixel belongs to the topmost shape whose signed distance at the pixel's centre is below 0.
    """
    ground, colours = map(_colours, PALETTES[int(generator.integers(len(PALETTES)))])
    pixels = _draw_ground(size, ground, generator)
    canvas = _Canvas(pixels, np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint16))
    solids = int(generator.integers(7, 12))
    placed: list[tuple[float, float, float]] = []
    wires = generator.integers(0, solids, size=int(generator.integers(1, 4)))  # before which solids a wire is drawn
    for index in range(solids):
        for _ in range(int((wires == index).sum())):
            _draw_wire(canvas, colours, generator)
        _draw_solid(canvas, colours, placed, generator)
    pixels += noise(size, size, 2, generator)[:, :, None] * np.float32(6)  # light that falls unevenly
    pixels += generator.standard_normal(pixels.shape, dtype=np.float32) * np.float32(3.5)  # grain of the film
    return Scene(np.clip(pixels, 0, 255).astype(np.uint8), canvas.mask, *_only_visible(canvas.mask, canvas.instances))


def void_rim(mask: NDArray[np.uint8], instances: NDArray[np.uint16], width: int, void: int) -> NDArray[np.uint8]:
    """The mask with `void` wherever another object (or ground) lies within `width` pixels, up, down, left or right."""
    low, high = instances.copy(), instances.copy()
    for _ in range(width):
        low, high = _spread(low, np.minimum), _spread(high, np.maximum)
    return np.where(low != high, np.uint8(void), mask)


def _spread(plane: NDArray[np.uint16], choose: np.ufunc) -> NDArray[np.uint16]:
    result = plane.copy()
    for target, source in ((result, plane), (result.T, plane.T)):
        choose(target[1:], source[:-1], out=target[1:])
        choose(target[:-1], source[1:], out=target[:-1])
    return result


def _colours(text: str) -> Plane:
    return np.array([list(bytes.fromhex(word[1:])) for word in text.split()], dtype=np.float32)


def _draw_ground(size: int, ground: Plane, generator: np.random.Generator) -> Plane:
    """Two shades mixed by smooth noise, with a faint pattern of the kind that shapes also wear."""
    x, y = _frame(slice(0, size), slice(0, size), size / 2, size / 2, float(generator.uniform(0, np.pi)))
    kind = TEXTURES[int(generator.integers(len(TEXTURES)))]
    pattern = texture(kind, x, y, size * float(generator.uniform(0.06, 0.2)), generator)
    mix = np.clip(0.5 + 0.5 * noise(size, size, 3, generator) + 0.35 * (pattern - 0.5), 0, 1)[:, :, None]
    return np.asarray(ground[0] * (1 - mix) + ground[1] * mix)


def _draw_solid(
    canvas: _Canvas, colours: Plane, placed: list[tuple[float, float, float]], generator: np.random.Generator
) -> None:
    size = len(canvas.mask)
    kind = int(generator.integers(len(SOLIDS)))
    radius = size * float(generator.uniform(0.11, 0.22)) * REACH[kind]
    row, column = _place(size, radius, placed, generator)
    placed.append((row, column, radius))
    shadow = 0.09 * size
    reach = 1.1 * radius + shadow + 1
    rows, columns = _window(row, reach, size), _window(column, reach, size)
    x, y = _frame(rows, columns, row, column, float(generator.uniform(0, 2 * np.pi)))
    distance = SOLIDS[kind](x, y, radius)
    colour = _dress(kind, x, y, radius * float(generator.uniform(0.4, 0.7)), colours, generator)
    right, down = np.arange(columns.start, columns.stop) - column, np.arange(rows.start, rows.stop) - row
    upright = (right * LIGHT[0])[None, :] + (down * LIGHT[1])[:, None]
    colour *= (1 + 0.16 * upright / radius)[:, :, None].astype(np.float32)  # lighter towards the light
    canvas.paint(rows, columns, distance, colour, kind + 1, shadow)


def _draw_wire(canvas: _Canvas, colours: Plane, generator: np.random.Generator) -> None:
    size = len(canvas.mask)
    row, column = (size * generator.uniform(0.3, 0.7, 2)).tolist()
    whole = slice(0, size)
    x, y = _frame(whole, whole, row, column, float(generator.uniform(0, np.pi)))
    x += np.float32(generator.uniform(0, size))
    amplitude, wavelength = size * float(generator.uniform(0.03, 0.1)), size * float(generator.uniform(0.4, 0.8))
    distance = wire(x, y, amplitude, wavelength, thickness=max(2.0, 0.034 * size))
    chosen = WIRE - 1 if generator.random() < FAITH else int(generator.integers(len(colours)))
    colour = np.broadcast_to(colours[chosen], canvas.pixels.shape)
    canvas.paint(whole, whole, distance, colour, WIRE, shadow=0.06 * size)


def _place(
    size: int, radius: float, placed: list[tuple[float, float, float]], generator: np.random.Generator
) -> tuple[float, float]:
    """Half of the shapes touch or overlap one that is there already, the others lie anywhere."""
    if placed and generator.random() < 0.5:
        row, column, other = placed[int(generator.integers(len(placed)))]
        angle, gap = generator.uniform(0, 2 * np.pi), generator.uniform(0.7, 1.0) * (radius + other)
        row, column = row + gap * np.sin(angle), column + gap * np.cos(angle)
    else:
        row, column = generator.uniform(0.05 * size, 0.95 * size, 2)
    return float(np.clip(row, 0, size)), float(np.clip(column, 0, size))


def _window(centre: float, reach: float, size: int) -> slice:
    return slice(max(0, int(centre - reach)), min(size, int(centre + reach) + 2))


def _frame(rows: slice, columns: slice, row: float, column: float, angle: float) -> tuple[Plane, Plane]:
    """Coordinates of pixel centres in a frame with its origin at (row, column), turned by `angle`."""
    down = (np.arange(rows.start, rows.stop, dtype=np.float32) + np.float32(0.5 - row))[:, None]
    right = (np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(0.5 - column))[None, :]
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cosine * right + sine * down, cosine * down - sine * right


def _dress(kind: int, x: Plane, y: Plane, period: float, colours: Plane, generator: np.random.Generator) -> Plane:
    """The colour of every pixel of a solid: mostly its class's favourite colour and texture, each drawn on its own."""
    first = kind if generator.random() < FAITH else int(generator.integers(len(colours)))
    second = (first + int(generator.integers(1, len(colours)))) % len(colours)
    name = FAVOURITES[kind] if generator.random() < FAITH else TEXTURES[int(generator.integers(len(TEXTURES)))]
    strength = np.float32(0.25 if name == "grain" else generator.uniform(0.5, 0.95))
    share = texture(name, x, y, max(4.0, period), generator)[:, :, None] * strength
    return np.asarray(colours[first] * (1 - share) + colours[second] * share)


def _only_visible(mask: NDArray[np.uint8], instances: NDArray[np.uint16]) -> tuple[NDArray[np.uint16], int]:
    """Instances renumbered 1..N without those that are wholly hidden, and the class of the largest."""
    counts = np.bincount(instances.ravel())
    counts[0] = 0
    numbers = np.cumsum(counts > 0) * (counts > 0)
    largest = int(mask[instances == counts.argmax()][0])
    return numbers.astype(np.uint16)[instances], largest


# -- shapes ----------------------------------------------------------------------------------------------------------


def disc(x: Plane, y: Plane, radius: float) -> Plane:
    """A disc."""
    return np.asarray(np.hypot(x, y) - np.float32(radius))


def ring(x: Plane, y: Plane, radius: float) -> Plane:
    """A ring whose hole is half as wide as itself: what is below shows through."""
    return np.asarray(np.abs(np.hypot(x, y) - np.float32(0.74 * radius)) - np.float32(0.26 * radius))


def box(x: Plane, y: Plane, radius: float) -> Plane:
    """A square with rounded corners; `radius` reaches its corners."""
    half, corner = np.float32(0.76 * radius), np.float32(0.12 * radius)
    across, down = np.abs(x) - half + corner, np.abs(y) - half + corner
    outside = np.hypot(np.maximum(across, 0), np.maximum(down, 0))
    return np.asarray(outside + np.minimum(np.maximum(across, down), 0) - corner)


def triangle(x: Plane, y: Plane, radius: float) -> Plane:
    """An equilateral triangle with slightly rounded corners."""
    return polygon(x, y, _corners(3, radius * 1.06, radius * 1.06)) - np.float32(0.06 * radius)


def star(x: Plane, y: Plane, radius: float) -> Plane:
    """A star of five points, a little rounded."""
    return polygon(x, y, _corners(5, radius, 0.48 * radius)) - np.float32(0.05 * radius)


def wire(x: Plane, y: Plane, amplitude: float, wavelength: float, thickness: float) -> Plane:
    """A wavy line along the x axis, `thickness` pixels wide: a thin structure.

    Distance to the curve y = a·sin(kx), to first order: |y − a·sin(kx)| / √(1 + (a·k·cos(kx))²).
    """
    k = np.float32(2 * np.pi / wavelength)
    slope = np.float32(amplitude) * k * np.cos(k * x)
    distance = np.abs(y - np.float32(amplitude) * np.sin(k * x)) / np.sqrt(1 + slope * slope)
    return np.asarray(distance - np.float32(thickness / 2))


def polygon(x: Plane, y: Plane, corners: NDArray[np.float32]) -> Plane:
    """The exact signed distance to a simple polygon with `corners` (N, 2) in order.

    The nearest point of each edge gives the distance, the number of edges crossed by a ray the sign (even-odd rule).
    """
    nearest = np.full(x.shape, np.inf, dtype=np.float32)
    inside = np.zeros(x.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ex, ey = bx - ax, by - ay
        px, py = x - ax, y - ay
        along = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, (px - along * ex) ** 2 + (py - along * ey) ** 2)
        if ey != 0:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * (ex / ey))
    distance = np.sqrt(nearest)
    return np.where(inside, -distance, distance)


def _corners(points: int, outer: float, inner: float) -> NDArray[np.float32]:
    """Corners on a circle of radius `outer`; where `inner` differs, one of radius `inner` between every two."""
    count = points if inner == outer else 2 * points
    angles = 2 * np.pi * np.arange(count) / count - np.pi / 2
    radii = np.where(np.arange(count) % 2 == 0, outer, inner) if count > points else np.full(count, outer)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1).astype(np.float32)


SOLIDS = (disc, box, triangle, star, ring)  # classes 1 to 5, in this order


# -- textures --------------------------------------------------------------------------------------------------------


def texture(kind: str, x: Plane, y: Plane, period: float, generator: np.random.Generator) -> Plane:
    """The share 0..1 of the second colour at every coordinate (x, y); edges are about a pixel soft.

    `period` is the length in pixels after which the pattern repeats.
    """
    k = np.float32(2 * np.pi / period)
    soft = np.float32(period / 7)  # slope of the edge: from one colour to the other within about a pixel
    match kind:
        case "stripes":
            value = np.sin(k * x) * soft
        case "checks":
            value = np.sin(k * x) * np.sin(k * y) * soft * 1.4
        case "dots":
            value = (np.cos(k * x) + np.cos(k * y) - np.float32(0.55)) * soft
        case "waves":
            value = np.sin(k * (x + np.float32(period / 5) * np.sin(k * np.float32(0.7) * y))) * soft
        case _:
            return generator.random(x.shape, dtype=np.float32) if kind == "grain" else np.zeros_like(x)
    return np.asarray(np.clip(value + np.float32(0.5), 0, 1))


def noise(height: int, width: int, cells: int, generator: np.random.Generator) -> Plane:
    """Smooth noise (H, W) around 0, about ±1: three octaves of random grids, enlarged by cubic B-splines.

    `cells` is the number of grid cells across the picture in the coarsest octave.
    """
    total = np.zeros((height, width), dtype=np.float32)
    for octave in range(3):
        count = cells * 2**octave
        grid = generator.standard_normal((count + 3, count + 3), dtype=np.float32)
        total += np.float32(1.6 * 0.5**octave) * (_enlarge(height, count) @ grid @ _enlarge(width, count).T)
    return total


@cache
def _enlarge(length: int, cells: int) -> Plane:
    """The matrix (length, cells + 3) that interpolates a row of grid points by uniform cubic B-splines."""
    place = (np.arange(length) + 0.5) / length * cells
    left = np.minimum(place.astype(int), cells - 1)
    t = place - left
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    matrix = np.zeros((length, cells + 3), dtype=np.float32)
    for offset, weight in enumerate(weights):
        matrix[np.arange(length), left + offset] = weight / 6
    matrix.setflags(write=False)
    return matrix
