"""What a kernel detects: its weights are compared with the named kernels of image processing.

A family is recognised by its symmetry and signs, for any size and any positive factor. Networks apply kernels to the picture
without flipping them: a positive weight responds to a bright cell at its own place.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from pixelwise.arithmetic.exercise.linear_piece import Exact, exact, show

# Named members of the families, each up to a positive factor, turned and mirrored.
NAMED = {
    "Prewitt": [[1, 0, -1], [1, 0, -1], [1, 0, -1]],
    "Sobel": [[1, 0, -1], [2, 0, -2], [1, 0, -1]],
    "Scharr": [[3, 0, -3], [10, 0, -10], [3, 0, -3]],
    "Roberts": [[1, 0], [0, -1]],
    "Prewitt, turned": [[1, 1, 0], [1, 0, -1], [0, -1, -1]],
    "Sobel, turned": [[2, 1, 0], [1, 0, -1], [0, -1, -2]],
    "Kirsch": [[5, -3, -3], [5, 0, -3], [5, -3, -3]],
    "Kirsch, turned": [[5, 5, -3], [5, 0, -3], [-3, -3, -3]],
}
CORNER = [[5, 5, -4], [5, 5, -4], [-4, -4, -4]]  # bright quarter
PLACES = {(-1, -1): "upper left", (-1, 1): "upper right", (1, -1): "lower left", (1, 1): "lower right"}


def feature(plane: Exact) -> str:
    """What one channel of a kernel detects, in words."""
    if not plane.any():
        return "nothing: every weight is 0."
    kernel = _trimmed(plane)
    for family in (_single, _compass, _edge, _diagonal_edge, _line, _corner, _diagonal_line, _centred, _blur):
        if words := family(kernel, plane):
            return f"{words}."
    rows, columns = show(plane.sum(axis=1)), show(plane.sum(axis=0))
    return f"none of the named kernels (rows sum to {rows}, columns to {columns}, all to {show(plane.sum())})."


def _single(kernel: Exact, plane: Exact) -> str:
    """Identity or shift: one weight."""
    if kernel.size != 1:
        return ""
    weight = kernel[0, 0]
    (row,), (column,) = np.nonzero(plane)
    times = "" if weight == 1 else f", times {show(weight)}"
    if plane.shape[0] % 2 == plane.shape[1] % 2 == 1:
        down, right = row - plane.shape[0] // 2, column - plane.shape[1] // 2
        if down == right == 0:
            return f"identity: the unchanged picture{times}"
        steps = [_steps(down, "above", "below"), _steps(right, "to the left", "to the right")]
        return f"a shift: every output is the pixel {' and '.join(filter(None, steps))}{times}"
    return f"a shift: every output is the pixel in row {row}, column {column} of the window{times}"


def _steps(count: int, before: str, after: str) -> str:
    return f"{abs(count)} {before if count < 0 else after}" if count else ""


def _compass(kernel: Exact, plane: Exact) -> str:
    """Kirsch's kernels, which are not antisymmetric: an edge towards one of eight directions."""
    for turned in (False, True):
        name = "Kirsch, turned" if turned else "Kirsch"
        if _is(kernel, name):
            middle = (kernel.shape[0] - 1) / 2
            weights = [(i - middle, j - middle, w) for (i, j), w in np.ndenumerate(kernel) if w > 0]
            down, right = (int(np.sign(sum(place[axis] for place in weights))) for axis in (0, 1))
            return f"{_edge_words(down, right)}{_called(kernel)}"
    return ""


def _edge(kernel: Exact, plane: Exact) -> str:
    """An edge: antisymmetric from one side to the other, symmetric along the edge, one sign on each side."""
    for axis, sides in ((1, (0, -1)), (0, (-1, 0))):
        along = 1 - axis
        half = kernel.shape[axis] // 2
        first = np.take(kernel, range(half), axis=axis)
        if (np.flip(kernel, axis) == -kernel).all() and (np.flip(kernel, along) == kernel).all() and _signs(first):
            bright_first = 1 if first.sum() > 0 else -1
            return f"{_edge_words(*(side * bright_first for side in sides))}{_called(kernel)}"
    return ""


def _edge_words(down: int, right: int) -> str:
    if not down:
        return f"a vertical edge, brighter on its {'right' if right > 0 else 'left'}"
    if not right:
        return f"a horizontal edge, brighter {'below' if down > 0 else 'above'}"
    return f"a diagonal edge, brighter at the {PLACES[down, right]}"


def _diagonal_edge(kernel: Exact, plane: Exact) -> str:
    """The same across a diagonal of a square."""
    if kernel.shape[0] != kernel.shape[1]:
        return ""
    for mirrored in (False, True):
        turned = kernel[:, ::-1] if mirrored else kernel  # the edge runs from lower left to upper right
        above = np.array([w for (i, j), w in np.ndenumerate(turned) if i + j < len(turned) - 1])
        if (turned == turned.T).all() and (turned[::-1, ::-1] == -turned).all() and _signs(above):
            sign = 1 if above.sum() > 0 else -1
            return f"{_edge_words(-sign, sign if mirrored else -sign)}{_called(kernel)}"
    return ""


