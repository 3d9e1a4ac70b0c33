"""The receptive field: which input pixels one output pixel sees, layer by layer, exactly.

Every layer reads rows and columns independently, so the pixels that are seen are followed backwards as sets of positions
along each axis. Strides and starts are those of Araujo, Norris and Sim, "Computing receptive fields of
convolutional neural networks" (Distill, 2019), extended to transposed convolutions and upsampling, whose strides are
fractions. A drawing as SVG shows a cut through all layers, and the growing boxes on the input picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from pixelwise.arithmetic.layers import Convolution, Layer, Pool, TransposedConvolution, Upsample
from pixelwise.arithmetic.network import Flow, Network, flow, symbols_of
from pixelwise.arithmetic.table import Table
from pixelwise.arithmetic.window import Shape
from pixelwise.errors import ShapeError

Positions = NDArray[np.int64]
FractionPair = tuple[Fraction, Fraction]
WIDTH, LEFT, ROW, CELL = 900, 230, 54, 18  # pixels: the page, the column of words, a layer's row, a cell's height
INK, PALE, SEEN, FAN = "#1d2733", "#e6eaf0", "#d9642c", "#f3c7ae"
SHADES = ("#f7d9c8", "#efb798", "#e6956a", "#d9642c", "#b04a1b", "#7c3210")
QUIET = {"norm", "activation", "shape"}  # layers that move no pixel
MOST_PHASES = 64  # neighbouring pixels looked at where upsampling makes their fields differ


@dataclass(frozen=True)
class Box:
    """Rows top..bottom and columns left..right, all inclusive. Negative or too large members lie in the padding."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)"""
        return self.bottom - self.top + 1, self.right - self.left + 1

    def __str__(self) -> str:
        return f"rows {self.top}..{self.bottom}, columns {self.left}..{self.right}"


@dataclass(frozen=True)
class Field:
    """The receptive field of a layer's outputs in the input.

    size:    (H, W) of the field far from the border; the largest one if neighbours differ (after upsampling)
    stride:  input pixels between the fields of neighbours, a fraction after upsampling
    start:   centre of the first output's field, in input pixels (the first pixel's centre is 0)
    box:     the pixels that the middle output sees, without padding; None if it sees no pixel
    reach:   the same without a border: pixels outside the input are padding
    dense:   whether a dense layer or global pooling has mixed all pixels
    """

    label: str
    shape: Shape
    size: tuple[int, int]
    stride: FractionPair
    start: FractionPair
    box: Box | None
    reach: Box | None
    dense: bool

    def as_record(self) -> dict[str, Any]:
        """For JSON."""
        movement = {} if self.dense else {"stride": self.stride, "start": self.start}
        return {"layer": self.label, "gives": self.shape, "sees": self.size, **movement, "dense": self.dense}


def fields_table(fields: list[Field], *notes: str) -> Table:
    """One row per layer: its output size, its field, and the distance of neighbouring fields."""

    def written(pair: FractionPair) -> str:
        return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}, {pair[1]}"

    moves = [(None, None) if f.dense else (written(f.stride), written(f.start)) for f in fields]
    rows = [(f.label, f.shape, f.size, *move) for f, move in zip(fields, moves, strict=True)]
    stride = "stride: input pixels between the fields of neighbours"
    legend = f"{stride}; start: centre of the first field (pixel 0 is at 0)."
    return Table("Receptive fields", ("layer", "gives", "sees", "stride", "start"), rows, (legend, *notes))


def receptive_fields(network: Network, shape: Shape) -> list[Field]:
    """The field of every layer. Raises ShapeError if shapes do not fit or are symbols.

    >>> from pixelwise.arithmetic.text import parse_network
    >>> receptive_fields(parse_network("conv 3 8 same | maxpool 2 | conv 3 8 same"), (3, 32, 32))[-1].size
    (8, 8)
    """
    rows = numeric_flow(network, shape)
    moves = [((Fraction(1), Fraction(0)),) * 2]  # (stride, start) of both axes, by place
    fields: list[Field] = []
    mixed = [False]
    for row in rows:
        down, across = (_step_through(row.step.layer, axis, *moves[row.inputs[0]][axis]) for axis in (0, 1))
        moves.append((down, across))
        mixed.append(_mixes(row) or any(mixed[place] for place in row.inputs))
        if row.step.layer.kind in ("norm", "activation") and fields:  # sees what the layer before it sees
            fields.append(replace(fields[-1], label=row.label))
            continue
        box, reach = (input_box(rows, row.number, middle_pixel(row.y), borders=borders) for borders in (True, False))
        size = _largest(rows, row) if not mixed[-1] else (box.size if box else (0, 0))
        stride, start = (down[0], across[0]), (down[1], across[1])
        fields.append(Field(row.label, row.y, size, stride, start, box, reach, mixed[-1]))
    return fields


