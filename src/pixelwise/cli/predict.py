"""`pixelwise predict`"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import typer

if TYPE_CHECKING:
    from pixelwise.engine.predict import Trained
    from pixelwise.errors import Problem
    from pixelwise.types import ClassMap, Colours, Image

LEGEND = "legend.png"
SHOWN = 20  # pictures that the table at the end names
KINDS = {
    "mask": ("masks", ".png"),
    "overlay": ("overlays", ".png"),
    "colours": ("colours", ".png"),
    "record": ("records", ".json"),
}


def predict(
    run: Annotated[Path, typer.Argument(help="Run folder of a trained recipe.", metavar="RUN")],
    images: Annotated[
        list[Path],
        typer.Argument(
            help="Pictures, or folders of them (their own files, not those of folders inside).", metavar="IMAGE"
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    checkpoint: Annotated[Literal["best", "last"], typer.Option(help="Weights of the best, or of the last epoch.")] = (
        "best"
    ),
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

    Written are, for each picture, masks/NAME.png (class indices in the classes' colours), overlays/NAME.png and
    records/NAME.json (pixels and confidence of each class, settings); and legend.png. A run that colours grey pictures
    writes colours/NAME.png instead of overlays.

    Pictures may have any size, and are turned as their EXIF data say. One that cannot be read is listed at the end; the
    others are labelled all the same, and the exit code is 1.
    """
    from pixelwise.run.folder import RunFolder

    opened = RunFolder.open(run)
    jobs, skipped = plan(images, out)
    if not overwrite:
        _check_free(jobs, out)
    from pixelwise.engine.hardware.allocator import keep_large_buffers

    keep_large_buffers()  # before torch allocates anything
    from pixelwise.engine.predict import check_tiles, open_trained

    trained = open_trained(opened, checkpoint=checkpoint, device=device)
    check_tiles(trained, tile, overlap)
    if not overwrite:
        _check_legend(trained, out)
    settings: dict[str, Any] = {"scale": scale, "tile": tile, "overlap": overlap}
    if scale == "recipe":
        settings = {"scale": scale, "size": list(trained.size)}
    start = time.perf_counter()
    outcome = _predict_all(trained, jobs, settings, out)
    seconds = time.perf_counter() - start
    if as_json:
        _print_json(outcome, skipped, out)
    else:
        _tell(outcome, skipped, out, seconds)
    if outcome.failed:
        raise typer.Exit(1)


# -- what is to be done --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """One picture, and the name under which everything of it is written."""

    file: Path
    name: str

    def paths(self, out: Path) -> dict[str, Path]:
        """Where mask, overlay and record go."""
        return {kind: out / folder / f"{self.name}{suffix}" for kind, (folder, suffix) in KINDS.items()}


def plan(images: Sequence[Path], out: Path) -> tuple[list[Job], list[Path]]:
    """The pictures to label, each once and under a name of its own, and the files passed over in folders.

    Raises DataError with every path that is not there, and for folders without a picture.
    """
    from pixelwise.errors import DataError, Problem
    from pixelwise.imaging.files import SUFFIXES

    files: dict[Path, Path] = {}  # resolved → as given, so that a picture named twice is labelled once
    skipped, problems = [], []
    ours = (out / LEGEND).resolve()  # of an earlier call with the pictures' own folder as --out
    for given in images:
        if given.is_dir():
            inside = sorted(path for path in given.iterdir() if path.is_file() and not path.name.startswith("."))
            found = [path for path in inside if path.suffix.lower() in SUFFIXES and path.resolve() != ours]
            skipped += [path for path in inside if path not in found and path.resolve() != ours]
            if not found:
                hint = "Folders inside it are not searched: name them too."
                problems.append(Problem(str(given), f"holds no picture ({', '.join(SUFFIXES)}).", hint))
        elif given.is_file():
            found = [given]
        else:
            found = []
            problems.append(Problem(str(given), "there is no such file or folder."))
        files.update({path.resolve(): path for path in reversed(found) if path.resolve() not in files})
    if problems:
        raise DataError.all(problems)
    ordered = sorted(files.values())
    return [Job(file, name) for file, name in zip(ordered, unique_names(ordered), strict=True)], skipped


