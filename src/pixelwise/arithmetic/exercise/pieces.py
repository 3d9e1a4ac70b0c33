"""Questions about a ReLU network: its linear map at a point, all of its pieces, and a drawing of it."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

import numpy as np

from pixelwise.arithmetic.exercise.linear_piece import (
    Exact,
    LinearPiece,
    Segment,
    exact,
    linear_map,
    linear_piece,
    segments,
    show,
)
from pixelwise.arithmetic.exercise.panels import Panel

WIDTH, HEIGHT, EDGE = 640, 360, 48  # pixels of the drawing, and its margin
COLOURS = ("#d9642c", "#2c6fd9", "#3a8f4d", "#8a4fbf")


def piece_at(weights: Sequence[Exact], biases: Sequence[Exact], point: Exact) -> Panel:
    """The linear map around a point; at a kink, the maps on both sides."""
    where = show(point[0]) if point.size == 1 else show(point)
    title = f"The linear piece of the ReLU network at x₀ = {where}"
    piece = linear_piece(weights, biases, point)
    for across in piece.borders if point.size > 1 else [exact([1])] * piece.on_border:
        left, right = (linear_piece(weights, biases, point, side * across) for side in (-1, 1))
        if (left.weight != right.weight).any():
            return _kink(title, left, right, across)
    words = [*piece.steps, f"near x₀: {piece}"]
    if piece.interval is not None:
        words.append(f"the same units stay active for {piece.interval_text}")
    if piece.on_border:
        words.append("some unit is exactly 0 at x₀, but both sides have the same map")
    answers = {"W": piece.weight, "b": piece.bias}
    slips = {"this counts every unit as active": lambda: _unmasked(weights)}
    return Panel(title, tuple(words), value=piece.weight, derivation=piece.products, answers=answers, slips=slips)


def _kink(title: str, left: LinearPiece, right: LinearPiece, across: Exact) -> Panel:
    """Both sides of a point where h has no derivative."""
    words = ["x₀ is a kink: the slope of h changes there, so that no single W is its derivative."]
    sides = ("to the left", "to the right")
    if left.interval is None:
        sides = (f"where {show(across)}·(x − x₀) < 0", f"where {show(across)}·(x − x₀) > 0")
        if any(_apart(across, row) for piece in (left, right) for row in piece.borders):
            words.append("several borders meet at x₀: these are two of the pieces around it.")
    derivation: list[str] = []
    for side, piece in zip(sides, (left, right), strict=True):
        until = f" for {piece.interval_text}" if piece.interval is not None else ""
        words += [f"{side}: {piece}{until}", *(f"    {step}" for step in piece.steps)]
        derivation += [f"{side}:", *(f"    {line}" for line in piece.products)]
    answers = {f"{name}_{side}": value for side, p in (("left", left), ("right", right)) for name, value in _named(p)}
    return Panel(title, tuple(words), derivation=tuple(derivation), answers=answers)


def _apart(one: Exact, other: Exact) -> bool:
    """Whether two slopes are not parallel."""
    return bool((np.outer(one, other) != np.outer(other, one)).any())


def _named(piece: LinearPiece) -> tuple[tuple[str, Exact], ...]:
    return ("W", piece.weight), ("b", piece.bias)


def _unmasked(weights: Sequence[Exact]) -> Exact:
    """The product of all weights, as if all ReLUs were active."""
    product = weights[0]
    for weight in weights[1:]:
        product = weight @ product.reshape(weight.shape[1], -1)
    return product


def all_pieces(weights: Sequence[Exact], biases: Sequence[Exact]) -> Panel:
    """Every piece of a network with one input, its kinks, and a drawing of h."""
    pieces = segments(weights, biases)
    kinks = [piece.high for piece in pieces[:-1] if piece.high is not None]
    values = [(x, piece.weight[:, 0] * x + piece.bias) for x, piece in zip(kinks, pieces, strict=False)]
    words = [str(piece) for piece in pieces]
    if values:
        said = ", ".join(f"x = {show(x)} (h = {show(h[0]) if len(h) == 1 else show(h)})" for x, h in values)
        words.append(f"kinks: {said}")
    many = f"All {len(pieces)} linear pieces" if len(pieces) > 1 else "One linear piece"
    return Panel(f"{many} of the ReLU network", tuple(words), drawing=draw(pieces))


def draw(pieces: Sequence[Segment]) -> str:
    """An SVG of h, with its pieces named and its kinks marked."""
    kinks = [float(piece.high) for piece in pieces if piece.high is not None]
    low, high = (kinks[0], kinks[-1]) if kinks else (0.0, 0.0)
    margin = max(1.0, (high - low) / 3)
    low, high = low - margin, high + margin
    lines: list[list[tuple[float, float]]] = [[] for _ in pieces[0].bias]
    for piece in pieces:
        ends = (low if piece.low is None else float(piece.low), high if piece.high is None else float(piece.high))
        for line, weight, bias in zip(lines, piece.weight[:, 0], piece.bias, strict=True):
            line += [(x, float(weight) * x + float(bias)) for x in ends]
    heights = [y for line in lines for _, y in line]
    bottom, top = min(0.0, *heights), max(0.0, *heights)
    top = top if top > bottom else bottom + 1

    def at(x: float, y: float) -> tuple[float, float]:
        across, up = (x - low) / (high - low), (y - bottom) / (top - bottom)
        return EDGE + across * (WIDTH - 2 * EDGE), HEIGHT - EDGE - up * (HEIGHT - 2 * EDGE)

    parts = [_axis(*at(low, 0), *at(high, 0)), _axis(*at(0, bottom), *at(0, top))] if low <= 0 <= high else []
    for number, line in enumerate(lines):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in line))
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        for kink in kinks:
            height = next(y for x, y in line if x == kink)
            x, y = at(kink, height)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
            if number == 0:
                parts.append(f'<text x="{x + 6:.1f}" y="{y + 16:.1f}">x = {kink:g}</text>')
    for place, piece in enumerate(pieces):
        words = escape(f"{linear_map(piece.weight, piece.bias)}")
        parts.append(f'<text x="{EDGE}" y="{20 + 18 * place}">{words}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="#1d2733" role="img">\n'
        f'<title>The network as a function of its input</title>\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _axis(x0: float, y0: float, x1: float, y1: float) -> str:
    return f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="#c3cbd6"/>'
