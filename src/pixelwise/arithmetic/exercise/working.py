"""Works an exercise: every result as a grid, every cell with its sum, cells that stay unused as ×.

A worked exercise is shown as aligned text, as LaTeX, as JSON and as one offline HTML page that walks through every window.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from itertools import zip_longest
from typing import Any, cast

import numpy as np

from pixelwise.arithmetic.exercise.linear_piece import Exact, linear_piece, show
from pixelwise.arithmetic.exercise.reading import Exercise, Task
from pixelwise.arithmetic.window import Window
from pixelwise.errors import ShapeError

UNUSED = "×"
MOST_FRAMES = 10_000
BESIDE = 4  # spaces between grids that stand side by side
LINE = 110  # characters a line


@dataclass(frozen=True)
class Grid:
    """A named table of cells, as they are written."""

    name: str
    cells: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Frame:
    """One position of the window.

    taps:    (row, column) of the cells it reads, in the shown operands
    target:  (row, column) of the cell that it fills
    sums:    one line a channel, and their total
    """

    taps: tuple[tuple[int, int], ...]
    target: tuple[int, int]
    sums: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """One worked step.

    operands: what the window slides over (padding included), one grid a channel
    filters:  the weights, one grid a channel; maybe empty
    results:  what comes out: one grid a channel and their sum, the last one being the answer
    value:    the answer without unused cells, exact; None where it is words
    """

    title: str
    words: tuple[str, ...]
    operands: tuple[Grid, ...] = ()
    filters: tuple[Grid, ...] = ()
    results: tuple[Grid, ...] = ()
    frames: tuple[Frame, ...] = ()
    value: Exact | None = field(default=None, compare=False)


def work(exercise: Exercise) -> list[Panel]:
    """Every step of an exercise, worked. Raises ShapeError where a window does not fit."""
    panels: list[Panel] = []
    latest, kernel = cast(Exact, exercise.input), cast(Exact, exercise.filter)  # reading refuses steps that lack theirs
    for task in exercise.tasks:
        match task.kind:
            case "best patch":
                panels.append(best_patch(kernel, task))
            case "detects":
                panels.append(detected(kernel))
            case "convolve":
                window = replace(task.window, kernel=kernel.shape[1:])
                panels.append(convolved(cast(Exact, exercise.input), kernel, window, task.bias))
            case "max pool":
                panels.append(pooled(latest, task.window))
            case "relu":
                panels.append(rectified(latest))
        if panels[-1].value is not None:
            latest = panels[-1].value
    weights, biases = ([layer[part] for layer in exercise.network] for part in (0, 1))
    return panels + [_piece(weights, biases, point) for point in exercise.points]


def convolved(picture: Exact, kernel: Exact, window: Window, bias: Any = 0) -> Panel:
    """A convolution (as networks mean it: the kernel is not flipped), channel by channel and summed.

    picture: (C, H, W), kernel: (C, K, K). The grids are as large as the input; unused cells are ×.
    """
    size = (picture.shape[1], picture.shape[2])
    rows, columns = window.output_size(size)
    if rows * columns > MOST_FRAMES:
        raise ShapeError(f"an exercise by hand has at most {MOST_FRAMES:,} windows, this one {rows * columns:,}.")
    padded = np.pad(picture, ((0, 0), *((padding, padding) for padding in window.padding)), constant_values=0)
    results = np.zeros((len(picture), rows, columns), dtype=object)
    frames = []
    for row, column in np.ndindex(rows, columns):
        taps = _taps(window, row, column)
        seen = np.stack([[plane[tap] for tap in taps] for plane in padded])  # (C, K·K)
        results[:, row, column] = (seen * kernel.reshape(len(kernel), -1)).sum(axis=1)
        frames.append(Frame(taps, (row, column), _sums(seen, kernel, results[:, row, column], bias)))
    total_grid = results.sum(axis=0) + bias
    shown = (max(rows, size[0]), max(columns, size[1]))
    grids = [*_grids("channel {}", results, shown)]
    if len(picture) > 1 or bias:
        grids.append(_grid("sum of the channels" + (f" + bias {show(bias)}" if bias else ""), total_grid, shown))
    spread = f", dilation {window.dilation[0]}" if window.dilation != (1, 1) else ""
    title = f"Convolution: stride {window.stride[0]}, padding {window.padding[0]}{spread}"
    operands = _grids("input channel {}", padded), _grids("filter channel {}", kernel)
    return Panel(title, (_fitting(rows, columns),), *operands, tuple(grids), tuple(frames), total_grid[None])


def _sums(seen: Exact, kernel: Exact, sums: Exact, bias: Any) -> tuple[str, ...]:
    """The products of every channel, written out, and the total where there is more than one part."""
    lines = []
    for number, (values, weights, total) in enumerate(zip(seen, kernel, sums, strict=True), start=1):
        pairs = zip(values, weights.ravel(), strict=True)
        products = [f"{_bracket(show(v))}·{_bracket(show(w))}" for v, w in pairs if w]
        lines.append(f"channel {number}: {' + '.join(products) or '0'} = {show(total)}")
    parts = [show(value) for value in sums] + ([show(bias)] if bias else [])
    if len(parts) > 1:
        lines.append(f"sum: {' + '.join(map(_bracket, parts))} = {show(sums.sum() + bias)}")
    return tuple(lines)


def pooled(picture: Exact, window: Window) -> Panel:
    """Max-pooling of (C, H, W); unused cells are ×."""
    size = (picture.shape[1], picture.shape[2])
    rows, columns = window.output_size(size)
    result = np.zeros((len(picture), rows, columns), dtype=object)
    frames = []
    for row, column in np.ndindex(rows, columns):
        taps = _taps(window, row, column)
        seen = [[plane[tap] for tap in taps] for plane in picture]
        result[:, row, column] = list(map(max, seen))
        sums = tuple(f"max({', '.join(map(show, values))}) = {show(max(values))}" for values in seen)
        frames.append(Frame(taps, (row, column), sums))
    title = f"Max-pooling {window.kernel[0]}×{window.kernel[1]}, stride {window.stride[0]}"
    inputs, results = _grids(_each("input", picture), picture), _grids(_each("pooled", picture), result, size)
    return Panel(title, (_fitting(rows, columns),), inputs, (), results, tuple(frames), result)


def rectified(picture: Exact) -> Panel:
    """max(0, x) of every cell."""
    result = picture * (picture > 0)
    inputs, results = _grids(_each("input", picture), picture), _grids(_each("ReLU", picture), result)
    return Panel("ReLU", ("max(0, x) in every cell.",), inputs, results=results, value=result)


def best_patch(kernel: Exact, task: Task) -> Panel:
    """The patch with values in [low, high] that activates a filter most: high where a weight is positive, low where it
    is negative, × where it is zero and any value will do."""
    low, high = task.bounds
    patches = []
    most = 0
    for number, weights in enumerate(kernel, start=1):
        cells = [[UNUSED if w == 0 else show(high if w > 0 else low) for w in row] for row in weights]
        most += sum(w * (high if w > 0 else low) for w in weights.ravel())
        patches.append(Grid(f"patch channel {number}", tuple(map(tuple, cells))))
    words = (
        f"Each product w·x is largest at x = {show(high)} where w > 0 and at x = {show(low)} where w < 0; "
        f"where w = 0 the cell does not matter ({UNUSED}).",
        f"The activation is then {show(most)}, the most that values in [{show(low)}, {show(high)}] can give.",
    )
    filters = _grids("filter channel {}", kernel)
    return Panel("The patch that activates the filter most", words, filters=filters, results=tuple(patches))


def detected(kernel: Exact) -> Panel:
    """What a kernel responds to, in words, from the sums of its rows and columns."""
    words = tuple(f"channel {number}: {_feature(plane)}" for number, plane in enumerate(kernel, start=1))
    return Panel("What the filter detects", words, filters=_grids("filter channel {}", kernel))


def _feature(plane: Exact) -> str:
    across, down = plane.sum(axis=0), plane.sum(axis=1)
    half_x, half_y = plane.shape[1] // 2, plane.shape[0] // 2
    if plane.sum() == 0 and plane.any():
        left, top = across[:half_x].sum(), down[:half_y].sum()
        if not down.any() and left == -across[-half_x:].sum() and left:
            bright = "left" if left > 0 else "right"
            return f"a vertical edge, brighter on its {bright} (columns sum to {show(across)}, rows to 0)."
        if not across.any() and top == -down[-half_y:].sum() and top:
            bright = "above" if top > 0 else "below"
            return f"a horizontal edge, brighter {bright} (rows sum to {show(down)}, columns to 0)."
        sums = f"rows {show(down)}, columns {show(across)}"
        return f"differences: the weights sum to 0, so an even patch gives 0 ({sums})."
    if (plane >= 0).all() or (plane <= 0).all():
        return f"brightness: the weights have one sign and sum to {show(plane.sum())}."
    return f"a mixture: rows sum to {show(down)}, columns to {show(across)}, all to {show(plane.sum())}."


def _piece(weights: list[Exact], biases: list[Exact], point: Exact) -> Panel:
    piece = linear_piece(weights, biases, point)
    words = [*piece.steps, f"near x₀: {piece}"]
    if piece.interval is not None:
        words.append(f"the same units stay active for {piece.interval_text}")
    if piece.on_border:
        words.append("x₀ lies on a border: some unit is exactly 0 there and is counted as off")
    where = show(point[0]) if point.size == 1 else show(point)
    return Panel(f"The linear piece of the ReLU network at x₀ = {where}", tuple(words), value=piece.weight)


def _fitting(rows: int, columns: int) -> str:
    count = "One window fits" if rows * columns == 1 else f"{rows}×{columns} windows fit"
    return f"{count}; the other cells stay {UNUSED}."


def _taps(window: Window, row: int, column: int) -> tuple[tuple[int, int], ...]:
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    return tuple((row * sh + i * dh, column * sw + j * dw) for i in range(kh) for j in range(kw))


def _grid(name: str, plane: Exact, shown: tuple[int, ...]) -> Grid:
    """A plane in the upper left of a grid of this size, × in the other cells."""
    cells = [[UNUSED] * shown[1] for _ in range(shown[0])]
    for (row, column), value in np.ndenumerate(plane):
        cells[row][column] = show(value)
    return Grid(name, tuple(map(tuple, cells)))


def _grids(name: str, planes: Exact, shown: tuple[int, ...] | None = None) -> tuple[Grid, ...]:
    """One grid a channel, of the plane's own size unless another one is to be `shown`; `{}` in the name is its number."""
    return tuple(_grid(name.format(n), plane, shown or plane.shape) for n, plane in enumerate(planes, start=1))


