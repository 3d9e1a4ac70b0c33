"""`pixelwise arithmetic matrix | solve`: one convolution as a matrix, and paddings that lead from size to size."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Annotated, Any

import typer

from pixelwise.cli.arithmetic.options import (
    Derive,
    Json,
    Latex,
    conclude,
    echo_json,
    is_whole,
    pair_of,
    pixels_of,
    print_answer,
    with_claims,
)
from pixelwise.errors import RecipeError, ShapeError
from pixelwise.terminal.output import say

MOST_ENTRIES = 40_000
Size = "K|HEIGHTxWIDTH"
Kernel = Annotated[str, typer.Option("--kernel", "-k", metavar=Size, help="Kernel size.")]
Stride = Annotated[str, typer.Option("--stride", "-s", metavar=Size, help="Stride.")]
Dilation = Annotated[str, typer.Option("--dilation", "-d", metavar=Size, help="Dilation.")]


def matrix(
    kernel: Kernel = "3",
    stride: Stride = "1",
    padding: Annotated[str, typer.Option("--padding", "-p", metavar=Size, help="Padding.")] = "0",
    dilation: Dilation = "1",
    input: Annotated[
        str, typer.Option("--input", metavar="[Cx]HxW", help="Shape of x, the convolution's input.")
    ] = "1x4x4",
    filters: Annotated[int, typer.Option("--filters", help="Output channels of the convolution.")] = 1,
    groups: Annotated[int, typer.Option("--groups", help="Groups of channels.")] = 1,
    transpose: Annotated[bool, typer.Option("--transpose", help="The transposed convolution's matrix Aᵀ.")] = False,
    output_padding: Annotated[
        str | None,
        typer.Option(
            "--output-padding",
            metavar=Size,
            help="With --transpose: --input and --filters are then those of the transposed convolution.",
        ),
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", metavar="NUMBERS", help="The weights (o, c, i, j), row by row.")
    ] = None,
    bias: Annotated[
        str | None,
        typer.Option("--bias", metavar="b|NUMBERS", help="A bias for each output channel: names or numbers."),
    ] = None,
    vector: Annotated[
        str | None, typer.Option("--vector", metavar="NUMBERS", help="Multiply by these numbers; needs --weights.")
    ] = None,
    as_json: Json = False,
    as_latex: Latex = False,
    derive: Derive = False,
) -> None:
    """Write a convolution as a matrix A with y = Ax + b; its transpose is the transposed convolution."""
    from pixelwise.arithmetic.matrix import derive_matrix, latex_matrix, numbers_of, text_matrix
    from pixelwise.arithmetic.table import write

    if output_padding is not None and not transpose:
        raise RecipeError("a convolution has no output_padding.", where="--output-padding", hint="Add --transpose.")
    moves = _moves(kernel, stride, padding, dilation)
    found = _matrix(moves, input, filters, groups, None if output_padding is None else output_padding)
    count = found.output_shape[0] * found.input_shape[0] // groups * prod(found.window.kernel)
    numbers = None if weights is None else numbers_of(weights, count, "weights")
    cells = found.symbolic() if numbers is None else found.written(numbers)
    rows = [list(column) for column in zip(*cells, strict=True)] if transpose else cells
    shape = found.input_shape if transpose else found.output_shape
    added = _biases(bias, shape)
    product = None if vector is None else _product(rows, added, vector, numbers is not None)
    entries = sum(cell != "0" for row in rows for cell in row)
    lines = derive_matrix(found, rows, transposed=transpose, bias=added) if derive else []
    if as_json:
        sizes = {"shape": [len(rows), len(rows[0])], "input": found.input_shape, "output": found.output_shape}
        more = {"bias": added} if added else {}
        more |= {"product": product} if product else {}
        steps = {"derivation": lines} if derive else {}
        echo_json({**sizes, "entries": entries, "matrix": rows, **more, **steps})
    elif as_latex:
        say("\n".join([latex_matrix(rows), *(f"% {line}" for line in lines)]))
    else:
        say(
            f"{'Aᵀ' if transpose else 'A'} is {len(rows)}×{len(rows[0])}: x of {write(found.input_shape)} and y of "
            f"{write(found.output_shape)}, unrolled row by row; {entries} entries are not zero.\n"
        )
        below = [f"\nb = [{', '.join(added)}]"] if added else []
        below += [f"\n{'Aᵀy' if transpose else 'Ax'}{' + b' * bool(added)} = [{', '.join(product)}]"] if product else []
        say("\n".join([text_matrix(rows), *below, *(["", *lines] if derive else [])]))


def _moves(*texts: str) -> Any:
    from pixelwise.arithmetic.window import Window

    names = ("--kernel", "--stride", "--padding", "--dilation")
    return Window(*(pair_of(text, name, int(name != "--padding")) for text, name in zip(texts, names, strict=True)))


def _matrix(window: Any, input: str, filters: int, groups: int, output_padding: str | None) -> Any:
    """The matrix of the convolution; with an output_padding, of the one whose transpose reads `input`."""
    from pixelwise.arithmetic.matrix import convolution_matrix
    from pixelwise.arithmetic.text import parse_shape

    channels, *size = pixels_of(parse_shape(f"1x{input}" if input.replace("×", "x").count("x") == 1 else input))
    reads, gives = channels, filters
    picture: tuple[int, int] = (size[0], size[1])
    if output_padding is not None:
        picture = window.transposed_output_size(picture, pair_of(output_padding, "--output-padding", 0))
        reads, gives = filters, channels
    places = window.output_size(picture)
    rows, columns = gives * places[0] * places[1], reads * prod(picture)
    if rows * columns > MOST_ENTRIES:
        what = f"a matrix of {rows:,}×{columns:,} is too large to print."
        raise ShapeError(what, where="--input", hint="Choose a smaller --input: the pattern is the same.")
    return convolution_matrix(window, picture, reads, gives, groups)


def _biases(bias: str | None, shape: tuple[int, ...]) -> list[str]:
    """One bias per row of the matrix, each channel's repeated for its pixels."""
    from pixelwise.arithmetic.matrix import numbers_of, written

    if bias is None:
        return []
    if bias == "b":
        names = ["b"] if shape[0] == 1 else [f"b{channel}" for channel in range(shape[0])]
    else:
        names = [written(value) for value in numbers_of(bias, shape[0], "bias")]
    return [name for name in names for _ in range(prod(shape[1:]))]


