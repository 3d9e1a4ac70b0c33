"""Draws docs/momentum.svg: the two forms of SGD with momentum on the loss w²/2, with a learning rate that falls.

python benchmarks/momentum_figure.py
"""

from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "docs" / "momentum.svg"
WIDTH, HEIGHT, EDGE = 640, 320, 44
RATES = [0.1] * 20 + [0.01] * 20
BETA = 0.9
INSIDE, OUTSIDE = "#d9642c", "#2c6fd9"


def paths() -> tuple[list[float], list[float]]:
    """w after every step, with the learning rate inside and outside of v."""
    inside, outside, v, u = [1.0], [1.0], 0.0, 0.0
    for rate in RATES:
        v = BETA * v - rate * inside[-1]
        u = BETA * u + outside[-1]
        inside.append(inside[-1] + v)
        outside.append(outside[-1] - rate * u)
    return inside, outside


def draw() -> str:
    """The figure as SVG."""
    both = paths()
    low, high = min(map(min, both)), max(map(max, both))

    def at(step: int, w: float) -> tuple[float, float]:
        across, up = step / len(RATES), (w - low) / (high - low)
        return EDGE + across * (WIDTH - 2 * EDGE), HEIGHT - EDGE - up * (HEIGHT - 2 * EDGE)

    (left, zero), (right, _), (fall, _) = at(0, 0), at(len(RATES), 0), at(20, 0)
    parts = [
        f'<path d="M{left:.1f} {zero:.1f}H{right:.1f}" stroke="#c3cbd6"/>',
        f'<path d="M{fall:.1f} {EDGE}V{HEIGHT - EDGE}" stroke="#c3cbd6" stroke-dasharray="4 4"/>',
        f'<text x="{fall + 6:.1f}" y="{EDGE + 12}">the rate falls from 0.1 to 0.01</text>',
        f'<text x="{EDGE}" y="20" fill="{INSIDE}">the rate inside v (course, NumPy network)</text>',
        f'<text x="{WIDTH // 2}" y="20" fill="{OUTSIDE}">the rate outside (torch)</text>',
        f'<text x="{WIDTH - EDGE}" y="{HEIGHT - 12}" text-anchor="end">step</text><text x="14" y="{zero:.1f}">w</text>',
    ]
    for line, colour in zip(both, (INSIDE, OUTSIDE), strict=True):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(step, w) for step, w in enumerate(line)))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.2"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="#1d2733" role="img">\n'
        f'<title>The two forms of momentum on w²/2</title>\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    FILE.write_text(draw(), encoding="utf-8")
