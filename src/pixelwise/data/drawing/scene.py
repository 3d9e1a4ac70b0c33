"""One scene: textured shapes that touch and overlap on textured ground, with the exact truth of every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.drawing import shapes
from pixelwise.data.drawing.textures import TEXTURES, noise, texture

CLASSES = ("ground", "disc", "box", "triangle", "star", "ring", "wire")
SOLIDS = (shapes.disc, shapes.box, shapes.triangle, shapes.star, shapes.ring)  # classes 1 to 5, in this order
REACH = (0.88, 1.0, 1.18, 1.2, 0.98)  # relative radii, so that the solids cover about equal areas
WIRE = 6
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


@dataclass(frozen=True)
class Scene:
    """image (H, W, 3) uint8, mask (H, W) uint8, instances (H, W) uint16 (1..N, all visible), label of the largest."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    label: int


def draw_scene(size: int, generator: np.random.Generator) -> Scene:
    """A square scene of `size` pixels. All that is random comes from `generator`.

    A pixel belongs to the topmost shape whose signed distance at the pixel's centre is below 0.
    """
    ground, colours = _palette(generator)
    canvas = _draw_ground(size, ground, generator)
    mask = np.zeros((size, size), dtype=np.uint8)
    instances = np.zeros((size, size), dtype=np.uint16)
    solids = int(generator.integers(7, 12))
    placed: list[tuple[float, float, float]] = []
    wires = generator.integers(0, solids, size=int(generator.integers(1, 4)))  # before which solids a wire is drawn
    for index in range(solids):
        for _ in range(int((wires == index).sum())):
            _draw_wire(canvas, mask, instances, colours, generator)
        _draw_solid(canvas, mask, instances, colours, placed, generator)
    canvas += noise(size, size, 2, generator)[:, :, None] * np.float32(6)  # light that falls unevenly
    canvas += generator.standard_normal(canvas.shape, dtype=np.float32) * np.float32(3.5)  # grain of the film
    image = np.clip(canvas, 0, 255).astype(np.uint8)
    return Scene(image, mask, *_only_visible(mask, instances))


def void_rim(mask: NDArray[np.uint8], instances: NDArray[np.uint16], width: int, void: int) -> NDArray[np.uint8]:
    """The mask with `void` wherever another object (or ground) lies within `width` pixels, up, down, left or right."""
    low, high = instances.copy(), instances.copy()
    for _ in range(width):
        low, high = _spread(low, np.minimum), _spread(high, np.maximum)
    return np.where(low != high, np.uint8(void), mask)


def _spread(plane: NDArray[np.uint16], choose: np.ufunc) -> NDArray[np.uint16]:
    result = plane.copy()
    for target, source in (((slice(1, None), slice(None)), (slice(None, -1), slice(None))),):
        choose(result[target], plane[source], out=result[target])
        choose(result[source], plane[target], out=result[source])
        flipped, other = result.T, plane.T
        choose(flipped[target], other[source], out=flipped[target])
        choose(flipped[source], other[target], out=flipped[source])
    return result