def _product(rows: list[list[str]], bias: list[str], vector: str, numeric: bool) -> list[str]:
    from pixelwise.arithmetic.matrix import numbers_of, written

    if not numeric or "b" in "".join(bias):
        raise RecipeError(
            "needs numbers for the weights and the bias.", where="--vector", hint="Add --weights NUMBERS."
        )
    entries = numbers_of(vector, len(rows[0]), "vector")
    table = [numbers_of(" ".join(row), len(row), "weights") for row in rows]
    shifts = numbers_of(" ".join(bias), len(rows), "bias") if bias else [Fraction(0)] * len(rows)
    sums = (
        sum((w * x for w, x in zip(row, entries, strict=True)), start=shift)
        for row, shift in zip(table, shifts, strict=True)
    )
    return [written(total) for total in sums]


def solve(
    kernel: Kernel,
    to: Annotated[
        str, typer.Option("--to", metavar="SIZE[,SIZE…]", help="The wanted sizes: 16,8,16,32 or 8x12 or 32x16x16.")
    ],
    input: Annotated[str, typer.Option("--input", metavar="[Cx]HxW|SIZE", help="The size to begin with.")],
    stride: Stride = "1",
    dilation: Dilation = "1",
    transposed: Annotated[
        bool, typer.Option("--transposed", help="Every step is a transposed convolution, not only those that enlarge.")
    ] = False,
    output_padding: Annotated[
        str | None,
        typer.Option("--output-padding", metavar=Size, help="Try only this one in the transposed steps."),
    ] = None,
    groups: Annotated[int, typer.Option("--groups", help="Groups of channels, for the number of weights.")] = 1,
    bias: Annotated[bool, typer.Option("--bias/--no-bias", help="Count a bias among the weights.")] = True,
    claim: Annotated[
        list[str] | None,
        typer.Option(
            "--claim",
            metavar="[down|up] padding=P [output_padding=Q]",
            help="Check a padding for all steps, or those down or up; may be repeated.",
        ),
    ] = None,
    as_json: Json = False,
    as_latex: Latex = False,
    derive: Derive = False,
) -> None:
    """Find the paddings (and output_padding) that lead from one size to another. Exit code 1 if there are none.

    Groups and a bias change no size. If all sizes have channels (3x32x32), the number of weights of every step is given.
    """
    from pixelwise.arithmetic.claims.sizes import check_paddings
    from pixelwise.arithmetic.padding import solutions_table, solve_chain

    chain = [_size(text) for text in (input, *to.split(","))]
    heights, widths = [size[-2] for size in chain], [size[-1] for size in chain]
    moves = [
        pair_of(text, name) for text, name in ((kernel, "--kernel"), (stride, "--stride"), (dilation, "--dilation"))
    ]
    more = (None, None) if output_padding is None else pair_of(output_padding, "--output-padding", 0)
    equal = heights == widths and all(vertical == horizontal for vertical, horizontal in (*moves, more))
    axes = {"": (0, heights)} if equal else {"height ": (0, heights), "width ": (1, widths)}
    solutions = [
        (name, step)
        for name, (axis, lengths) in axes.items()
        for step in solve_chain(
            moves[0][axis], lengths, moves[1][axis], moves[2][axis], transposed=transposed, output_padding=more[axis]
        )
    ]
    weights = _weights(chain, moves[0], groups, bias)
    verdicts = [verdict for text in claim or [] for verdict in check_paddings(solutions, text)]
    sizes = moves[0][0] if moves[0][0] == moves[0][1] else list(moves[0])
    record = {"kernel": sizes, "steps": [{"axis": axis.strip() or "both", **s.as_record()} for axis, s in solutions]}
    counted = {"weights": [one.count for one in weights]} if weights else {}
    steps = {f"{axis}{s.step}": [s.formula, *s.sums()] for axis, s in solutions} if derive else None
    table = solutions_table(solutions, weights)
    print_answer(table, with_claims({**record, **counted}, verdicts), as_json, as_latex, steps)
    conclude(verdicts, as_json=as_json, as_latex=as_latex)
    if not all(solution.fitting or solution.one_sided for _, solution in solutions):
        raise typer.Exit(1)


