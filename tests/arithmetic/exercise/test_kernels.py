"""What a kernel detects: the named kernels, their turns and mirrors, and pictures that they answer to."""

import numpy as np
import pytest

from pixelwise.arithmetic.exercise.kernels import CORNER, NAMED, feature
from pixelwise.arithmetic.exercise.linear_piece import exact


def said(text: str) -> str:
    return feature(exact([row.split() for row in text.split("/")]))


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        ("1 0 -1/1 0 -1/1 0 -1", "a vertical edge, brighter on its left (Prewitt)."),
        ("-1 0 1/-2 0 2/-1 0 1", "a vertical edge, brighter on its right (Sobel)."),
        ("3 10 3/0 0 0/-3 -10 -3", "a horizontal edge, brighter above (Scharr)."),
        ("1 -1 0", "a vertical edge, brighter on its left."),
        ("0 0 0/-1 1 0/0 0 0", "a vertical edge, brighter on its right."),
        ("0 1 2/-1 0 1/-2 -1 0", "a diagonal edge, brighter at the upper right (Sobel, turned)."),
        ("1 0/0 -1", "a diagonal edge, brighter at the upper left (Roberts)."),
        ("-3 -3 -3/-3 0 -3/5 5 5", "a horizontal edge, brighter below (Kirsch)."),
        ("-1 2 -1/-1 2 -1/-1 2 -1", "a vertical line, brighter than both sides."),
        ("1 1 1/-2 -2 -2/1 1 1", "a horizontal line, darker than both sides."),
        ("-1 -1 2/-1 2 -1/2 -1 -1", "a diagonal line from lower left to upper right, brighter than its sides."),
        ("0 1 0/1 -4 1/0 1 0", "a spot darker than its surroundings: the Laplacian."),
        ("-1 -1 -1/-1 8 -1/-1 -1 -1", "a spot brighter than its surroundings: the Laplacian with reversed sign."),
        ("0 -1 0/-1 5 -1/0 -1 0", "sharpening: the picture and its differences to the surroundings."),
        ("1 1 1/1 1 1/1 1 1", "blur: the mean of 9 cells, times 9."),
        ("1/16 1/8 1/16;1/8 1/4 1/8;1/16 1/8 1/16", "blur: a weighted mean, heaviest in the middle."),
        ("0 0 0/0 1 0/0 0 0", "identity: the unchanged picture."),
        ("0 0 0/0 0 2/0 0 0", "a shift: every output is the pixel 1 to the right, times 2."),
        ("-4 5 5/-4 5 5/-4 -4 -4", "a corner: the upper right quarter bright."),
        (
            "1 0 -1/0 0 0/-1 0 1",
            "a corner or crossing, brighter at the upper left and lower right (the mixed difference).",
        ),
        ("0 0/0 0", "nothing: every weight is 0."),
    ],
)
def test_named_kernels(kernel: str, words: str) -> None:
    rows = kernel.split(";") if ";" in kernel else kernel.split("/")
    assert feature(exact([row.split() for row in rows])) == words


@pytest.mark.parametrize("kernel", ["1 2 3/4 5 6/7 8 9", "-2 -1 0/-1 1 1/0 1 2", "1 -2 1/-2 4 -2/1 -2 1", "1 -1 1 -1"])
def test_others_are_none_of_them(kernel: str) -> None:
    assert said(kernel).startswith("none of the named kernels (rows sum to ")


@pytest.mark.parametrize("kernel", [*NAMED.values(), [[2, 1, 0, -1, -2]], [[1], [0], [-1]]], ids=str)
@pytest.mark.parametrize("turns", range(4))
def test_an_edge_is_answered_by_the_side_it_names(kernel: list[list[int]], turns: int) -> None:
    """The weights are larger, and the answer positive, on the side that is said to be brighter."""
    turned = np.rot90(np.array(kernel), turns)
    words = feature(exact(turned))
    assert "edge" in words
    rows, columns = np.indices(turned.shape) - (np.array(turned.shape)[:, None, None] - 1) / 2
    sides = {"left": -columns, "right": columns, "above": -rows, "below": rows, "upper": -rows, "lower": rows}
    for side in (side for side in sides if f" {side}" in words):
        assert (turned * (sides[side] > 0)).sum() > (turned * (sides[side] < 0)).sum(), words
    assert turned.sum() == 0


@pytest.mark.parametrize("kernel", [[[1, 0, -1]], [[-1, 2, -1]], [[0, 1, 0], [1, -4, 1], [0, 1, 0]], CORNER], ids=str)
def test_a_positive_factor_changes_nothing(kernel: list[list[int]]) -> None:
    assert feature(exact(kernel) * 3) == feature(exact(kernel))
