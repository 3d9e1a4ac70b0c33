"""`pixelwise arithmetic shapes | counts | field | matrix | solve | trace`."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.errors import RecipeError, ShapeError
from pixelwise.terminal.output import say, show_json

if TYPE_CHECKING:
    from pixelwise.arithmetic.network import Network
    from pixelwise.arithmetic.table import Table

app = typer.Typer(
    help="Shapes, counts, receptive fields and the matrix of a convolution.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip

NETWORK_HELP = (
    "A network in a line, such as 'conv 5x5 5 | maxpool 2 | fc 10' (see `arithmetic layers`); a .yaml or .txt file; or "
    "an example: course-cnn, pool-upsample-net, conv-transpose-net, colour-unet, vanilla-cnn."
)
Net = Annotated[str, typer.Argument(metavar="NETWORK", help=NETWORK_HELP)]
Input = Annotated[
    str | None, typer.Option("--input", metavar="CxHxW", help="Shape of the input, e.g. 3x256x256 or NICxSxS.")
]
Values = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=NUMBER", help="A number for a symbol; may be repeated.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Latex = Annotated[bool, typer.Option("--latex", help="Print LaTeX.")]
Derive = Annotated[bool, typer.Option("--derive", help="Print every step of the computation.")]
Stride = Annotated[int, typer.Option("--stride", "-s", help="Stride.")]
Dilation = Annotated[int, typer.Option("--dilation", "-d", help="Dilation.")]
Kernel = Annotated[int, typer.Option("--kernel", "-k", help="Kernel size.")]


@app.command()
def layers() -> None:
    """How every layer is written in the text form of a network."""
    from pixelwise.arithmetic.text import GRAMMAR

    say("\n".join(GRAMMAR.values()))
    say("\nSeparate layers by `|`. `as NAME` at the end of a layer names its output; `input` names the input.")


@app.command()
def shapes(
    network: Net, input: Input = None, values: Values = None, as_json: Json = False, as_latex: Latex = False,
    derive: Derive = False,
) -> None:  # fmt: skip
    """The shape after every layer."""
    from pixelwise.arithmetic.network import flow
    from pixelwise.arithmetic.table import Table

    net, shape = _network(network, input, values)
    rows = flow(net, shape)
    table = Table("Shapes", ("layer", "reads", "gives"), [(row.label, row.x, row.y) for row in rows])
    record = {"input": shape, "layers": [{"layer": row.step.text, "reads": row.x, "gives": row.y} for row in rows]}
    _print(table, record, as_json, as_latex, {row.label: row.derive() for row in rows} if derive else None)


@app.command()
def counts(
    network: Annotated[str | None, typer.Argument(metavar="NETWORK", help=NETWORK_HELP)] = None,
    input: Input = None,
    values: Values = None,
    model: Annotated[str | None, typer.Option("--model", help="A model of the shelf instead, e.g. unet.")] = None,
    outputs: Annotated[int, typer.Option("--outputs", help="Output channels of --model.")] = 21,
    connections: Annotated[
        str, typer.Option("--connections", help="Which connections count: convolutions, weighted or all.")
    ] = "convolutions",
    biases: Annotated[bool, typer.Option("--biases", help="Count the connection to each bias.")] = False,
    batch: Annotated[int, typer.Option("--batch", help="Pictures held in memory at once.")] = 1,
    value_bytes: Annotated[int, typer.Option("--bytes", help="Bytes a value: 4 for float32.")] = 4,
    double: Annotated[bool, typer.Option("--double", help="How each figure grows when the side is doubled.")] = False,
    claim: Annotated[
        list[str] | None,
        typer.Option(
            "--claim", metavar="QUANTITY=FIGURE", help="Check a figure, e.g. outputs=1024NC; may be repeated."
        ),
    ] = None,
    brief: Annotated[bool, typer.Option("--brief", help="Only the totals, or only the verdicts on claims.")] = False,
    as_json: Json = False,
    as_latex: Latex = False,
    derive: Derive = False,
) -> None:
    """Weights, outputs, connections, multiply-adds and memory. Exit code 1 if a --claim is wrong."""
    from pixelwise.arithmetic.counts import Convention, count, doubled, growth_record, growth_table

    convention = Convention(connections, biases, batch, value_bytes)
    if (network is None) == (model is None):
        raise RecipeError("give a network or --model, one of the two.", hint="For example: counts course-cnn")
    if model is not None:
        if double or claim or derive:
            raise RecipeError("--double, --claim and --derive are for networks in text form, not for --model.")
        _print(*_model_counts(model, input or "3x224x224", outputs, values or []), as_json, as_latex)
        return
    net, shape = _network(network or "", input, values)
    if double:
        before, after = doubled(net, shape, convention)
        _print(growth_table(before, after), growth_record(before, after), as_json, as_latex)
        return
    found = count(net, shape, convention)
    verdicts = _verdicts(found, claim or [], values or [])
    record = {**found.as_record(), **({"claims": [v.as_record() for v in verdicts]} if verdicts else {})}
    if brief and not as_json:
        say("\n".join(map(str, verdicts)) or found.totals_text())
    else:
        _print(found.as_table(), record, as_json, as_latex, dict(found.derivation) if derive else None)
    if verdicts and not as_json and not brief:
        say("\n" + "\n".join(map(str, verdicts)))
    if not all(verdict.holds for verdict in verdicts):
        raise typer.Exit(1)


@app.command()
def field(
    network: Net,
    input: Input = None,
    values: Values = None,
    layer: Annotated[
        int | None, typer.Option("--layer", help="The layer whose pixel is followed; else the last.")
    ] = None,
    pixel: Annotated[str | None, typer.Option("--pixel", metavar="ROW,COLUMN", help="Else the middle one.")] = None,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Draw it into this file.")] = None,
    as_json: Json = False,
    as_latex: Latex = False,
    derive: Derive = False,
) -> None:
    """The receptive field: what one output pixel sees of the input."""
    from pixelwise.arithmetic.field import derive_fields, fields_table, middle_pixel, numeric_flow, receptive_fields

    net, shape = _network(network, input, values)
    fields, rows = receptive_fields(net, shape), numeric_flow(net, shape)
    number = len(rows) if layer is None else layer
    if not 1 <= number <= len(rows):
        raise ShapeError(f"there is no layer {number}; there are 1 to {len(rows)}.", where="--layer")
    chosen = _pixel(pixel) if pixel else middle_pixel(rows[number - 1].y)
    sentence, followed = _follow(rows, number, chosen)
    record = {"layers": [f.as_record() for f in fields], "pixel": followed}
    if svg:
        from pixelwise.arithmetic.field import draw_fields
        from pixelwise.run.atomic import write_text

        write_text(svg, draw_fields(net, shape, layer, _pixel(pixel) if pixel else None))
    table = fields_table(fields, sentence)
    _print(table, record, as_json, as_latex, derive_fields(net, shape) if derive else None)
    if svg and not as_json:
        say(f"\nDrawn: {svg}")


@app.command()
def matrix(
    kernel: Kernel = 3,
    stride: Stride = 1,
    padding: Annotated[int, typer.Option("--padding", "-p", help="Padding.")] = 0,
    dilation: Dilation = 1,
    input: Annotated[str, typer.Option("--input", metavar="CxHxW", help="Shape of the input.")] = "1x4x4",
    filters: Annotated[int, typer.Option("--filters", help="Output channels.")] = 1,
    transpose: Annotated[bool, typer.Option("--transpose", help="The transposed convolution's matrix.")] = False,
    as_json: Json = False,
    as_latex: Latex = False,
    derive: Derive = False,
) -> None:
    """A convolution as a matrix A with y = Ax; its transpose is the transposed convolution."""
    from pixelwise.arithmetic.matrix import convolution_matrix, derive_matrix, latex_matrix, text_matrix
    from pixelwise.arithmetic.text import parse_shape
    from pixelwise.arithmetic.window import Window

    shape = _pixels(parse_shape(input))
    window = Window(kernel, stride, padding, dilation)
    places = window.output_size(shape[1:])
    if filters * places[0] * places[1] * prod(shape) > 40_000:
        raise ShapeError(
            f"a matrix of {filters * places[0] * places[1]:,}×{prod(shape):,} is too large to print.",
            where="--input",
            hint="Write out a smaller picture: the pattern is the same.",
        )
    found = convolution_matrix(window, shape[1:], shape[0], filters)
    rows = [list(column) for column in zip(*found.symbolic(), strict=True)] if transpose else found.symbolic()
    if as_json:
        sizes = {"shape": [len(rows), len(rows[0])], "input": found.input_shape, "output": found.output_shape}
        steps = {"derivation": derive_matrix(found)} if derive else {}
        _echo_json({**sizes, "entries": len(found.rows), "matrix": rows, **steps})
    elif as_latex:
        say(latex_matrix(rows))
    else:
        say(
            f"{'Aᵀ' if transpose else 'A'} is {len(rows)}×{len(rows[0])}: x of {_written(found.input_shape)} and y of "
            f"{_written(found.output_shape)}, unrolled row by row; {len(found.rows)} entries are not zero.\n"
        )
        say("\n".join([text_matrix(rows), *(["", *derive_matrix(found)] if derive else [])]))


@app.command()
def solve(
    kernel: Kernel,
    to: Annotated[str, typer.Option("--to", metavar="SIZE[,SIZE…]", help="The wanted sizes, e.g. 16,8,16,32 or 8x12.")],
    input: Annotated[str, typer.Option("--input", metavar="CxHxW|SIZE", help="The size to begin with.")],
    stride: Stride = 1,
    dilation: Dilation = 1,
    as_json: Json = False,
    as_latex: Latex = False,
    derive: Derive = False,
) -> None:
    """Which padding (and output_padding) leads from size to size, and what is refuted. Exit code 1 if none does."""
    from pixelwise.arithmetic.padding import solutions_table, solve_chain

    first = tuple(int(part) for part in _sizes(input)[-2:])
    chain = [(first[0], first[-1]), *((s[0], s[-1]) for s in map(_sizes, to.split(",")))]
    heights, widths = [h for h, _ in chain], [w for _, w in chain]
    axes = {"": heights} if heights == widths else {"height ": heights, "width ": widths}
    solutions = [(axis, s) for axis, lengths in axes.items() for s in solve_chain(kernel, lengths, stride, dilation)]
    record = {"kernel": kernel, "steps": [{"axis": axis.strip() or "both", **s.as_record()} for axis, s in solutions]}
    steps = {f"{axis}{s.step}": [s.formula, *s.sums()] for axis, s in solutions} if derive else None
    _print(solutions_table(solutions), record, as_json, as_latex, steps)
    if not all(solution.fitting or solution.one_sided for _, solution in solutions):
        raise typer.Exit(1)


@app.command()
def trace(
    exercise: Annotated[Path, typer.Argument(metavar="FILE", help="An exercise as text or .yaml.")],
    input: Annotated[
        str | None, typer.Option("--input", metavar="CxHxW", help="Draw another input of −1, 0, 1, to practise.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the drawn input.")] = 0,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a step-by-step page.")] = None,
    as_json: Json = False,
    as_latex: Latex = False,
    derive: Derive = False,
) -> None:
    """An exercise by hand, worked: convolution, pooling, best patch, linear piece of a ReLU network."""
    from pixelwise.arithmetic.exercise import working
    from pixelwise.arithmetic.exercise.reading import read_exercise, with_drawn_input
    from pixelwise.arithmetic.text import parse_shape

    task = read_exercise(exercise)
    if input:
        task = with_drawn_input(task, _pixels(parse_shape(input)), seed)
    panels = working.work(task)
    if html:
        from pixelwise.run.atomic import write_text

        write_text(html, working.as_page(task.title, panels))
    if as_json:
        _echo_json(working.as_json(task.title, panels))
    else:
        say(working.as_latex(task.title, panels) if as_latex else working.as_text(task.title, panels, derive=derive))
        if html:
            say(f"\nPage: {html}")


def _network(text: str, input: str | None, values: list[str] | None) -> tuple[Network, tuple[Any, ...]]:
    from pixelwise.arithmetic.text import parse_shape, read_network

    numbers = _values(values or [])
    network, shape = read_network(text, numbers)
    if input:
        shape = parse_shape(input, numbers)
    if shape is None:
        raise RecipeError("the shape of the input is missing.", where="--input", hint="For example: --input 3x256x256")
    return network, shape


def _values(given: list[str]) -> dict[str, int]:
    numbers = {}
    for text in given:
        name, _, value = text.partition("=")
        if not name.isidentifier() or not _is_whole(value) or int(value) < 1:
            raise RecipeError(f"read '{text}'; it is NAME=NUMBER.", where="--set", hint="For example: --set NF=32")
        numbers[name] = int(value)
    return numbers


def _pixels(shape: tuple[Any, ...]) -> tuple[int, int, int]:
    if len(shape) != 3 or not all(isinstance(member, int) for member in shape):
        raise RecipeError(f"read {_written(shape)}; here it is numbers, channels×height×width.", where="--input")
    return shape[0], shape[1], shape[2]


def _pixel(text: str) -> tuple[int, int]:
    parts = text.split(",")
    if len(parts) != 2 or not all(_is_whole(part.strip()) for part in parts):
        raise RecipeError(f"read '{text}'; it is ROW,COLUMN, counted from 0.", where="--pixel")
    return int(parts[0]), int(parts[1])


def _follow(rows: Any, number: int, pixel: tuple[int, int]) -> tuple[str, dict[str, Any]]:
    """What one output pixel sees of the input, as a sentence and for JSON."""
    from pixelwise.arithmetic.field import input_box

    box, reach = input_box(rows, number, pixel), input_box(rows, number, pixel, borders=False)
    seen = f"{box} of the input" if box else "nothing"
    padded = f"; with the padding {reach}" if reach and reach != box else ""
    where = f"Output pixel (row {pixel[0]}, column {pixel[1]}) of layer {rows[number - 1].label}"
    record = {"layer": number, "row": pixel[0], "column": pixel[1], "box": _corners(box), "reach": _corners(reach)}
    return f"{where} sees {seen}{padded}.", record


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def _sizes(text: str) -> list[int]:
    parts = text.strip().replace("×", "x").split("x")
    if len(parts) > 3 or not all(_is_whole(part) and int(part) > 0 for part in parts):
        raise RecipeError(f"read '{text}'; a size is a number or HEIGHTxWIDTH.", where="--input and --to")
    return [int(part) for part in parts]


def _verdicts(found: Any, claims: list[str], values: list[str]) -> list[Any]:
    """Every `QUANTITY=FIGURE` held against the counts."""
    from pixelwise.arithmetic.counts import check_claim
    from pixelwise.arithmetic.text import parse_expression

    verdicts = []
    for text in claims:
        quantity, sign, claimed = text.partition("=")
        if not sign:
            raise RecipeError(f"read '{text}'; it is QUANTITY=FIGURE.", where="--claim", hint="E.g. outputs=1024NC")
        verdicts.append(check_claim(found, quantity, parse_expression(claimed, _values(values))))
    return verdicts


def _model_counts(name: str, input: str, outputs: int, options: list[str]) -> tuple[Table, dict[str, Any]]:
    """Layers of a torch model; parameters and multiply-adds of a real run."""
    from pixelwise.arithmetic.table import Table
    from pixelwise.arithmetic.text import parse_shape
    from pixelwise.models import MODELS
    from pixelwise.models.describe import describe
    from pixelwise.yaml_text import parse_options

    shape = _pixels(parse_shape(input))
    chosen = parse_options(options, "--set")
    rows = describe(MODELS.build(name, shape[0], outputs, **chosen), shape)
    cells: list[tuple[Any, ...]] = [(row.path, row.kind, row.output, row.parameters, row.macs) for row in rows]
    totals = {"parameters": sum(row.parameters for row in rows), "multiply_adds": sum(row.macs for row in rows)}
    cells.append(("total", "", None, *totals.values()))
    headings = ("layer", "kind", "gives", "weights", "multiply-adds")
    table = Table(f"{name} on {_written(shape)}, {outputs} output channels", headings, cells, total=True)
    return table, {"model": name, "input": shape, "layers": [row.as_record() for row in rows], "totals": totals}


def _print(table: Table, record: dict[str, Any], as_json: bool, as_latex: bool, derivation: Any = None) -> None:
    if as_json and as_latex:
        raise RecipeError("--json and --latex exclude each other.")
    if as_json:
        _echo_json({**record, "derivation": derivation} if derivation else record)
        return
    say(table.latex() if as_latex else table.text())
    for label, lines in (derivation or {}).items():
        comment = "% " if as_latex else ""
        say("\n".join([f"\n{comment}{label}", *(f"{comment}    {line}" for line in lines)]))


def _echo_json(record: dict[str, Any]) -> None:
    from pixelwise.arithmetic.table import plain

    show_json(plain(record))


def _corners(box: Any) -> dict[str, int] | None:
    return box and {"top": box.top, "left": box.left, "bottom": box.bottom, "right": box.right}


def _written(shape: tuple[Any, ...]) -> str:
    from pixelwise.arithmetic.table import write

    return write(shape)