def unique_names(files: Sequence[Path]) -> list[str]:
    """A name for each file: its stem; where another has the same, folder and full name; then a number.

    Compared without regard to case, because some file systems have none: `x.jpg` of a/ and `X.png` of b/ become
    `a-x.jpg` and `b-X.png`.
    """
    stems = Counter(file.stem.lower() for file in files)
    names: list[str] = []
    taken = {file.stem.lower() for file in files if stems[file.stem.lower()] == 1}
    for file in files:
        if stems[file.stem.lower()] == 1:
            names.append(file.stem)
            continue
        name = base = f"{file.resolve().parent.name}-{file.name}".lstrip("-")
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.lower())
        names.append(name)
    return names


def _check_free(jobs: Sequence[Job], out: Path) -> None:
    from pixelwise.errors import DataError, listing

    there = [str(path) for job in jobs for path in job.paths(out).values() if path.exists()]
    if there:
        raise DataError(
            f"{len(there)} of the files to write are there already: {listing(there, 4)}.",
            where=str(out),
            hint="Nothing was changed. Choose another --out, or replace them with --overwrite.",
        )


# -- doing it ------------------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What was labelled, and what could not be read."""

    records: list[dict[str, Any]] = field(default_factory=list)
    failed: list[Problem] = field(default_factory=list)


def _predict_all(trained: Trained, jobs: Sequence[Job], settings: dict[str, Any], out: Path) -> Outcome:
    from pixelwise.engine.predict import predict_resized, predict_tiles
    from pixelwise.errors import DataError, Problem
    from pixelwise.imaging.files import read_image, write_image

    outcome = Outcome()
    with _progress(len(jobs)) as advance:
        for job in jobs:
            try:
                image = read_image(job.file)
            except DataError as error:
                outcome.failed += [Problem(p.where or str(job.file), p.what) for p in error.problems]
            else:
                if settings["scale"] == "own":
                    labelled = predict_tiles(trained, image, tile=settings["tile"], overlap=settings["overlap"])
                else:
                    labelled = predict_resized(trained, image)
                outcome.records.append(_write(trained, job, image, labelled, settings, out))
            advance(job.file.name)
    if outcome.records:
        write_image(out / LEGEND, _legend(trained))
    return outcome


def _write(
    trained: Trained, job: Job, image: Image, labelled: ClassMap | Colours, settings: dict[str, Any], out: Path
) -> dict[str, Any]:
    """Mask, overlay (or colours) and record of one picture; the record is last, so where it is the others are whole."""
    from pixelwise.imaging.draw import overlay
    from pixelwise.imaging.files import write_image, write_mask
    from pixelwise.run.atomic import write_json
    from pixelwise.types import Colours

    info, paths = trained.info, job.paths(out)
    write_mask(paths["mask"], labelled.indices, info.colours)
    if isinstance(labelled, Colours):
        drawn = "colours"
        write_image(paths[drawn], labelled.image)
    else:
        drawn = "overlay"
        clear = [index for index, name in enumerate(info.classes) if name == "background"]
        write_image(paths[drawn], overlay(image, labelled.indices, info.colours, clear=clear))
    record = {
        "file": str(job.file),
        "size": {"height": image.shape[0], "width": image.shape[1]},
        **{kind: str(paths[kind].relative_to(out)) for kind in ("mask", drawn)},
        **count_classes(labelled, info.classes),
        "settings": settings,
        "run": str(trained.run.path),
        "checkpoint": {"which": trained.checkpoint, "epoch": trained.epoch, "step": trained.step},
    }
    write_json(paths["record"], record)
    return record


