"""One class for every picture: a table in the terminal, and labels.json where a folder is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.cli.prediction.inputs import Job, Outcome
from pixelwise.terminal.line import Line
from pixelwise.terminal.output import say

if TYPE_CHECKING:
    from pixelwise.engine.base import Opened
    from pixelwise.types import Image, Labels

FILE = "labels.json"


Labeller = Callable[["Sequence[Image]"], "list[Labels]"]  # pictures of the training pictures' size → their labels


def predict_pictures(trained: Opened, label: Labeller, jobs: Sequence[Job], *, top: int, batch: int) -> Outcome:
    """Label every picture that can be read, each brought to the size of the training pictures, `batch` at a time."""
    from pixelwise.engine.labels import label_record
    from pixelwise.errors import DataError, Problem
    from pixelwise.imaging.files import read_image
    from pixelwise.imaging.resize import resize_image

    outcome = Outcome()
    told = {
        "run": str(trained.run.path),
        "checkpoint": {"which": trained.checkpoint, "epoch": trained.epoch, "step": trained.step},
    }
    with Line("predicting") as line:
        for start in range(0, len(jobs), batch):
            files, sizes, images = [], [], []
            for done, job in enumerate(jobs[start : start + batch], start=start + 1):
                try:
                    image = read_image(job.file)
                except DataError as error:
                    outcome.failed += [Problem(p.where or str(job.file), p.what) for p in error.problems]
                else:
                    files.append(job.file)
                    sizes.append(image.shape[:2])
                    images.append(resize_image(image, trained.size))
                line.show("", done, len(jobs), job.file.name)
            for file, size, said in zip(files, sizes, label(images) if images else [], strict=True):
                record = label_record(file, size, said, trained.info.classes, top=top, computed_at=trained.size)
                outcome.records.append({**record, **told})
    return outcome


def tell_labels(outcome: Outcome, classes: int, shown: int) -> None:
    """The table, and what a reader must know of it."""
    from pixelwise.engine.labels import label_lines

    for line in label_lines(outcome.records[:shown]):
        say(line)
    if len(outcome.records) > shown:
        say(f"... and {len(outcome.records) - shown} more; --out DIR writes them all, --json prints them")
    say(f"\nEvery picture gets one of the {classes} classes, whatever it shows.")
    if resized := [record for record in outcome.records if record["resized"]]:
        height, width = resized[0]["computed_at"].values()
        which = "1 picture was" if len(resized) == 1 else f"{len(resized):,} pictures were"
        say(f"{which} brought to {width}×{height}, the size of the training pictures, whatever their shape.")


def write_labels(outcome: Outcome, out: Path) -> Path:
    """labels.json: a list with a record for each picture."""
    from pixelwise.run.atomic import write_json

    records: Any = outcome.records
    write_json(out / FILE, records)
    return out / FILE
