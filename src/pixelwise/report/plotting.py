"""The style of every plot, and how a plot becomes files and an image inside the page.

Colours are Okabe and Ito's, which colour-blind readers can tell apart (Wong, Nature Methods 8, 441, 2011). No pyplot:
figures are objects, and the style holds only while one is drawn.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.run.atomic import write_bytes
from pixelwise.terminal.output import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
INK, QUIET, GRID, PAPER = "#20262e", "#66707c", "#d8dde3", "#fefefe"
# In the page these colours become variables of its style sheet, so that plots follow light and dark.
VARIABLES = {INK: "--ink", QUIET: "--quiet", GRID: "--rule", PAPER: "--paper"}
VARIABLES |= {BLUE: "--blue", ORANGE: "--orange", GREEN: "--green"}
WIDE, NARROW = 7.6, 4.1  # inches: a desk or paper, and a phone
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a `$` in a class name is a dollar
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "savefig.facecolor": PAPER,
    "svg.hashsalt": "pixelwise",  # ids that are the same in every run
    "figure.dpi": 100,
}


@dataclass(frozen=True)
class Plot:
    """A plot as the page holds it: one SVG for wide and one for narrow screens."""

    name: str
    title: str
    wide: str
    narrow: str


def render(name: str, title: str, draw: Callable[[float], Figure], folder: Path) -> Plot:
    """Draw a plot at both widths; write `folder/name.svg` and `.png`; return what goes into the page."""
    name = re.sub(r"[^\w-]+", "-", name)  # of a file and of elements
    with style():
        figure = _laid_out(draw(WIDE))
        write_bytes(folder / f"{name}.svg", _svg(figure, "path"))
        write_bytes(folder / f"{name}.png", _png(figure))
        wide = _inline(_svg(figure, "none"), f"{name}-wide")
        narrow = _inline(_svg(_laid_out(draw(NARROW)), "none"), f"{name}-narrow")
    return Plot(name, title, wide, narrow)


def write_svg(file: Path, draw: Callable[[float], Figure]) -> None:
    """Draw a plot at the wide width into one file."""
    with style():
        write_bytes(file, _svg(_laid_out(draw(WIDE)), "path"))


def write_pdf(file: Path, draw: Callable[[], Figure]) -> None:
    """Draw a figure on white paper into a PDF file, the same bytes each time."""
    import matplotlib

    stream = io.BytesIO()
    with (
        style(),
        matplotlib.rc_context({"figure.facecolor": "white", "savefig.facecolor": "white", "pdf.fonttype": 42}),
    ):
        nothing = dict.fromkeys(("CreationDate", "Creator", "Producer"))
        _laid_out(draw()).savefig(stream, format="pdf", metadata=nothing)
    write_bytes(file, stream.getvalue())


@contextmanager
def style() -> Iterator[None]:
    """The style while a figure is drawn and written, regardless of a matplotlibrc in the working folder."""
    import matplotlib

    plain: Any = {key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"}
    with warnings.catch_warnings(), matplotlib.rc_context({**plain, **STYLE}):
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # drawn as a box; the page has the name
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def shorten(name: str, letters: int = 22) -> str:
    """A name that fits beside a plot."""
    name = clean(name)
    return name if len(name) <= letters else name[: letters - 1] + "…"


def bars(axes: Axes, names: list[str], values: list[float | None], labels: list[str], colour: str | list[str]) -> None:
    """Horizontal bars from top to bottom, each with its value in words after it.

    colour: one for all, or one for each; those have an edge, because some may be as light as the paper
    """
    places = range(len(names))
    drawn = axes.barh(places, [value or 0.0 for value in values], height=0.68, color=colour)
    if not isinstance(colour, str):
        for bar in drawn:
            bar.set(edgecolor=QUIET, linewidth=0.6)
    for place, value, label in zip(places, values, labels, strict=True):
        quiet = value is None
        axes.annotate(
            label,
            (value or axes.get_xlim()[0], place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=QUIET if quiet else INK,
            bbox={"boxstyle": "square,pad=0.3", "facecolor": PAPER, "edgecolor": "none"},
        )
    axes.set_yticks(list(places), [shorten(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")


def _laid_out(figure: Figure) -> Figure:
    """The layout is found once and kept: otherwise every file that is written from the figure finds it again."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):  # those at the ticks have gone through `shorten`
        if isinstance(text, Text) and (said := clean(text.get_text())) != text.get_text():
            text.set_text(said)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)
    return figure


def _svg(figure: Figure, fonts: str) -> bytes:
    import matplotlib

    stream = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": fonts}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return _named_by_content(stream.getvalue())


def _named_by_content(svg: bytes) -> bytes:
    """The same drawing with clip paths named by what they are, each once.

    matplotlib numbers them by the address of the object, which memory that is used again makes different from run to run.
    """
    clips: dict[bytes, bytes] = {}
    for name, content in re.findall(rb'<clipPath id="(\w+)">(.*?)</clipPath>', svg, flags=re.DOTALL):
        clips[name] = b"c" + hashlib.sha256(content).hexdigest()[:12].encode()
    for name, stable in clips.items():
        svg = svg.replace(b'id="' + name + b'"', b'id="' + stable + b'"').replace(
            b"url(#" + name + b")", b"url(#" + stable + b")"
        )
    seen: set[bytes] = set()

    def once(element: re.Match[bytes]) -> bytes:
        first = element[1] not in seen
        seen.add(element[1])
        return element[0] if first else b""

    return re.sub(rb' *<clipPath id="(\w+)">.*?</clipPath>\n', once, svg, flags=re.DOTALL)


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=160, metadata={"Software": None})
    return stream.getvalue()


def _inline(svg: bytes, prefix: str) -> str:
    """An SVG file as an element of the page: no prolog, no fixed size, its own ids, colours of the style sheet."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    head, end, body = text.partition(">")
    box = re.search(r'viewBox="0 0 ([\d.]+) [^"]*"', head)
    size = f'{box.group()} style="max-width: {float(box.group(1)) * 96 / 72:.0f}px"' if box else ""  # points → pixels
    # Tags only: between them stand names that a stranger chose.
    body = re.sub(r"<[a-zA-Z][^<>]*>", lambda tag: _adapt(tag.group(), prefix), body)
    return f'<svg {size} xmlns:xlink="http://www.w3.org/1999/xlink"{end}{body}'.strip()


def _adapt(tag: str, prefix: str) -> str:
    tag = re.sub(r'\bid="([^"]*)"', rf'id="{prefix}-\1"', tag)
    tag = re.sub(r'(xlink:href="|url\()#', rf"\1#{prefix}-", tag)
    tag = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", tag)
    for colour, variable in VARIABLES.items():
        tag = tag.replace(colour, f"var({variable})")
    return tag
