"""`pixelwise predict`"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pixelwise.cli.options import Allow, AsJson, Checkpoint, Device, Flips, MaxPixels, Run, Scales
from pixelwise.terminal.output import clean_line, say, show_json

if TYPE_CHECKING:
    from pixelwise.errors import Problem
    from pixelwise.predict import Predictor, Tiles
    from pixelwise.predict.inputs import Job
    from pixelwise.predict.predictor import Predicted
    from pixelwise.run.folder import RunFolder
    from pixelwise.shown.base import Shown
    from pixelwise.types import Image

SHOWN = 20  # pictures that the table at the end names


def predict(
    run: Run,
    images: Annotated[
        list[Path],
        typer.Argument(help="Pictures, or folders of pictures (without the folders inside them).", metavar="IMAGE"),
    ],
    out: Annotated[Path | None, typer.Option(help="Folder to write to; needed if pixels are labelled.")] = None,
    checkpoint: Checkpoint = "best",
    top: Annotated[
        int | None, typer.Option(min=1, help="Number of most probable classes to list for a whole picture. Default: 5.")
    ] = None,
    scale: Annotated[
        Literal["recipe", "own"],
        typer.Option(
            help="Compute at the size that the run was validated at, or at each picture's own size (in tiles)."
        ),
    ] = "recipe",
    tile: Annotated[int, typer.Option(min=32, help="Largest tile's side in pixels, for --scale own.")] = 512,
    overlap: Annotated[
        int, typer.Option(min=0, help="Pixels that neighbouring tiles share; each keeps its half of them.")
    ] = 64,
    flips: Flips = False,
    scales: Scales = "1",
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier predictions in --out.")] = False,
    as_json: AsJson = False,
    allow: Allow = None,
    max_pixels: MaxPixels = None,
) -> None:
    """Label your own pictures with a trained run.

    A run that labels whole pictures prints a table. With --out it also writes labels.json: a list with file, label,
    probability and the most probable classes of each picture.

    A run that labels pixels writes masks/NAME.png (class indices in the classes' colours), overlays/NAME.png and
    records/NAME.json (pixels and confidence of each class, settings) for each picture, and legend.png. A run that
    colours grey pictures writes colours/NAME.png instead of overlays. The mask of a GeoTIFF is also written as
    masks/NAME.tif with the same georeference.

    Pictures may have any size, and are turned as their EXIF data say. A picture that cannot be read is listed at the
    end; the others are still labelled, and the exit code is 1.
    """
    from pixelwise.predict import Predictor, Tiles
    from pixelwise.predict.inputs import check_free, check_ours, plan
    from pixelwise.run.folder import RunFolder

    opened = RunFolder.open(run)
    shown = _shown(opened, out, top, scale)
    jobs, skipped = plan(images, out)
    if out is not None and not overwrite:
        check_free([path for files, record in _outputs(shown, jobs, out) for path in (*files, record)], out)
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()  # before torch allocates anything
    predictor = Predictor.open(opened, checkpoint=checkpoint, device=device, flips=flips, scales=scales)
    tiles = Tiles(tile, overlap) if scale == "own" else None
    predictor.check_tiles(tiles)
    if out is not None and overwrite:
        check_ours(_outputs(shown, jobs, out), _inputs(predictor, jobs), out)
    elif out is not None and shown.legend:
        _check_legend(predictor, out)
    start = time.perf_counter()
    outcome = _predict(predictor, shown, jobs, tiles, out)
    if as_json:
        _print_json(outcome, skipped, out)
    else:
        _print_lines(outcome, predictor, shown, out, time.perf_counter() - start)
        _print_rest(outcome, skipped, jobs)
    if outcome.failed:
        raise typer.Exit(1)


@dataclass
class Outcome:
    """The records of what was predicted, and what could not be read."""

    records: list[dict[str, Any]] = field(default_factory=list)
    failed: list[Problem] = field(default_factory=list)
    unwritten: bool = False  # whether some of those could be read


def _shown(run: RunFolder, out: Path | None, top: int | None, scale: str) -> Shown:
    """How the run's predictions are shown and kept. Raises RunError for options that are not for its kind of prediction."""
    from pixelwise.errors import Problem, RunError
    from pixelwise.shown import SHOWN, recorded_kind

    where = str(run.path)
    kind = recorded_kind(run.read("setup"), str(run.path / "setup.json"))
    shown: Shown = SHOWN.build(kind)
    problems = []
    if scale == "own" and not shown.by_bands:
        hint = "Leave out --scale own: it is for runs that label pixels."
        problems.append(Problem(where, f"{shown.does}, at the size that the run was validated at.", hint))
    if top is not None and "top" not in SHOWN.signature(kind).options:
        hint = "Leave out --top: it is for runs that label whole pictures."
        problems.append(Problem(where, f"{shown.does}; it has no most probable classes to list.", hint))
    if out is None and not shown.together:
        hint = "Name the folder that they go to with --out."
        files = " and ".join([", ".join(shown.folders.values()), "legend.png" if shown.legend else "records"])
        problems.append(Problem(where, f"{shown.does}: its {files} are files.", hint))
    if problems:
        raise RunError.all(problems)
    return shown if top is None else SHOWN.build(kind, top=top)


def _outputs(shown: Shown, jobs: Sequence[Job], out: Path) -> list[tuple[list[Path], Path]]:
    """The files that are written of each picture, and its record; one file for all where the kind has that."""
    if shown.together:
        return [([], out / shown.together)]
    return [
        ([out / file for file in (*shown.files(job.name).values(), *job.geotiff)], out / _record(job)) for job in jobs
    ]


def _inputs(predictor: Predictor, jobs: Sequence[Job]) -> Iterator[Path]:
    """The pictures, and the files of the run's data set, if it can be found."""
    from pixelwise.engine.build import build_dataset
    from pixelwise.errors import PixelwiseError

    yield from (job.file for job in jobs)
    with suppress(PixelwiseError):
        dataset = build_dataset(predictor.opened.recipe)
        for split in dataset.splits():
            for index in range(len(dataset.names(split))):
                yield from dataset.sources(split, index)


def _record(job: Job) -> str:
    return f"records/{job.name}.json"


def _predict(predictor: Predictor, shown: Shown, jobs: Sequence[Job], tiles: Tiles | None, out: Path | None) -> Outcome:
    """Predict every picture that can be read, and write its files."""
    from pixelwise.errors import RunError
    from pixelwise.imaging.files import write_image
    from pixelwise.predict.inputs import LEGEND
    from pixelwise.run.atomic import is_of_one_file, write_json
    from pixelwise.terminal.bars import Line

    outcome = Outcome()
    settings: dict[str, Any] = {"scale": "recipe", "size": None if predictor.keeps_sizes else list(predictor.size)}
    if tiles is not None:
        settings = {"scale": "own", "tile": tiles.tile, "overlap": tiles.overlap}
    settings["trained_at"] = predictor.trained_at
    if (views := predictor.opened.learner.views) is not None:
        settings["views"] = views.as_record()
    with Line("predicting") as line:
        results = predictor.predict_files([job.file for job in jobs], tiles)
        for done, (job, one) in enumerate(zip(jobs, results, strict=True), start=1):
            outcome.failed += one.problems
            if not one.problems:
                try:
                    outcome.records.append(_keep(predictor, shown, job, one, settings, out))
                except RunError as error:
                    if not is_of_one_file(error.__cause__, Path(error.problems[0].where)):
                        raise
                    outcome.failed += error.problems
                    outcome.unwritten = True
            line.show("", done, len(jobs), job.file.name)
    if out is not None and outcome.records:
        records: Any = outcome.records
        if shown.together:
            write_json(out / shown.together, records)
        if shown.legend:
            write_image(out / LEGEND, _legend(predictor))
    return outcome


def _keep(
    predictor: Predictor, shown: Shown, job: Job, one: Predicted, settings: dict[str, Any], out: Path | None
) -> dict[str, Any]:
    """Write the files of a picture, all of them or none, and give its record, which is written last."""
    from pixelwise.run.atomic import write_json

    opened, files = predictor.opened, dict[str, str]()
    assert one.size is not None
    try:
        if out is not None and one.image is not None:
            files = shown.write(out, job.name, one.image, one.prediction, predictor.info)
            files |= _placed(shown, job, one, predictor, out)
        record = shown.record(job.file, one.size, shown.counts(one.prediction, predictor.info), files, settings)
        checkpoint = {"which": opened.checkpoint, "epoch": opened.epoch, "step": opened.step}
        record |= {"run": str(opened.run.path), "checkpoint": checkpoint}
        if out is not None and not shown.together:
            write_json(out / _record(job), record)
    except BaseException:
        for files_written, record_file in _outputs(shown, [job], out) if out is not None and not shown.together else ():
            for path in (*files_written, record_file):
                with suppress(OSError):
                    path.unlink()
        raise
    return record


def _placed(shown: Shown, job: Job, one: Predicted, predictor: Predictor, out: Path) -> dict[str, str]:
    """Write the mask of a GeoTIFF as one, and say where it is."""
    from pixelwise.predict.geotiff import write_geotiff

    plane = shown.plane(one.prediction)
    if job.place is None or plane is None:
        return {}
    write_geotiff(out / job.geotiff[0], plane, predictor.info.colours if shown.legend else (), job.place)
    return {"geotiff": job.geotiff[0]}


def _check_legend(predictor: Predictor, out: Path) -> None:
    """Raise DataError where a legend of other classes, or another picture of that name, is in the way."""
    import numpy as np

    from pixelwise.errors import DataError
    from pixelwise.imaging.files import read_image
    from pixelwise.predict.inputs import LEGEND

    path = out / LEGEND
    if path.exists() and not np.array_equal(read_image(path), _legend(predictor)):
        raise DataError(
            "is already there and not the legend of this run's classes.",
            where=str(path),
            hint="Nothing was changed. Choose another --out, or replace it with --overwrite.",
        )


def _legend(predictor: Predictor) -> Image:
    from pixelwise.imaging.draw import legend

    return legend([clean_line(name) for name in predictor.info.classes], predictor.info.colours)


# -- the terminal --------------------------------------------------------------------------------------------------


def _print_json(outcome: Outcome, skipped: Sequence[Path], out: Path | None) -> None:
    show_json(
        {
            "out": None if out is None else str(out),
            "pictures": outcome.records,
            "failed": [{"where": p.where, "what": p.what} for p in outcome.failed],
            "skipped": [str(path) for path in skipped],
        }
    )


def _print_lines(outcome: Outcome, predictor: Predictor, shown: Shown, out: Path | None, seconds: float) -> None:
    """A line for each of the first pictures, what a reader must know of them, and where the files are."""
    from pixelwise.run.words import duration

    if not (records := outcome.records):
        return
    for line in shown.lines(records[:SHOWN]):
        say(clean_line(line))
    if len(records) > SHOWN:
        rest = "--out DIR writes them all, --json prints them"
        rest = rest if shown.together or out is None else f"each with its record under {out / 'records'}"
        say(f"... and {len(records) - SHOWN} more{';' if shown.together else ','} {rest}")
    views = predictor.opened.learner.views
    averaged = [] if views is None else [f"probabilities are the {views.words}"]
    for number, remark in enumerate([*averaged, *shown.remarks(records, predictor.info)]):
        say(remark if number else f"\n{remark}")
    if out is not None and shown.together:
        say(f"{Path(shown.together).stem}  {out / shown.together}")
    elif out is not None:
        count = "1 picture" if len(records) == 1 else f"{len(records):,} pictures"
        files = ", ".join([*shown.folders.values(), "records and legend.png" if shown.legend else "records"])
        say(f"\n{count} in {duration(seconds)}; {files} are in {out}")


def _print_rest(outcome: Outcome, skipped: Sequence[Path], jobs: Sequence[Job]) -> None:
    """The files that are not pictures, those that could not be read, and masks that do not lie where their pictures do."""
    from pixelwise.errors import listing

    for why in dict.fromkeys(job.unplaced for job in jobs if job.unplaced):
        say(f"no georeference in masks, {why}: {listing([job.file.name for job in jobs if job.unplaced == why], 5)}")
    if skipped:
        say(f"skipped, not pictures: {listing([path.name for path in skipped])}")
    if outcome.failed:
        say(f"\n{len(outcome.failed)} could not be {'read or written' if outcome.unwritten else 'read'}:", err=True)
        for problem in outcome.failed:
            say(f"  - {problem}", err=True)
