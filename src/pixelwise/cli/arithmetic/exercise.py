"""`pixelwise arithmetic trace`: an exercise by hand, worked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.arithmetic.options import Derive, Json, Latex, conclude, echo_json, pixels_of, with_claims
from pixelwise.errors import RecipeError
from pixelwise.terminal.output import say


def trace(
    exercise: Annotated[Path, typer.Argument(metavar="FILE", help="An exercise as text or .yaml.")],
    input: Annotated[
        str | None, typer.Option("--input", metavar="CxHxW", help="Draw another input of −1, 0, 1, to practise.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the drawn input.")] = 0,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a step-by-step page.")] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Draw the ReLU network of `pieces` into this file.")
    ] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(
            "--claim",
            metavar="STEP=CELLS",
            help="Check the cells of a step, rows separated by ';', channels by '|', e.g. '1=-1 -4; 5 2'; W and b of a "
            "linear piece are 1.W and 1.b. May be repeated.",
        ),
    ] = None,
    as_json: Json = False,
    as_latex: Latex = False,
    derive: Derive = False,
) -> None:
    """Work out an exercise by hand: convolution, pooling, gradients, best patch, linear pieces of a ReLU network."""
    from pixelwise.arithmetic.claims.cells import check_cells
    from pixelwise.arithmetic.exercise import showing
    from pixelwise.arithmetic.exercise.reading import read_exercise, with_drawn_input
    from pixelwise.arithmetic.exercise.working import work
    from pixelwise.arithmetic.text import parse_shape
    from pixelwise.run.atomic import write_text

    task = read_exercise(exercise)
    if input:
        task = with_drawn_input(task, pixels_of(parse_shape(input)), seed)
    panels = work(task)
    verdicts = [check_cells(panels, text) for text in claim or []]
    if html:
        write_text(html, showing.as_page(task.title, panels))
    if svg:
        drawings = [panel.drawing for panel in panels if panel.drawing]
        if not drawings:
            raise RecipeError(
                "this exercise has no step that can be drawn.", where="--svg", hint="Add `pieces` under `do:`."
            )
        write_text(svg, drawings[0])
    if as_json:
        echo_json(with_claims(showing.as_json(task.title, panels), verdicts))
    else:
        shown = showing.as_latex if as_latex else showing.as_text
        say(shown(task.title, panels, derive=derive))
        said = [f"{name}: {file}" for name, file in (("Page", html), ("Drawn", svg)) if file]
        if said:
            say("\n" + "\n".join(said))
    conclude(verdicts, as_json=as_json, as_latex=as_latex)
