"""`pixelwise arithmetic shapes | counts | field | matrix | solve | trace | layers`."""

from __future__ import annotations

import typer

from pixelwise.cli.arithmetic.convolution import matrix, solve
from pixelwise.cli.arithmetic.exercise import trace
from pixelwise.cli.arithmetic.network import counts, field, layers, shapes

app = typer.Typer(
    help="Shapes, counts, receptive fields and the matrix of a convolution; exercises by hand.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip

for command in (layers, shapes, counts, field, matrix, solve, trace):
    app.command()(command)
