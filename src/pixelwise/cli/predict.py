"""`pixelwise predict`"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pixelwise.cli.prediction.inputs import LEGEND, Outcome, check_free, labels_whole_pictures, plan
from pixelwise.terminal.output import say, show_json

if TYPE_CHECKING:
    from pixelwise.run.folder import RunFolder

Which = Literal["best", "last"]
SHOWN = 20  # pictures that the table at the end names


def predict(
    run: Annotated[Path, typer.Argument(help="Run folder of a trained recipe.", metavar="RUN")],
    images: Annotated[
        list[Path],
        typer.Argument(
            help="Pictures, or folders of them (their own files, not those of folders inside).", metavar="IMAGE"
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Folder to write to; needed where pixels are labelled.")] = None,
    checkpoint: Annotated[Which, typer.Option(help="Weights of the best, or of the last epoch.")] = "best",
    top: Annotated[
        int | None, typer.Option(min=1, help="Most probable classes to tell of a whole picture. Default: 5.")
    ] = None,
    scale: Annotated[
        Literal["recipe", "own"],
        typer.Option(help="Compute at the size of the training pictures, or at each picture's own size (in tiles)."),
    ] = "recipe",
    tile: Annotated[int, typer.Option(min=32, help="Largest tile's side in pixels, for --scale own.")] = 512,
    overlap: Annotated[
        int, typer.Option(min=0, help="Pixels that neighbouring tiles share; each keeps its half of them.")
    ] = 64,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are in --out already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs instead.")] = False,
) -> None:
    """Label your own pictures with a trained run.

    Where whole pictures are labelled, a table is printed; with --out, labels.json is written: a list with file, label,
    probability and the most probable classes of each.

    Where pixels are labelled, there are written for each picture masks/NAME.png (class indices in the classes' colours),
    overlays/NAME.png and records/NAME.json (pixels and confidence of each class, settings); and legend.png. A run that
    colours grey pictures writes colours/NAME.png instead of overlays.

    Pictures may have any size, and are turned as their EXIF data say. One that cannot be read is listed at the end; the
    others are labelled all the same, and the exit code is 1.
    """
    from pixelwise.run.folder import RunFolder

    asked = Asked(RunFolder.open(run), tuple(images), out, checkpoint, device, overwrite, as_json)
    if labels_whole_pictures(asked.run):
        outcome = _predict_labels(asked, top, scale)
    else:
        outcome = _predict_pixels(asked, top, {"scale": scale, "tile": tile, "overlap": overlap})
    if outcome.failed:
        raise typer.Exit(1)


@dataclass(frozen=True)
class Asked:
    """What was asked for, whatever the run labels."""

    run: RunFolder
    images: Sequence[Path]
    out: Path | None
    checkpoint: Which
    device: str
    overwrite: bool
    as_json: bool


# -- whole pictures ------------------------------------------------------------------------------------------------


def _predict_labels(asked: Asked, top: int | None, scale: str) -> Outcome:
    """A label for each picture; the table or the JSON, and labels.json where a folder is named."""
    from pixelwise.cli.prediction.labels import FILE, predict_pictures, tell_labels, write_labels
    from pixelwise.engine.labels import TOP
    from pixelwise.errors import RunError

    if scale == "own":
        raise RunError(
            "labels whole pictures, at the size of the training pictures.",
            where=str(asked.run.path),
            hint="Leave out --scale own: it is for runs that label pixels.",
        )
    jobs, skipped = plan(asked.images, asked.out)
    if asked.out is not None and not asked.overwrite:
        check_free([asked.out / FILE], asked.out)
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()  # before torch allocates anything
    from pixelwise.engine.opening import open_learner
    from pixelwise.engine.predict import predict_labels

    trained = open_learner(asked.run, checkpoint=asked.checkpoint, device=asked.device)
    batch = trained.recipe.train.batch
    outcome = predict_pictures(
        trained, lambda images: predict_labels(trained, images), jobs, top=top or TOP, batch=batch
    )
    file = write_labels(outcome, asked.out) if asked.out is not None and outcome.records else None
    if asked.as_json:
        _print_json(outcome, skipped, asked.out)
        return outcome
    if outcome.records:
        tell_labels(outcome, len(trained.info.classes), SHOWN)
    if file is not None:
        say(f"labels  {file}")
    _tell_rest(outcome, skipped)
    return outcome


# -- pixels --------------------------------------------------------------------------------------------------------


def _predict_pixels(asked: Asked, top: int | None, settings: dict[str, Any]) -> Outcome:
    """A class or a colour for every pixel: files under --out, and a line for each picture."""
    from pixelwise.cli.prediction.pixels import check_legend, predict_pixels, written

    out = _check_options(asked, top)
    jobs, skipped = plan(asked.images, out)
    if not asked.overwrite:
        check_free([path for job in jobs for path in written(job, out).values()], out)
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()  # before torch allocates anything
    from pixelwise.engine.opening import open_learner
    from pixelwise.engine.predict import check_tiles

    trained = open_learner(asked.run, checkpoint=asked.checkpoint, device=asked.device)
    check_tiles(trained, settings["tile"], settings["overlap"])
    if not asked.overwrite:
        check_legend(trained, out)
    if settings["scale"] == "recipe":
        settings = {"scale": "recipe", "size": list(trained.size)}
    start = time.perf_counter()
    outcome = predict_pixels(trained, jobs, settings, out)
    if asked.as_json:
        _print_json(outcome, skipped, out)
        return outcome
    _tell_pixels(outcome, out, time.perf_counter() - start)
    _tell_rest(outcome, skipped)
    return outcome


def _check_options(asked: Asked, top: int | None) -> Path:
    """The folder to write to. Raises RunError where none is named, or what is for whole pictures is asked for."""
    from pixelwise.errors import Problem, RunError

    problems = []
    if top is not None:
        hint = "Leave out --top: it is for runs that label whole pictures."
        problems.append(Problem(str(asked.run.path), "labels pixels, each with its one class.", hint))
    if asked.out is None:
        hint = "Name the folder that they go to with --out."
        problems.append(Problem(str(asked.run.path), f"labels pixels: its masks and {LEGEND} are files.", hint))
    if problems or asked.out is None:
        raise RunError.all(problems)
    return asked.out


def _tell_pixels(outcome: Outcome, out: Path, seconds: float) -> None:
    from pixelwise.cli.prediction.pixels import line
    from pixelwise.run.words import duration

    for record in outcome.records[:SHOWN]:
        say(line(record))
    if len(outcome.records) > SHOWN:
        say(f"... and {len(outcome.records) - SHOWN} more, each with its record under {out / 'records'}")
    if outcome.records:
        drawn = "masks, colours" if "colours" in outcome.records[0] else "masks, overlays"
        count = "1 picture" if len(outcome.records) == 1 else f"{len(outcome.records):,} pictures"
        say(f"\n{count} in {duration(seconds)}; {drawn}, records and {LEGEND} are in {out}")


# -- either --------------------------------------------------------------------------------------------------------


def _print_json(outcome: Outcome, skipped: Sequence[Path], out: Path | None) -> None:
    record = {
        "out": None if out is None else str(out),
        "pictures": outcome.records,
        "failed": [{"where": p.where, "what": p.what} for p in outcome.failed],
        "skipped": [str(path) for path in skipped],
    }
    show_json(record)


def _tell_rest(outcome: Outcome, skipped: Sequence[Path]) -> None:
    """What was passed over, and what could not be read."""
    from pixelwise.errors import listing

    if skipped:
        say(f"passed over, no pictures: {listing([path.name for path in skipped])}")
    if outcome.failed:
        say(f"\n{len(outcome.failed)} could not be read:", err=True)
        for problem in outcome.failed:
            say(f"  - {problem}", err=True)
