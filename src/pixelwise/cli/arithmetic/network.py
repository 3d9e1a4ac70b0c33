"""`pixelwise arithmetic layers | shapes | counts | field`: a whole network."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.cli.arithmetic.options import (
    Derive,
    Json,
    Latex,
    Values,
    conclude,
    is_whole,
    pixels_of,
    print_answer,
    values_of,
    with_claims,
)
from pixelwise.errors import RecipeError, ShapeError
from pixelwise.terminal.output import say

if TYPE_CHECKING:
    from pixelwise.arithmetic.claims.verdict import Verdict
    from pixelwise.arithmetic.network import Network
    from pixelwise.arithmetic.table import Table

NETWORK_HELP = (
    "A network in a line, such as 'conv 5x5 5 | maxpool 2 | fc 10' (see `arithmetic layers`); a .yaml or .txt file; or "
    "an example: course-cnn, pool-upsample-net, conv-transpose-net, colour-unet, vanilla-cnn, alexnet, "
    "vgg16, resnet18, resnet50, mobilenet-v2, unet."
)
Net = Annotated[str, typer.Argument(metavar="NETWORK", help=NETWORK_HELP)]
Input = Annotated[
    str | None, typer.Option("--input", metavar="CxHxW", help="Shape of the input, e.g. 3x256x256 or NICxSxS.")
]
Claims = Annotated[
    list[str] | None,
    typer.Option("--claim", metavar="QUANTITY=FIGURE", help="Check a figure, e.g. outputs=1024NC; may be repeated."),
]


def layers() -> None:
    """Show how every layer is written in the text form of a network."""
    from pixelwise.arithmetic.text import GRAMMAR

    say("\n".join(GRAMMAR.values()))
    say("\nSeparate layers by `|`. `as NAME` at the end of a layer names its output; `input` names the input.")


def shapes(
    network: Net,
    input: Input = None,
    values: Values = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(
            "--claim",
            metavar="LAYER=SHAPE",
            help="Check a shape. LAYER is a number, a kind with its number (conv3, fc1), a name or `output`; e.g. "
            "conv3=1x11x11. May be repeated.",
        ),
    ] = None,
    as_json: Json = False,
    as_latex: Latex = False,
    derive: Derive = False,
) -> None:
    """Compute the shape after every layer. Exit code 1 if a --claim is wrong."""
    from pixelwise.arithmetic.claims.sizes import check_shape
    from pixelwise.arithmetic.claims.verdict import split_claim
    from pixelwise.arithmetic.network import flow
    from pixelwise.arithmetic.table import Table

    net, shape = _network(network, input, values)
    rows = flow(net, shape)
    table = Table("Shapes", ("layer", "reads", "gives"), [(row.label, row.x, row.y) for row in rows])
    record = {"input": shape, "layers": [{"layer": row.step.text, "reads": row.x, "gives": row.y} for row in rows]}
    numbers = values_of(values)
    claims = [split_claim(text, "conv3=1x11x11") for text in claim or []]
    verdicts = [check_shape(rows, name, claimed_shape(figures, numbers)) for name, figures in claims]
    steps = {row.label: row.derive() for row in rows} if derive else None
    print_answer(table, with_claims(record, verdicts), as_json, as_latex, steps)
    conclude(verdicts, as_json=as_json, as_latex=as_latex)


def counts(
    network: Annotated[str | None, typer.Argument(metavar="NETWORK", help=NETWORK_HELP)] = None,
    input: Input = None,
    values: Values = None,
    model: Annotated[
        str | None, typer.Option("--model", help="A model of pixelwise instead of a network, e.g. unet.")
    ] = None,
    outputs: Annotated[int, typer.Option("--outputs", help="Output channels of --model.")] = 21,
    connections: Annotated[
        str, typer.Option("--connections", help="Which connections to count: convolutions, weighted or all.")
    ] = "convolutions",
    biases: Annotated[bool, typer.Option("--biases", help="Count the connection to each bias, too.")] = False,
    batch: Annotated[int, typer.Option("--batch", help="Pictures held in memory at once.")] = 1,
    value_bytes: Annotated[int, typer.Option("--bytes", help="Bytes a value: 4 for float32.")] = 4,
    double: Annotated[
        bool,
        typer.Option(
            "--double", help="Double height and width: show how each figure grows. A --claim is about the doubled size."
        ),
    ] = False,
    claim: Claims = None,
    brief: Annotated[bool, typer.Option("--brief", help="Only the totals, or only the verdicts on claims.")] = False,
    as_json: Json = False,
    as_latex: Latex = False,
    derive: Derive = False,
) -> None:
    """Compute weights, outputs, connections, multiply-adds and memory. Exit code 1 if a --claim is wrong."""
    from pixelwise.arithmetic.counts import Convention, count, doubled, growth_record, growth_table, growth_text

    convention = Convention(connections, biases, batch, value_bytes)
    if (network is None) == (model is None):
        raise RecipeError("give a network or --model, one of the two.", hint="For example: counts course-cnn")
    if model is not None:
        if double or claim or derive:
            raise RecipeError("--double, --claim and --derive are for networks in text form, not for --model.")
        print_answer(*_model_counts(model, input or "3x224x224", outputs, values or []), as_json, as_latex)
        return
    net, shape = _network(network or "", input, values)
    before, found = doubled(net, shape, convention) if double else (None, count(net, shape, convention))
    verdicts = _counts_claims(net, found.input, convention, claim or [], values_of(values))
    if brief and not as_json and not verdicts:
        say(growth_text(before, found) if before else found.totals_text())
    elif not brief or as_json:
        record = with_claims(growth_record(before, found) if before else found.as_record(), verdicts)
        table = growth_table(before, found) if before else found.as_table()
        print_answer(table, record, as_json, as_latex, dict(found.derivation) if derive else None)
    conclude(verdicts, as_json=as_json, as_latex=as_latex, alone=brief)


def field(
    network: Net,
    input: Input = None,
    values: Values = None,
    layer: Annotated[
        int | None, typer.Option("--layer", help="Layer of the output pixel. Default: the last one.")
    ] = None,
    pixel: Annotated[
        str | None, typer.Option("--pixel", metavar="ROW,COLUMN", help="The output pixel. Default: the middle one.")
    ] = None,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Draw it into this file.")] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(
            "--claim", metavar="QUANTITY=FIGURE", help="Check sees, stride or start of --layer, e.g. sees=37x37."
        ),
    ] = None,
    as_json: Json = False,
    as_latex: Latex = False,
    derive: Derive = False,
) -> None:
    """Compute the receptive field: the input pixels that one output pixel depends on. Exit code 1 if a --claim is wrong."""
    from pixelwise.arithmetic.claims.sizes import check_field
    from pixelwise.arithmetic.claims.verdict import split_claim
    from pixelwise.arithmetic.field import derive_fields, fields_table, middle_pixel, numeric_flow, receptive_fields

    net, shape = _network(network, input, values)
    fields, rows = receptive_fields(net, shape), numeric_flow(net, shape)
    number = len(rows) if layer is None else layer
    if not 1 <= number <= len(rows):
        raise ShapeError(f"layer {number} does not exist; the layers are 1 to {len(rows)}.", where="--layer")
    chosen = _pixel(pixel) if pixel else middle_pixel(rows[number - 1].y)
    sentence, followed = _follow(rows, number, chosen)
    claims = [split_claim(text, "sees=37x37") for text in claim or []]
    verdicts = [check_field(fields, number, name, _figures(figures), rows) for name, figures in claims]
    record = with_claims({"layers": [f.as_record() for f in fields], "pixel": followed}, verdicts)
    if svg:
        from pixelwise.arithmetic.field import draw_fields
        from pixelwise.run.atomic import write_text

        write_text(svg, draw_fields(net, shape, layer, _pixel(pixel) if pixel else None))
    table = fields_table(fields, sentence)
    print_answer(table, record, as_json, as_latex, derive_fields(net, shape) if derive else None)
    if svg and not as_json:
        say(f"\nDrawn: {svg}")
    conclude(verdicts, as_json=as_json, as_latex=as_latex)


def claimed_shape(text: str, numbers: dict[str, int]) -> tuple[Any, ...]:
    """`10×122×122`, `(2·NF)x8x8`, `(10, 122, 122)` or `512` as a shape."""
    from pixelwise.arithmetic.text import parse_figure

    return tuple(parse_figure(part, numbers) for part in _apart(text, ","))


def _figures(text: str) -> list[Any]:
    """`37`, `37x37`, `(37, 37)` or `1/2` as numbers."""
    from pixelwise.arithmetic.text import parse_figure

    return [parse_figure(part) for part in _apart(text, r",\s")]


def _apart(text: str, comma: str) -> list[str]:
    """The numbers of `a×b×c`, else those between commas; one pair of brackets around all of them is left out."""
    inner = re.sub(r"^[\[(]([^()]*)[\])]$", r"\1", text.strip())
    return re.split(r"[x×]" if re.search(r"[x×]", inner) else comma, inner)


def _counts_claims(
    net: Network, shape: tuple[Any, ...], convention: Any, claims: list[str], numbers: dict[str, int]
) -> list[Verdict]:
    """Every `QUANTITY=FIGURE` held against the counts, and against those at half the side."""
    from pixelwise.arithmetic.claims.mistakes import check_claim
    from pixelwise.arithmetic.claims.verdict import split_claim
    from pixelwise.arithmetic.counts import count
    from pixelwise.arithmetic.text import parse_figure

    half = None
    if claims and len(shape) == 3 and all(isinstance(side, int) and side % 2 == 0 for side in shape[1:]):
        with contextlib.suppress(ShapeError):
            half = count(net, (shape[0], *(side // 2 for side in shape[1:])), convention)
    counted = count(net, shape, convention)
    given = [split_claim(text, "outputs=1024NC") for text in claims]
    return [check_claim(counted, name, parse_figure(figures, numbers), half) for name, figures in given]


def _network(text: str, input: str | None, values: list[str] | None) -> tuple[Network, tuple[Any, ...]]:
    from pixelwise.arithmetic.text import parse_shape, read_network

    numbers = values_of(values)
    network, shape = read_network(text, numbers)
    if input:
        shape = parse_shape(input, numbers)
    if shape is None:
        raise RecipeError("the shape of the input is missing.", where="--input", hint="For example: --input 3x256x256")
    return network, shape


def _pixel(text: str) -> tuple[int, int]:
    parts = text.split(",")
    if len(parts) != 2 or not all(is_whole(part.strip()) for part in parts):
        raise RecipeError(f"read '{text}'; write ROW,COLUMN, counted from 0.", where="--pixel")
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


def _model_counts(name: str, input: str, outputs: int, options: list[str]) -> tuple[Table, dict[str, Any]]:
    """Layers of a torch model; parameters and multiply-adds of a real run."""
    from pixelwise.arithmetic.table import Table
    from pixelwise.arithmetic.text import parse_shape
    from pixelwise.models import MODELS
    from pixelwise.models.describe import describe
    from pixelwise.yaml_text import parse_options

    shape = pixels_of(parse_shape(input))
    chosen = parse_options(options, "--set")
    rows = describe(MODELS.build(name, shape[0], outputs, **chosen), shape)
    cells: list[tuple[Any, ...]] = [(row.layer, row.kind, row.output, row.parameters, row.macs) for row in rows]
    totals = {"parameters": sum(row.parameters for row in rows), "multiply_adds": sum(row.macs for row in rows)}
    cells.append(("total", "", None, *totals.values()))
    headings = ("layer", "kind", "gives", "weights", "multiply-adds")
    table = Table(f"{name} on {_written(shape)}, {outputs} output channels", headings, cells, total=True)
    return table, {"model": name, "input": shape, "layers": [row.as_record() for row in rows], "totals": totals}


def _corners(box: Any) -> dict[str, int] | None:
    return box and {"top": box.top, "left": box.left, "bottom": box.bottom, "right": box.right}


def _written(shape: tuple[Any, ...]) -> str:
    from pixelwise.arithmetic.table import write

    return write(shape)