def _line(kernel: Exact, plane: Exact) -> str:
    """Symmetric both ways, every row across the line sums to 0, signs − + − or + − +."""
    for axis, name in ((1, "vertical"), (0, "horizontal")):
        across = kernel.sum(axis=1 - axis)
        one_sign = all(_signs(part) for part in np.moveaxis(kernel, axis, 0))
        if not kernel.sum(axis=axis).any() and one_sign and _symmetric(kernel) and len(_pattern(across)) == 3:
            return f"a {name} line, {_shade(_pattern(across)[1])} than both sides"
    return ""


def _diagonal_line(kernel: Exact, plane: Exact) -> str:
    if kernel.shape[0] != kernel.shape[1] or len(kernel) < 2 or kernel.sum():
        return ""
    for mirrored, name in ((False, "upper left to lower right"), (True, "lower left to upper right")):
        turned = kernel[:, ::-1] if mirrored else kernel
        on, off = np.diag(turned), turned[~np.eye(len(turned), dtype=bool)]
        same = (turned == turned.T).all() and (turned[::-1, ::-1] == turned).all()
        if same and all(on * on[0] > 0) and _signs(off) and off.sum() * on[0] < 0:
            return f"a diagonal line from {name}, {_shade(on[0])} than its sides"
    return ""


def _corner(kernel: Exact, plane: Exact) -> str:
    """A bright quarter in dark surroundings, or the mixed difference, positive in two opposite quarters."""
    for row, column in ((0, 0), (0, 2), (2, 0), (2, 2)):
        mirrored = exact(CORNER)[:: -1 if row else 1, :: -1 if column else 1]
        for sign, shade in ((1, "bright"), (-1, "dark")):
            if _proportional(kernel, sign * mirrored):
                return f"a corner: the {PLACES[row - 1, column - 1]} quarter {shade}"
    quarter = kernel[: kernel.shape[0] // 2, : kernel.shape[1] // 2]
    if (kernel[::-1] == -kernel).all() and (kernel[:, ::-1] == -kernel).all() and _signs(quarter):
        which = "upper left and lower right" if quarter.sum() > 0 else "upper right and lower left"
        return f"a corner or crossing, brighter at the {which} (the mixed difference)"
    return ""


def _centred(kernel: Exact, plane: Exact) -> str:
    """Laplacian (sum 0) or sharpening: the middle against surroundings of the other sign, the same in all directions."""
    if (
        kernel.shape[0] != kernel.shape[1]
        or len(kernel) % 2 == 0
        or not _symmetric(kernel)
        or (kernel != kernel.T).any()
    ):
        return ""
    middle = kernel[len(kernel) // 2, len(kernel) // 2]
    total = kernel.sum()
    if middle == 0 or any(w * middle > 0 for w in kernel.ravel() if w is not middle):
        return ""
    if total == 0:
        return (
            f"a spot {_shade(middle)} than its surroundings: the Laplacian{'' if middle < 0 else ' with reversed sign'}"
        )
    if total * middle > 0:
        times = "" if abs(total) == 1 else f", times {show(abs(total))}"
        return f"sharpening: the picture and its differences to the surroundings{times}{_reversed(middle)}"
    return ""


def _blur(kernel: Exact, plane: Exact) -> str:
    """A weighted mean: one sign, the same from both ends, largest in the middle."""
    if not _signs(kernel) or (kernel[::-1, ::-1] != kernel).any():
        return ""
    total = kernel.sum()
    sizes = abs(kernel)
    if len(set(sizes[sizes > 0])) == 1:
        what = f"blur: the mean of {int((sizes > 0).sum())} cells"
    elif sizes.max() in [sizes[i, j] for i in _middles(kernel.shape[0]) for j in _middles(kernel.shape[1])]:
        what = "blur: a weighted mean, heaviest in the middle"
    else:
        what = "blur: a weighted mean"
    times = "" if abs(total) == 1 else f", times {show(abs(total))}"
    return f"{what}{times}{_reversed(total)}"


def _middles(length: int) -> set[int]:
    return {(length - 1) // 2, length // 2}


def _trimmed(plane: Exact) -> Exact:
    """Without rows and columns of zeros at the borders."""
    rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    return plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _symmetric(kernel: Exact) -> bool:
    return bool((kernel[::-1] == kernel).all() and (kernel[:, ::-1] == kernel).all())


def _signs(part: Any) -> bool:
    """Whether some weights are not 0, and those have one sign."""
    return bool(part.any() and ((part >= 0).all() or (part <= 0).all()))


def _pattern(sums: Exact) -> list[int]:
    """Signs from one side to the other, zeros and repetitions left out."""
    signs = [1 if value > 0 else -1 for value in sums if value]
    return [sign for place, sign in enumerate(signs) if place == 0 or sign != signs[place - 1]]


def _called(kernel: Exact) -> str:
    """The name of a well-known kernel, in brackets."""
    found = next((name for name in NAMED if _is(kernel, name)), "")
    return f" ({found})" if found else ""


def _is(kernel: Exact, name: str) -> bool:
    named = exact(NAMED[name])
    return any(_proportional(kernel, np.rot90(named, turns)) for turns in range(4))


def _proportional(kernel: Exact, other: Exact) -> bool:
    """Whether a kernel is a positive multiple of another one."""
    if kernel.shape != other.shape:
        return False
    place = tuple(np.argwhere(other != 0)[0])
    factor = Fraction(kernel[place]) / other[place]
    return bool(factor > 0 and (kernel == factor * other).all())


def _shade(sign: Any) -> str:
    return "brighter" if sign > 0 else "darker"


def _reversed(sign: Any) -> str:
    return "" if sign > 0 else ", with reversed sign"