def _palette(generator: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    ground, colours = PALETTES[int(generator.integers(len(PALETTES)))]
    return _colours(ground), _colours(colours)


def _colours(text: str) -> NDArray[np.float32]:
    return np.array([list(bytes.fromhex(word[1:])) for word in text.split()], dtype=np.float32)


def _draw_ground(size: int, ground: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """Two shades mixed by smooth noise, with a faint pattern of the kind that shapes also wear."""
    x, y = _frame(slice(0, size), slice(0, size), size / 2, size / 2, float(generator.uniform(0, np.pi)))
    kind = TEXTURES[int(generator.integers(len(TEXTURES)))]
    pattern = texture(kind, x, y, size * float(generator.uniform(0.06, 0.2)), generator)
    mix = np.clip(0.5 + 0.5 * noise(size, size, 3, generator) + 0.35 * (pattern - 0.5), 0, 1)[:, :, None]
    return np.asarray(ground[0] * (1 - mix) + ground[1] * mix)


def _draw_solid(
    canvas: NDArray[np.float32],
    mask: NDArray[np.uint8],
    instances: NDArray[np.uint16],
    colours: NDArray[np.float32],
    placed: list[tuple[float, float, float]],
    generator: np.random.Generator,
) -> None:
    size = len(mask)
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
    upright = ((np.arange(columns.start, columns.stop) - column) * LIGHT[0])[None, :] + (
        (np.arange(rows.start, rows.stop) - row) * LIGHT[1]
    )[:, None]
    colour *= (1 + 0.16 * upright / radius)[:, :, None].astype(np.float32)  # lighter towards the light
    _paint(canvas, mask, instances, rows, columns, distance, colour, kind + 1, shadow)


def _draw_wire(
    canvas: NDArray[np.float32],
    mask: NDArray[np.uint8],
    instances: NDArray[np.uint16],
    colours: NDArray[np.float32],
    generator: np.random.Generator,
) -> None:
    size = len(mask)
    row, column = (size * generator.uniform(0.3, 0.7, 2)).tolist()
    whole = slice(0, size)
    x, y = _frame(whole, whole, row, column, float(generator.uniform(0, np.pi)))
    x += np.float32(generator.uniform(0, size))
    amplitude, wavelength = size * float(generator.uniform(0.03, 0.1)), size * float(generator.uniform(0.4, 0.8))
    distance = shapes.wire(x, y, amplitude, wavelength, thickness=max(2.0, 0.034 * size))
    chosen = WIRE - 1 if generator.random() < FAITH else int(generator.integers(len(colours)))
    colour = np.broadcast_to(colours[chosen], canvas.shape)
    _paint(canvas, mask, instances, whole, whole, distance, colour, WIRE, shadow=0.06 * size)


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


def _frame(
    rows: slice, columns: slice, row: float, column: float, angle: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Coordinates of pixel centres in a frame with its origin at (row, column), turned by `angle`."""
    down = (np.arange(rows.start, rows.stop, dtype=np.float32) + np.float32(0.5 - row))[:, None]
    right = (np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(0.5 - column))[None, :]
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cosine * right + sine * down, cosine * down - sine * right


def _dress(
    kind: int,
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    period: float,
    colours: NDArray[np.float32],
    generator: np.random.Generator,
) -> NDArray[np.float32]:
    """The colour of every pixel of a solid: mostly its class's favourite colour and texture, each drawn on its own."""
    first = kind if generator.random() < FAITH else int(generator.integers(len(colours)))
    second = (first + int(generator.integers(1, len(colours)))) % len(colours)
    name = FAVOURITES[kind] if generator.random() < FAITH else TEXTURES[int(generator.integers(len(TEXTURES)))]
    strength = np.float32(0.25 if name == "grain" else generator.uniform(0.5, 0.95))
    share = texture(name, x, y, max(4.0, period), generator)[:, :, None] * strength
    return np.asarray(colours[first] * (1 - share) + colours[second] * share)


def _paint(
    canvas: NDArray[np.float32],
    mask: NDArray[np.uint8],
    instances: NDArray[np.uint16],
    rows: slice,
    columns: slice,
    distance: NDArray[np.float32],
    colour: NDArray[np.float32],
    kind: int,
    shadow: float,
) -> None:
    """Lay a shape over the canvas: a shadow that ends after `shadow` pixels, its colour with a soft edge, its truth."""
    part = canvas[rows, columns]
    part *= (1 - 0.36 * np.clip(1 - distance / np.float32(shadow), 0, 1) ** 2)[:, :, None]
    cover = np.clip(0.5 - distance, 0, 1)[:, :, None]
    rim = np.clip(1 + distance / np.float32(2.2), 0, 1)[:, :, None] * np.float32(0.18)  # a darker edge
    part += (colour * (1 - rim) - part) * cover
    inside = distance < 0
    mask[rows, columns][inside] = kind
    instances[rows, columns][inside] = instances.max() + 1


def _only_visible(mask: NDArray[np.uint8], instances: NDArray[np.uint16]) -> tuple[NDArray[np.uint16], int]:
    """Instances renumbered 1..N without those that are wholly hidden, and the class of the largest."""
    counts = np.bincount(instances.ravel())
    counts[0] = 0
    numbers = np.cumsum(counts > 0) * (counts > 0)
    largest = int(mask[instances == counts.argmax()][0])
    return numbers.astype(np.uint16)[instances], largest
