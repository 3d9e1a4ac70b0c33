"""The receptive field drawn as SVG: a cut through all layers, and the growing boxes on the input picture."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from xml.sax.saxutils import escape

import numpy as np

from pixelwise.arithmetic import field as seeing
from pixelwise.arithmetic.field import Box, Field, Positions
from pixelwise.arithmetic.network import Flow, Network
from pixelwise.arithmetic.window import Shape

WIDTH, LEFT, ROW, CELL = 900, 230, 54, 18  # pixels: the page, the column of words, a layer's row, a cell's height
INK, PALE, SEEN, FAN = "#1d2733", "#e6eaf0", "#d9642c", "#f3c7ae"
SHADES = ("#f7d9c8", "#efb798", "#e6956a", "#d9642c", "#b04a1b", "#7c3210")
QUIET = {"norm", "activation", "shape"}  # layers that move no pixel


def draw_fields(network: Network, shape: Shape, layer: int | None = None, pixel: tuple[int, int] | None = None) -> str:
    """An SVG of what one output pixel sees.

    layer:  1, 2, …; the last one that still has pixels unless given
    pixel:  (row, column) in its output; the middle one unless given

    Raises ShapeError where shapes do not fit or there is no such pixel.
    """
    rows = seeing.numeric_flow(network, shape)
    fields = seeing.receptive_fields(network, shape)
    with_pixels = [row.number for row in rows if not fields[row.number - 1].dense]
    layer = layer or (with_pixels[-1] if with_pixels else len(rows))
    chosen = pixel or seeing.middle_pixel(rows[min(layer, len(rows)) - 1].y)
    seen = seeing.positions_seen(rows, layer, chosen)
    wanted = [row for row in rows[:layer] if row.step.layer.kind not in QUIET and len(row.y) == 3]
    cut = _cut(shape, wanted, fields, seen)
    whole = seeing.input_box(rows, layer, chosen, borders=False)
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
        parts.append(
            f'<text x="20" y="{y + 9}" font-weight="600">{escape(label if len(label) <= 28 else label[:27] + "…")}</text>'
        )
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
        return f'<text x="20" y="{top + 20}">This pixel sees nothing of the input.</text>\n', top + 50
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
