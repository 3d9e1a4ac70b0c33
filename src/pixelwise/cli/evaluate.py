"""`pixelwise evaluate`"""

from __future__ import annotations

from functools import partial
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
    from pixelwise.cli.prediction.inputs import labels_whole_pictures
    from pixelwise.engine.hardware.allocator import keep_large_buffers
    from pixelwise.errors import RunError
    from pixelwise.run.folder import RunFolder

    opened = RunFolder.open(run)
    if resolution == "own" and labels_whole_pictures(opened):
        raise RunError(
            "labels whole pictures: nothing is counted at a picture's own size.",
            where=str(run),
            hint="Leave out --resolution own: it is for runs that label pixels.",
        )
    keep_large_buffers()  # before torch allocates anything
    from pixelwise.engine.evaluate import score_own, score_recipe
    from pixelwise.engine.opening import open_learner
    from pixelwise.engine.predict import predict_resized
    from pixelwise.terminal.line import Line
    from pixelwise.terminal.output import say, show_json
    from pixelwise.terminal.scores import show_scores

    trained = open_learner(opened, checkpoint=checkpoint, device=device)
    split = split or trained.recipe.data.validation
    with Line("reading") as line:
        if resolution == "own":
            label = partial(predict_resized, trained)
            record, file = score_own(trained, split, label, data=data, progress=line.show)
        else:
            record, file = score_recipe(trained, split, data=data, progress=line.show)
    if as_json:
        show_json(record)
        return
    show_scores({"splits": {split: record}}, run=opened.path)
    say(f"scores  {file}")