def _each(word: str, picture: Exact) -> str:
    return word if len(picture) == 1 else f"{word} channel {{}}"


def _bracket(text: str) -> str:
    return f"({text})" if text.startswith("−") or "/" in text else text


# -- showing ---------------------------------------------------------------------------------------------------------


def as_text(title: str, panels: Sequence[Panel], *, derive: bool = False) -> str:
    """Grids side by side, with the sums of every cell where `derive` asks for them."""
    parts = [title, "═" * len(title)]
    for panel in panels:
        parts += ["", panel.title, "─" * len(panel.title), *panel.words]
        for grids in (panel.operands if derive else (), panel.filters, panel.results):
            if grids:
                parts += ["", _side_by_side(grids)]
        if derive and panel.frames:
            parts.append("")
            for frame in panel.frames:
                parts += [f"row {frame.target[0]}, column {frame.target[1]}", *(f"    {line}" for line in frame.sums)]
    return "\n".join(parts)


def _side_by_side(grids: Sequence[Grid]) -> str:
    """Grids with their names above, as many in a line as fit."""
    rows: list[list[list[str]]] = []
    used = LINE
    for grid in grids:
        cell_width = max(len(cell) for row in grid.cells for cell in row)
        lines = [grid.name, *("  ".join(cell.rjust(cell_width) for cell in row) for row in grid.cells)]
        width = max(map(len, lines))
        if used + width + BESIDE > LINE:
            rows.append([])
            used = 0
        rows[-1].append([line.ljust(width) for line in lines])
        used += width + BESIDE
    return "\n\n".join(_join(row) for row in rows)


