"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def allow_typed(words: list[str] | None) -> list[str] | None:
    """Take the names of code in typed words as consent to import it."""
    from pixelwise.outside import allow_typed as allow

    allow(words or ())
    return words


def _allow(modules: list[str] | None) -> list[str] | None:
    from pixelwise.outside import allow

    allow(modules or ())
    return modules


def _cache(folder: Path | None) -> Path | None:
    from pixelwise.data.base import use_cache

    if folder is not None:
        use_cache(folder)
    return folder


def _max_pixels(pixels: int | None) -> int | None:
    from pixelwise.imaging.files import allow_pixels

    if pixels is not None:
        allow_pixels(pixels)
    return pixels


RecipeName = Annotated[str, typer.Argument(help="Name of a shipped recipe, or a YAML file.")]
RecipeOrNone = Annotated[str | None, typer.Argument(help="Name of a shipped recipe, or a YAML file.")]
Changes = Annotated[
    list[str] | None, typer.Argument(help="Changes, e.g. train.batch=8 model.width=32.", callback=allow_typed)
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODULE",
        help="Allow the import of a module outside pixelwise that the recipe or run names; may be repeated.",
        callback=_allow,
    ),
]
Run = Annotated[Path, typer.Argument(help="Run folder of a trained recipe.", metavar="RUN")]
Data = Annotated[Path | None, typer.Option(help="Data folder. Default: PIXELWISE_DATA, else ~/.cache/pixelwise.")]
DataPath = Annotated[
    Path | None, typer.Option("--path", help="Folder of the data set, in place of the recipe's data.dataset.path.")
]
Cache = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder for decoded pictures. Default: PIXELWISE_CACHE, else cache in the data folder, or, if that cannot "
        "be written, ~/.cache/pixelwise/cache.",
        callback=_cache,
    ),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Most pixels that a picture may have. Default: PIXELWISE_MAX_PIXELS, else 100000000.",
        callback=_max_pixels,
    ),
]
Jobs = Annotated[int, typer.Option(min=1, help="Number of runs at a time.")]
Checkpoint = Annotated[Literal["best", "last"], typer.Option(help="Weights of the best, or of the last epoch.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Flips = Annotated[
    bool, typer.Option("--flips", help="Average probabilities over each picture and its mirror image, left to right.")
]
Scales = Annotated[
    str, typer.Option(metavar="LIST", help="Average probabilities over these scales of each picture, e.g. 0.75,1,1.25.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead.")]
