"""`pixelwise twin`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli.options import Allow, AsJson, Changes, Data
from pixelwise.terminal.output import result_console, say, show_json

if TYPE_CHECKING:
    from pixelwise.engine.torch.twin import Difference

TOLERANCE = {"float32": 1e-3, "float64": 1e-9}  # relative to the largest number of each array


def twin(
    run: Annotated[
        str, typer.Argument(help="Run folder of the NumPy network, or one of its recipes.", metavar="RUN|RECIPE")
    ],
    overrides: Changes = None,
    pictures: Annotated[int, typer.Option(help="Number of training pictures.", min=2, max=64)] = 4,
    single: Annotated[bool, typer.Option("--float32", help="Compute in float32, as training does.")] = False,
    data: Data = None,
    as_json: AsJson = False,
    allow: Allow = None,
) -> None:
    """Compare the NumPy network with the same weights in torch: every activation and gradient.

    Runs forward and backward over the first training pictures. The exit code is 0 if they agree up to rounding, else 1.
    """
    from pixelwise.engine.hardware.allocator import keep_large_buffers
    from pixelwise.terminal.bars import Line

    keep_large_buffers()  # before torch allocates anything
    dtype = "float32" if single else "float64"
    from pixelwise.engine.torch.twin import compare, open_twin

    with Line("reading") as line:
        opened = open_twin(run, overrides or (), pictures, dtype, data=data, caching=line.show)
    rows = compare(*opened)
    worst = max(rows, key=lambda row: row.error)
    agree = worst.error <= TOLERANCE[dtype]
    if as_json:
        show_json({"dtype": dtype, "pictures": pictures, "agree": agree, "rows": [asdict(row) for row in rows]})
    else:
        _show(rows)
        place = f"{worst.what} of layer {worst.layer}" if worst.layer else worst.what
        verdict = "agree to rounding" if agree else "DIFFER"
        say(f"\nNumPy and torch {verdict}: in {dtype} the largest difference is {worst.error:.1e} ({place}).")
    raise typer.Exit(0 if agree else 1)


def _show(rows: list[Difference]) -> None:
    """The comparison in columns; differences are relative to the largest number of each array."""
    from pixelwise.terminal.table import show_rows

    headings = ("layer", "", "array", "shape", "largest", "difference")
    cells = [
        (row.layer, row.kind, row.what, "×".join(map(str, row.shape)), f"{row.size:.3g}", f"{row.error:.1e}")
        for row in rows
    ]
    show_rows(result_console(), headings, cells, numbers={0, 3, 4, 5})