def derive_fields(network: Network, shape: Shape) -> dict[str, list[str]]:
    """The computation of every layer's stride, start and field, by the layer's label."""
    fields = receptive_fields(network, shape)
    sums = {}
    size, stride = 1, Fraction(1)
    for row, field in zip(numeric_flow(network, shape), fields, strict=True):
        layer = row.step.layer
        if field.dense:
            lines = ["every output sees the whole input of this layer"]
        elif isinstance(layer, Convolution | Pool):
            reach, step = layer.window.span[0], layer.window.stride[0]
            lines = [
                f"field: {size} + (span {reach} − 1)·{stride} = {size + (reach - 1) * stride}",
                f"stride: {stride}·{step} = {stride * step}",
            ]
        elif field.stride[0] != stride:
            lines = [f"stride: {stride} → {field.stride[0]} (upsampled); the largest field is {field.size[0]}"]
        else:
            lines = [f"field {field.size[0]} and stride {stride} stay unchanged"]
        sums[field.label] = lines
        size, stride = field.size[0], field.stride[0]
    return sums


def input_box(rows: tuple[Flow, ...], layer: int, pixel: tuple[int, int], *, borders: bool = True) -> Box | None:
    """The input pixels that one output pixel of layer `layer` (1, 2, …) depends on; None if it depends on padding alone.

    pixel:    (row, column) in the layer's output
    borders:  False: as if the picture had no borders
    """
    seen = positions_seen(rows, layer, pixel, borders=borders)[0]
    if not all(len(axis) for axis in seen):
        return None
    (top, bottom), (left, right) = ((int(axis.min()), int(axis.max())) for axis in seen)
    return Box(top, left, bottom, right)


def positions_seen(
    rows: tuple[Flow, ...], layer: int, pixel: tuple[int, int], *, borders: bool = True
) -> list[tuple[Positions, Positions]]:
    """(rows, columns) of every place, from the input (0) to `layer`, that an output pixel depends on.

    Raises ShapeError for a layer or a pixel that does not exist.
    """
    if not 1 <= layer <= len(rows):
        raise ShapeError(f"layer {layer} does not exist; the layers are 1 to {len(rows)}.")
    height, width = limits = _lengths(rows, layer)
    if not all(0 <= member < limit for member, limit in zip(pixel, limits, strict=True)):
        what = f"the pixel (row {pixel[0]}, column {pixel[1]}) is outside an output of {height}×{width}."
        hint = f"Rows are 0..{height - 1}, columns 0..{width - 1}."
        raise ShapeError(what, where=f"layer {rows[layer - 1].label}", hint=hint)
    seen = [[np.zeros(0, np.int64)] * 2 for _ in range(layer)]
    seen.append([np.array([pixel[0]]), np.array([pixel[1]])])
    for row in reversed(rows[:layer]):
        for axis in (0, 1):
            read = _reads(row, seen[row.number][axis], axis, _lengths(rows, row.inputs[0])[axis])
            for place in row.inputs:
                inside = (read >= 0) & (read < _lengths(rows, place)[axis])
                seen[place][axis] = np.union1d(seen[place][axis], read[inside] if borders else read)
    return [(down, across) for down, across in seen]


