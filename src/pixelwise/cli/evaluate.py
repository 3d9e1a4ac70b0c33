"""`pixelwise evaluate`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder of a trained recipe.", metavar="RUN")],
    split: Annotated[str, typer.Option(help="Split of the run's data set. Default: the one it was validated on.")] = "",
    checkpoint: Annotated[Literal["best", "last"], typer.Option(help="Weights of the best, or of the last epoch.")] = (
        "best"
    ),
    resolution: Annotated[
        Literal["recipe", "own"],
        typer.Option(help="Count at the size of the training pictures, or at each picture's own against its own mask."),
    ] = "recipe",
    data: Annotated[
        Path | None, typer.Option(help="Data folder. Default: PIXELWISE_DATA, else ~/.cache/pixelwise.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs instead.")] = False,
) -> None:
    """Score a trained run on a split.

    Prints every score with its convention and the resolution it was counted at, and writes the same as
    RUN/evaluations/SPLIT-CHECKPOINT-RESOLUTION.json.
    """
    from pixelwise.predict.scoring import score_run
    from pixelwise.terminal.line import Line
    from pixelwise.terminal.output import say, show_json
    from pixelwise.terminal.scores import show_scores

    with Line("reading") as line:
        record, file = score_run(
            run, split, checkpoint=checkpoint, resolution=resolution, data=data, device=device, progress=line.show
        )
    if as_json:
        show_json(record)
        return
    show_scores({"splits": {record["split"]: record}}, run=run)
    say(f"scores  {file}")