def count_classes(labelled: ClassMap | Colours, classes: Sequence[str]) -> dict[str, Any]:
    """Pixels, share and mean confidence of each class and of the whole picture; no confidence where there is no pixel."""
    import numpy as np

    pixels = np.zeros(len(classes), np.int64)
    sums = np.zeros(len(classes))
    for row in range(0, len(labelled.indices), 256):  # in bands: bincount takes 16 bytes a pixel
        indices = labelled.indices[row : row + 256].ravel()
        pixels += np.bincount(indices, minlength=len(classes))
        if labelled.confidence is not None:
            sums += np.bincount(indices, labelled.confidence[row : row + 256].ravel(), minlength=len(classes))
    total = int(pixels.sum())

    def mean(summed: float, count: int) -> float | None:
        return round(float(summed) / count, 6) if count and labelled.confidence is not None else None

    rows = [
        {
            "class": name,
            "index": index,
            "pixels": int(pixels[index]),
            "share": round(int(pixels[index]) / total, 6),
            "confidence": mean(sums[index], int(pixels[index])),
        }
        for index, name in enumerate(classes)
    ]
    return {"classes": rows, "confidence": mean(sums.sum(), total)}


def _check_legend(trained: Trained, out: Path) -> None:
    """Raise DataError where a legend of other classes, or another picture of that name, is in the way."""
    import numpy as np

    from pixelwise.errors import DataError
    from pixelwise.imaging.files import read_image

    path = out / LEGEND
    if path.exists() and not np.array_equal(read_image(path), _legend(trained)):
        raise DataError(
            "is already there and not the legend of this run's classes.",
            where=str(path),
            hint="Nothing was changed. Choose another --out, or replace it with --overwrite.",
        )


def _legend(trained: Trained) -> Image:
    from pixelwise.imaging.draw import legend

    return legend(trained.info.classes, trained.info.colours)


# -- telling -------------------------------------------------------------------------------------------------------


class Advance(Protocol):
    """Called with the name of each picture that is done."""

    def __call__(self, name: str) -> None: ...


@contextmanager
def _progress(total: int) -> Iterator[Advance]:
    """A bar on a terminal; elsewhere a line now and then. Both on stderr, so that stdout holds results alone."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, markup=False)
    if not console.is_terminal:
        said, done = time.monotonic(), 0

        def line(name: str) -> None:
            nonlocal said, done
            done += 1
            if time.monotonic() - said >= 30:
                said = time.monotonic()
                console.print(f"labelled {done} of {total} pictures")

        yield line
        return
    columns = TextColumn("labelling"), BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, TextColumn("{task.fields[name]}", markup=False), console=console, transient=True) as bar:
        task = bar.add_task("", total=total, name="")
        yield lambda name: bar.update(task, advance=1, name=name)


def _print_json(outcome: Outcome, skipped: Sequence[Path], out: Path) -> None:
    record = {
        "out": str(out),
        "pictures": outcome.records,
        "failed": [{"where": p.where, "what": p.what} for p in outcome.failed],
        "skipped": [str(path) for path in skipped],
    }
    typer.echo(json.dumps(record, indent=2, ensure_ascii=False))


def _tell(outcome: Outcome, skipped: Sequence[Path], out: Path, seconds: float) -> None:
    from pixelwise.errors import listing
    from pixelwise.run.words import duration

    for record in outcome.records[:SHOWN]:
        typer.echo(_line(record))
    if len(outcome.records) > SHOWN:
        typer.echo(f"... and {len(outcome.records) - SHOWN} more, each with its record under {out / 'records'}")
    if outcome.records:
        written = "masks, colours" if "colours" in outcome.records[0] else "masks, overlays"
        count = "1 picture" if len(outcome.records) == 1 else f"{len(outcome.records):,} pictures"
        typer.echo(f"\n{count} in {duration(seconds)}; {written}, records and legend.png are in {out}")
    if skipped:
        typer.echo(f"passed over, no pictures: {listing([path.name for path in skipped])}")
    if outcome.failed:
        typer.echo(f"\n{len(outcome.failed)} could not be read:", err=True)
        for problem in outcome.failed:
            typer.echo(f"  - {problem}", err=True)


def _line(record: dict[str, Any]) -> str:
    """`street.jpg  1024×768  road 51 %, sky 30 %, car 12 %  confidence 0.91`"""
    largest = sorted(record["classes"], key=lambda row: -row["pixels"])[:3]
    shares = ", ".join(f"{row['class']} {100 * row['share']:.0f} %" for row in largest if row["share"] >= 0.005)
    size = f"{record['size']['width']}×{record['size']['height']}"
    return f"{Path(record['file']).name}  {size}  {shares}  confidence {record['confidence']:.2f}"
