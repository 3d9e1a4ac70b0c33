"""A class or a colour for every pixel: masks, drawings and records of pictures, and one line of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.cli.prediction.inputs import LEGEND, Job, Outcome
from pixelwise.terminal.line import Line

if TYPE_CHECKING:
    from pixelwise.engine.base import Opened
    from pixelwise.types import ClassMap, Colours, Image

KINDS = {
    "mask": ("masks", ".png"),
    "overlay": ("overlays", ".png"),
    "colours": ("colours", ".png"),
    "record": ("records", ".json"),
}


def written(job: Job, out: Path) -> dict[str, Path]:
    """Where mask, overlay (or colours) and record of a picture go."""
    return {kind: out / folder / f"{job.name}{suffix}" for kind, (folder, suffix) in KINDS.items()}


def predict_pixels(trained: Opened, jobs: Sequence[Job], settings: dict[str, Any], out: Path) -> Outcome:
    """Label every picture that can be read, each at the size that the settings say, and write what there is of it."""
    from pixelwise.engine.predict import predict_resized, predict_tiles
    from pixelwise.errors import DataError, Problem
    from pixelwise.imaging.files import read_image, write_image

    outcome = Outcome()
    with Line("predicting") as line:
        for done, job in enumerate(jobs, start=1):
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
            line.show("", done, len(jobs), job.file.name)
    if outcome.records:
        write_image(out / LEGEND, _legend(trained))
    return outcome


def _write(
    trained: Opened, job: Job, image: Image, labelled: ClassMap | Colours, settings: dict[str, Any], out: Path
) -> dict[str, Any]:
    """Mask, overlay (or colours) and record of one picture; the record is last, so where it is the others are whole."""
    from pixelwise.imaging.draw import overlay
    from pixelwise.imaging.files import write_image, write_mask
    from pixelwise.run.atomic import write_json
    from pixelwise.types import Colours

    info, paths = trained.info, written(job, out)
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


def check_legend(trained: Opened, out: Path) -> None:
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


def _legend(trained: Opened) -> Image:
    from pixelwise.imaging.draw import legend

    return legend(trained.info.classes, trained.info.colours)


def line(record: dict[str, Any]) -> str:
    """`street.jpg  1024×768  road 51 %, sky 30 %, car 12 %  confidence 0.91`"""
    largest = sorted(record["classes"], key=lambda row: -row["pixels"])[:3]
    shares = ", ".join(f"{row['class']} {100 * row['share']:.0f} %" for row in largest if row["share"] >= 0.005)
    size = f"{record['size']['width']}×{record['size']['height']}"
    return f"{Path(record['file']).name}  {size}  {shares}  confidence {record['confidence']:.2f}"
