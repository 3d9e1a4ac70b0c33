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
    from pixelwise.engine.hardware.allocator import keep_large_buffers
    from pixelwise.errors import RunError
    from pixelwise.run.folder import RunFolder
    from pixelwise.shown import recorded_kind, shown_as

    opened = RunFolder.open(run)
    shown = shown_as(recorded_kind(opened.read("setup")))
    if resolution == "own" and not shown.by_bands:
        raise RunError(
            f"{shown.does}: nothing is counted at a picture's own size.",
            where=str(run),
            hint="Leave out --resolution own: it is for runs that label pixels.",
        )
    keep_large_buffers()  # before torch allocates anything
    from pixelwise.engine.evaluate import score_own, score_recipe
    from pixelwise.predict import Predictor
    from pixelwise.terminal.line import Line
    from pixelwise.terminal.output import say, show_json
    from pixelwise.terminal.scores import show_scores

    predictor = Predictor.open(opened, checkpoint=checkpoint, device=device)
    trained = predictor.opened
    split = split or trained.recipe.data.validation
    with Line("reading") as line:
        if resolution == "own":
            record, file = score_own(trained, split, predictor.predict, data=data, progress=line.show)
        else:
            record, file = score_recipe(trained, split, data=data, progress=line.show)
    if as_json:
        show_json(record)
        return
    show_scores({"splits": {split: record}}, run=opened.path)
    say(f"scores  {file}")