def _join(blocks: list[list[str]]) -> str:
    """Blocks of equally long lines, side by side."""
    empty = [" " * len(block[0]) for block in blocks]
    lines = zip_longest(*blocks)
    filled = ([line or blank for line, blank in zip(parts, empty, strict=True)] for parts in lines)
    return "\n".join((" " * BESIDE).join(parts).rstrip() for parts in filled)


def as_latex(title: str, panels: Sequence[Panel]) -> str:
    """One `array` a grid; needs no package beyond amsmath."""
    parts = [f"% {title}"]
    for panel in panels:
        parts.append(rf"\paragraph{{{_latex_words(panel.title)}}} " + " \\\\\n".join(map(_latex_words, panel.words)))
        for grids in (panel.filters, panel.results):
            if grids:
                parts.append("\\[\n" + "\n\\qquad\n".join(map(_latex_grid, grids)) + "\n\\]")
    return "\n\n".join(parts)


def _latex_grid(grid: Grid) -> str:
    columns = "|".join("c" * len(grid.cells[0]))
    rows = "\n".join(" & ".join(row) + r" \\ \hline" for row in grid.cells).replace(UNUSED, r"\times").replace("−", "-")
    body = f"\\begin{{array}}{{|{columns}|}}\n\\hline\n{rows}\n\\end{{array}}"
    return rf"\underset{{\text{{{_latex_words(grid.name)}}}}}{{{body}}}"