def _size(text: str) -> tuple[int, ...]:
    """(H, W) or (C, H, W) of `32`, `8x12` or `3x32x32`. Raises RecipeError."""
    parts = text.strip().replace("×", "x").split("x")
    if len(parts) > 3 or not all(is_whole(part) and int(part) > 0 for part in parts):
        what = f"read '{text}'; a size is a number, HEIGHTxWIDTH or CxHEIGHTxWIDTH."
        raise RecipeError(what, where="--input and --to")
    numbers = tuple(int(part) for part in parts)
    return numbers * 2 if len(numbers) == 1 else numbers


def _weights(chain: Sequence[tuple[int, ...]], kernel: tuple[int, int], groups: int, bias: bool) -> list[Any]:
    """The weights of every step of sizes that all have channels. Raises RecipeError if groups need channels."""
    from itertools import pairwise

    from pixelwise.arithmetic.padding import Weights
    from pixelwise.arithmetic.table import write

    if all(len(size) == 3 for size in chain):
        return [
            Weights(f"{write(one)} → {write(other)}", one[0], other[0], kernel, groups, bias)
            for one, other in pairwise(chain)
        ]
    if groups > 1:
        what = "groups change no size; the number of weights needs the channels of all sizes."
        raise RecipeError(what, where="--groups", hint="For example: --input 4x32x32 --to 8x16x16")
    return []