def _reads(row: Flow, outputs: Positions, axis: int, length: int) -> Positions:
    """The positions of a layer's input that some positions of its output are computed from, along one axis."""
    layer: Any = row.step.layer
    if not len(outputs):
        return outputs
    if _mixes(row):
        return np.arange(length)
    if isinstance(layer, Convolution | Pool | TransposedConvolution):
        window = layer.window
        taps = np.arange(window.kernel[axis]) * window.dilation[axis]
        if not isinstance(layer, TransposedConvolution):
            return np.unique(outputs[:, None] * window.stride[axis] - window.padding[axis] + taps)
        scaled = outputs[:, None] + window.padding[axis] - taps
        return np.unique(scaled[scaled % window.stride[axis] == 0] // window.stride[axis])
    if isinstance(layer, Upsample):
        return np.unique(outputs // layer.factor[axis])
    return outputs


def _mixes(row: Flow) -> bool:
    """Whether every output depends on every input pixel."""
    return row.step.layer.kind == "dense" or len(row.x) != len(row.y) or type(row.step.layer).__name__ == "GlobalPool"


def _step_through(layer: Layer, axis: int, stride: Fraction, start: Fraction) -> FractionPair:
    """(stride, start) after a layer, along one axis."""
    if isinstance(layer, Convolution | Pool | TransposedConvolution):
        window = layer.window
        middle = Fraction(window.dilation[axis] * (window.kernel[axis] - 1), 2) - window.padding[axis]
        if isinstance(layer, TransposedConvolution):
            return stride / window.stride[axis], start - middle * stride / window.stride[axis]
        return stride * window.stride[axis], start + middle * stride
    if isinstance(layer, Upsample):
        factor = layer.factor[axis]
        return stride / factor, start + (Fraction(1, 2 * factor) - Fraction(1, 2)) * stride
    return stride, start


def _largest(rows: tuple[Flow, ...], row: Flow) -> tuple[int, int]:
    """The largest field among the neighbours that upsampling has made out of one pixel."""
    repeats = 1
    for earlier in rows[: row.number]:
        layer: Any = earlier.step.layer
        factor = layer.window.stride if isinstance(layer, TransposedConvolution) else getattr(layer, "factor", (1, 1))
        repeats *= max(factor)
    pixels = [(min(i, row.y[1] - 1), min(i, row.y[2] - 1)) for i in range(min(repeats, MOST_PHASES, max(row.y[1:])))]
    sizes = [box.size for pixel in pixels if (box := input_box(rows, row.number, pixel, borders=False))]
    return max((height for height, _ in sizes), default=0), max((width for _, width in sizes), default=0)


def numeric_flow(network: Network, shape: Shape) -> tuple[Flow, ...]:
    """The shapes through a network of pictures in numbers. Raises ShapeError if something is still a symbol."""
    rows = flow(network, shape)
    windows = [getattr(row.step.layer, "window", None) for row in rows]
    lengths = [length for w in windows if w for pair in (w.kernel, w.stride, w.padding, w.dilation) for length in pair]
    if unknown := symbols_of(*shape[1:], *lengths):
        names = ", ".join(map(str, unknown))
        raise ShapeError(f"a receptive field needs numbers for {names}.", hint=f"Give them: --set {unknown[0]}=3")
    if len(shape) != 3:
        raise ShapeError("a receptive field needs an input of channels×height×width.", hint="For example: 3x32x32")
    return rows


def _lengths(rows: tuple[Flow, ...], place: int) -> tuple[int, int]:
    shape = rows[place - 1].y if place else rows[0].x
    return (shape[1], shape[2]) if len(shape) == 3 else (1, 1)


def middle_pixel(shape: Shape) -> tuple[int, int]:
    """(row, column) of the middle of a layer's output."""
    return (shape[1] // 2, shape[2] // 2) if len(shape) == 3 else (0, 0)


# -- drawing ---------------------------------------------------------------------------------------------------------


def draw_fields(network: Network, shape: Shape, layer: int | None = None, pixel: tuple[int, int] | None = None) -> str:
    """An SVG of what one output pixel sees.

    layer:  1, 2, …; the last one that still has pixels unless given
    pixel:  (row, column) in its output; the middle one unless given

    Raises ShapeError if shapes do not fit or there is no such pixel.
    """
    rows = numeric_flow(network, shape)
    fields = receptive_fields(network, shape)
    with_pixels = [row.number for row in rows if not fields[row.number - 1].dense]
    layer = layer or (with_pixels[-1] if with_pixels else len(rows))
    chosen = pixel or middle_pixel(rows[min(layer, len(rows)) - 1].y)
    seen = positions_seen(rows, layer, chosen)
    wanted = [row for row in rows[:layer] if row.step.layer.kind not in QUIET and len(row.y) == 3]
    cut = _cut(shape, wanted, fields, seen)
    whole = input_box(rows, layer, chosen, borders=False)
    plane, height = _plane(rows, fields, whole, wanted, top=70 + ROW * (len(wanted) + 1))
    title = f"What output pixel (row {chosen[0]}, column {chosen[1]}) of layer {rows[layer - 1].label} sees"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}" role="img">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>\n'
        f'<text x="20" y="30" font-size="17" font-weight="600">{escape(title)}</text>\n{cut}{plane}</svg>\n'
    )


def _cut(shape: Shape, wanted: list[Flow], fields: list[Field], seen: list[tuple[Positions, Positions]]) -> str:
    """One row of cells a layer, each cell above the input pixels it stands for; what is seen is filled."""
    lines = [("input", shape[2], Fraction(0), Fraction(1), seen[0][1], f"{shape[2]} columns")]
    for row in wanted:
        field = fields[row.number - 1]
        words = f"sees {field.size[1]}, stride {field.stride[1]}"
        lines.append((row.label, row.y[2], field.start[1], field.stride[1], seen[row.number][1], words))
    low = min(start - stride / 2 for _, _, start, stride, _, _ in lines)
    high = max(start + stride * (length - Fraction(1, 2)) for _, length, start, stride, _, _ in lines)
    scale = (WIDTH - LEFT - 30) / float(high - low)
    parts, before = [], None
    for place, (label, length, start, stride, columns, words) in enumerate(lines):
        y = 58 + ROW * place

        def at(column: int, start: Fraction = start, stride: Fraction = stride) -> float:
            return LEFT + (float(start) + (column - 0.5) * float(stride) - float(low)) * scale

        extent = (at(int(columns.min())), at(int(columns.max()) + 1)) if len(columns) else None
        if extent and before:
            (a, b), (c, d) = before, extent
            fan = f"{a:.1f},{y - ROW + CELL} {b:.1f},{y - ROW + CELL} {d:.1f},{y} {c:.1f},{y}"
            parts.append(f'<polygon points="{fan}" fill="{FAN}" opacity="0.55"/>')
        before = extent or before
        short = label if len(label) <= 28 else label[:27] + "…"
        parts.append(f'<text x="20" y="{y + 9}" font-weight="600">{escape(short)}</text>')
        parts.append(f'<text x="20" y="{y + 25}" fill="#5b6776">{escape(words)}</text>')
        parts.append(_cells(y, length, columns, at))
    return "\n".join(parts) + "\n"


def _cells(y: float, length: int, columns: Positions, place: Callable[[int], float]) -> str:
    """The cells of one layer; without lines between them where they would be narrower than three pixels.

    place:  a function from a column to its left edge
    """
    wide = place(1) - place(0)
    gap = 1.0 if wide >= 3 else 0.0
    full = place(length) - place(0)
    parts = [f'<rect x="{place(0):.1f}" y="{y}" width="{full:.1f}" height="{CELL}" fill="{PALE}"/>']
    if gap:
        edges = "".join(f"M{place(column):.1f} {y}v{CELL}" for column in range(1, length))
        parts.append(f'<path d="{edges}" stroke="white" stroke-width="1"/>')
    apart = np.diff(columns) > (0 if gap else 1)  # neighbours are joined where no line parts them
    for run in np.split(columns, np.flatnonzero(apart) + 1) if len(columns) else ():
        first, width = place(int(run[0])), max(1.0, place(int(run[-1]) + 1) - place(int(run[0])) - gap)
        parts.append(f'<rect x="{first + gap / 2:.1f}" y="{y}" width="{width:.1f}" height="{CELL}" fill="{SEEN}"/>')
    return "".join(parts)


def _plane(
    rows: tuple[Flow, ...], fields: list[Field], whole: Box | None, wanted: list[Flow], top: int
) -> tuple[str, int]:
    """The input picture with the field of every layer around the same place, and the drawing's whole height.

    whole:  what the chosen output sees, padding included
    """
    height, width = rows[0].x[1], rows[0].x[2]
    if whole is None:
        return f'<text x="20" y="{top + 20}">This pixel sees no pixel of the input.</text>\n', top + 50
    boxes: list[tuple[str, float, float, float, float]] = []
    centre = (whole.top + whole.bottom) / 2, (whole.left + whole.right) / 2
    for row in reversed(wanted):
        h, w = fields[row.number - 1].size
        if not boxes or (h, w) != (boxes[-1][4], boxes[-1][3]):
            boxes.append((f"{row.label}: {h}×{w}", centre[1] - w / 2 + 0.5, centre[0] - h / 2 + 0.5, w, h))
    corners = [(0.0, 0.0, float(width), float(height)), *((x, y, x + w, y + h) for _, x, y, w, h in boxes)]
    low_x, low_y = (min(corner[axis] for corner in corners) for axis in (0, 1))
    high_x, high_y = (max(corner[axis] for corner in corners) for axis in (2, 3))
    scale = min(420 / (high_x - low_x), 420 / (high_y - low_y))

    def rectangle(x: float, y: float, w: float, h: float, style: str) -> str:
        left, upper = 20 + (x - low_x) * scale, top + 30 + (y - low_y) * scale
        return f'<rect x="{left:.1f}" y="{upper:.1f}" width="{w * scale:.1f}" height="{h * scale:.1f}" {style}/>'

    parts = [f'<text x="20" y="{top + 18}" font-weight="600">On the input, {height}×{width}</text>']
    parts.append(rectangle(0, 0, width, height, f'fill="{PALE}"'))
    for place, (words, left, upper, across, down) in enumerate(boxes):
        shade = SHADES[min(len(SHADES) - 1, place * len(SHADES) // max(1, len(boxes)))]
        parts.append(rectangle(left, upper, across, down, f'fill="{shade}" stroke="{INK}" stroke-width="0.7"'))
        line = top + 44 + 22 * place
        parts.append(f'<rect x="480" y="{line - 11}" width="14" height="14" fill="{shade}" stroke="{INK}"/>')
        parts.append(f'<text x="502" y="{line}">{escape(words)}</text>')
    parts.append(rectangle(0, 0, width, height, f'fill="none" stroke="{INK}" stroke-width="1.5"'))
    drawn = max((high_y - low_y) * scale + 30, 44 + 22 * len(boxes))
    return "\n".join(parts) + "\n", int(top + drawn + 24)