def _latex_words(text: str) -> str:
    signs = {
        "×": r"$\times$", "−": "$-$", "·": r"$\cdot$", "→": r"$\to$", "≤": r"$\le$", "₀": "$_0$", "_": r"\_", "%": r"\%",
    }  # fmt: skip
    return "".join(signs.get(letter, letter) for letter in text)


def as_json(title: str, panels: Sequence[Panel]) -> dict[str, Any]:
    """Everything that the page shows, and the answers as numbers."""
    return {
        "title": title,
        "steps": [
            {
                "title": panel.title,
                "words": list(panel.words),
                "results": {grid.name: [list(row) for row in grid.cells] for grid in panel.results},
                "answer": None if panel.value is None else _numbers(panel.value.tolist()),
            }
            for panel in panels
        ],
    }


def _numbers(value: Any) -> Any:
    """Fractions as ints, floats, or text where a decimal would not be exact."""
    if isinstance(value, list):
        return [_numbers(member) for member in value]
    text = show(value).replace("−", "-")
    return text if "/" in text else float(text) if "." in text else int(text)


def as_page(title: str, panels: Sequence[Panel]) -> str:
    """One HTML file that needs no network: every grid, and the window walking over the input cell by cell.

    Without JavaScript the grids and all sums are still there.
    """
    from jinja2 import Environment

    source = files("pixelwise.arithmetic.exercise").joinpath("page.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    walks = [[vars(frame) for frame in panel.frames] for panel in panels]
    data = json.dumps(walks, ensure_ascii=False).replace("<", "\\u003c")
    return environment.from_string(source).render(title=title, panels=panels, data=data, unused=UNUSED)
