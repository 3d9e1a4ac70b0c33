"""Small figures as SVG: panels of lines over x, with the range over seeds as a band. They are drawn from numbers alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import log2

COLOURS = ("#2c6fd9", "#d9642c", "#2a8f5b", "#8a4fbf", "#777f8c", "#b8860b", "#c2185b")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 360, 260, 50, 12, 34, 40
INK, RULE = "#1d2733", "#c3cbd6"


@dataclass(frozen=True)
class Line:
    """A named line through (x, y), and a band between low and high where there is one."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    title: str
    across: str
    lines: Sequence[Line]
    ticks: Sequence[float] = ()  # of x; none: the first and the last
    log: bool = False  # whether x is drawn by its logarithm
    bottom: float | None = None
    top: float | None = None


def over_seeds(name: str, x: Sequence[float], curves: Sequence[Sequence[float]], dashed: bool = False) -> Line:
    """The mean of several curves, with their smallest and largest values as the band."""
    columns = list(zip(*curves, strict=True))
    means = [sum(one) / len(one) for one in columns]
    return Line(name, x, means, [min(one) for one in columns], [max(one) for one in columns], dashed)


def draw(title: str, panels: Sequence[Panel]) -> str:
    """The panels side by side, with one legend below."""
    names = list(dict.fromkeys(line.name for panel in panels for line in panel.lines))
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
    parts = [_panel(panel, place * WIDTH, colours) for place, panel in enumerate(panels)]
    width, rows = WIDTH * len(panels), _legend(names, WIDTH * len(panels))
    for name, x, y in rows:
        parts.append(f'<path d="M{x} {y - 4}h18" stroke="{colours[name]}" stroke-width="3"/>')
        parts.append(f'<text x="{x + 24}" y="{y}">{escape(name)}</text>')
    height = rows[-1][2] + 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}" role="img">\n<title>{escape(title)}</title>\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _legend(names: Sequence[str], width: int) -> list[tuple[str, int, int]]:
    """(name, x, y) of every entry, in as many lines as they need."""
    rows, x, y = [], LEFT, HEIGHT + 18
    for name in names:
        need = 44 + 7 * len(name)
        if x > LEFT and x + need > width:
            x, y = LEFT, y + 18
        rows.append((name, x, y))
        x += need
    return rows


def _panel(panel: Panel, offset: int, colours: dict[str, str]) -> str:
    along = log2 if panel.log else float
    xs = [along(x) for line in panel.lines for x in line.x]
    ys = [y for line in panel.lines for y in (*line.y, *line.low, *line.high)]
    low = min(ys) if panel.bottom is None else panel.bottom
    high = max(ys) if panel.top is None else panel.top

    def at(x: float, y: float) -> tuple[float, float]:
        across = (along(x) - min(xs)) / (max(xs) - min(xs) or 1)
        up = (min(max(y, low), high) - low) / (high - low or 1)
        return offset + LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [f'<text x="{offset + LEFT}" y="20" font-weight="600">{escape(panel.title)}</text>']
    for step in range(5):
        value = low + step * (high - low) / 4
        y = HEIGHT - BOTTOM - step * (HEIGHT - TOP - BOTTOM) / 4
        parts.append(
            f'<path d="M{offset + LEFT} {y:.1f}H{offset + WIDTH - RIGHT}" stroke="{RULE}" stroke-width="0.6"/>'
        )
        parts.append(f'<text x="{offset + LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    first = panel.lines[0].x
    for tick in panel.ticks or (first[0], first[-1]):
        x = at(tick, low)[0]
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{tick:g}</text>')
    middle = offset + (WIDTH + LEFT - RIGHT) // 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(panel.across)}</text>')
    return "\n".join([*parts, *(_line(line, at, colours[line.name]) for line in panel.lines)])


def _line(line: Line, at: Callable[[float, float], tuple[float, float]], colour: str) -> str:
    parts = []
    if line.low:
        around = [at(x, y) for x, y in zip(line.x, line.high, strict=True)]
        around += [at(x, y) for x, y in zip(line.x, line.low, strict=True)][::-1]
        parts.append(f'<polygon points="{_points(around)}" fill="{colour}" opacity="0.15"/>')
    dash = ' stroke-dasharray="5 4"' if line.dashed else ""
    points = _points([at(x, y) for x, y in zip(line.x, line.y, strict=True)])
    parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
    return "\n".join(parts)


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
