"""`pixelwise tune`"""

from __future__ import annotations

from typing import Annotated

import typer

from pixelwise.cli.options import Allow, AsJson, Cache, Checkpoint, Data, DataPath, Device, MaxPixels, Run
from pixelwise.terminal.output import clean_line, say, show_json


def tune(
    run: Run,
    split: Annotated[
        str, typer.Option(help="Split to tune on; never one that is scored. Default: the training split.")
    ] = "",
    pictures: Annotated[
        int | None, typer.Option(min=1, help="Pictures to look at, evenly spread. Default: all.")
    ] = None,
    checkpoint: Checkpoint = "best",
    data: Data = None,
    data_path: DataPath = None,
    device: Device = "auto",
    as_json: AsJson = False,
    allow: Allow = None,
    cache: Cache = None,
    max_pixels: MaxPixels = None,
) -> None:
    """Choose the options with which a run's outputs are turned into objects.

    Thresholds, markers, smallest area and score rule are tried on pictures that are not scored, by the score that chose the
    best weights, or by the recipe's first score if the loss or the epoch chose them. Each call begins with the recipe's
    options. RUN/tuned.json records the choice and everything that was tried; `evaluate` and `predict` use it from then on.
    The recipe and the run's summary do not change. Delete tuned.json to return to the recipe's options.
    """
    from dataclasses import replace

    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()  # before torch allocates anything
    from pixelwise.engine.setup import open_learner
    from pixelwise.engine.tuning import tune as choose
    from pixelwise.recipe.place import moved
    from pixelwise.run.folder import RunFolder
    from pixelwise.terminal.bars import Line

    opened = open_learner(RunFolder.open(run), checkpoint=checkpoint, device=device)
    if data_path is not None:
        opened = replace(opened, recipe=moved(opened.recipe, data_path))
    with Line("tuning") as line:
        record = choose(
            opened,
            split,
            pictures=pictures,
            data=data,
            caching=line.show,
            told=lambda done, total: line.show("", done, total),
        )
    if as_json:
        show_json(record)
        return
    before, value = ("–" if number is None else f"{number:.4f}" for number in (record["before"], record["value"]))
    say(clean_line(f"{record['metric']} on {record['pictures']} pictures of '{record['split']}': {before} → {value}"))
    for name, chosen in record["options"].items():
        say(clean_line(f"{name:<10}  {chosen}"))
    if not record["options"]:
        say("the options of the recipe are the best that were tried")
    say(f"tuned  {run / 'tuned.json'}")
