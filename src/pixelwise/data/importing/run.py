"""An import: read every sample, write it in a layout of pixelwise, compare, and move the folder into place when it is whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pixelwise.data.annotated import Exported
from pixelwise.data.base import Dataset
from pixelwise.data.importing.proof import Proof
from pixelwise.data.importing.writers import WRITERS, Objects, Writer
from pixelwise.errors import DataError, Problem
from pixelwise.run.atomic import sync_folder, write_json
from pixelwise.run.lock import unfinished_folder

RECORD = "import.json"
As = Literal["masks", "instances", "labels"]


def usual(dataset: Dataset) -> As:
    """The kind that a data set is written as by default: masks of classes, else objects, else labels."""
    knows = dataset.info.knows
    return "masks" if "mask" in knows else "instances" if "objects" in knows else "labels"


def check_target(out: Path, source: Path) -> None:
    """Raise DataError where the folder to write is not empty, or within the source, which is never changed."""
    place, origin = Path(os.path.abspath(out)), Path(os.path.abspath(source))
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise DataError("is not a folder.", where=str(out), hint="Name a folder that does not exist yet.")
    if out.is_dir() and any(out.iterdir()):
        raise DataError(
            "is not empty, and an import never replaces files.", where=str(out), hint="Name another folder."
        )
    if place == origin or (origin.is_dir() and place.is_relative_to(origin)):
        raise DataError(
            "lies in the source, which an import never changes.", where=str(out), hint="Name a folder elsewhere."
        )


def import_dataset(
    dataset: Dataset,
    out: Path,
    *,
    kind: As,
    told: Mapping[str, Any],
    link: bool = False,
    skip: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, Any], Proof]:
    """Write a data set as `kind` into the folder `out`; what `import.json` records, and the comparison.

    told:  what the record says of the source
    link:  link pictures to the source instead of copying them
    skip:  leave out pictures with faults, which are otherwise refused all at once

    The folder appears only when it is complete. Raises DataError if it is not empty, or the data set lacks what is asked for.
    """
    _check_knows(dataset, kind)
    splits = dataset.splits() != ("train",)
    with unfinished_folder(out.parent) as unfinished:
        made = unfinished.absolute() / "made"
        made.mkdir()
        writer, proof = WRITERS[kind](made, dataset.info, splits, link), Proof()
        written, faults = _all(dataset, writer, proof, progress)
        if faults and not skip:
            hint = Problem("", "Nothing was written.", "Correct the source, or leave out faulty pictures with --skip.")
            raise DataError.all([*faults, hint])
        if not written:
            raise DataError("every picture has a fault.", where=dataset.info.name)
        reader = writer.finish()
        _check(reader, made, written, splits, dataset.info.classes)
        record = {**told, "as": kind, "dataset": reader, "splits": written, "classes": [*dataset.info.classes]}
        record["skipped"] = [str(fault) for fault in faults]
        if isinstance(dataset, Exported):
            record["not_read"] = dict(dataset.export.left_out)
        if isinstance(writer, Objects) and writer.why:
            record["json_because"] = writer.why
        if "objects" in dataset.info.knows:
            record |= {"objects": proof.as_record(), "changed": proof.rows}
        write_json(made / RECORD, record)
        if out.is_dir():
            out.rmdir()
        os.rename(made, out)
        sync_folder(out.parent)
    return record, proof


def _check_knows(dataset: Dataset, kind: As) -> None:
    needs = {"masks": "mask", "instances": "objects", "labels": "label"}[kind]
    if needs not in dataset.info.knows:
        has = ", ".join(sorted(dataset.info.knows)) or "pictures alone"
        hint = f"Use --as {usual(dataset)}." if dataset.info.knows else ""
        what = f"--as {kind} needs {needs} for each picture; the source has {has}."
        raise DataError(what, where=dataset.info.name, hint=hint)


def _all(
    dataset: Dataset, writer: Writer, proof: Proof, progress: Callable[[int, int], None] | None
) -> tuple[dict[str, int], list[Problem]]:
    """Write every sample: how many of each split, and the faults of the others."""
    written, faults = dict[str, int](), list[Problem]()
    total, done = sum(len(dataset.names(split)) for split in dataset.splits()), 0
    for split in dataset.splits():
        for index in range(len(dataset.names(split))):
            try:
                _one(dataset, split, index, writer, proof)
                written[split] = written.get(split, 0) + 1
            except DataError as error:
                faults += error.problems
            done += 1
            if progress is not None:
                progress(done, total)
    return written, faults


def _one(dataset: Dataset, split: str, index: int, writer: Writer, proof: Proof) -> None:
    """Write one sample and compare its objects."""
    sample, picture = dataset.read(split, index), dataset.sources(split, index)[0]
    if isinstance(dataset, Exported):
        proof.look_at(dataset.shapes(split, index, sample.size), sample.size)
    kept = writer.add(split, sample, picture)
    proof.add(f"{split}/{sample.name}", sample, kept, dataset.info.classes)


def _check(
    reader: Mapping[str, Any], folder: Path, written: Mapping[str, int], splits: bool, classes: tuple[str, ...]
) -> None:
    """Raise DataError where the reader of the folder does not find what was written in it."""
    from pixelwise.data import DATASETS

    options = {key: value for key, value in reader.items() if key != "name"}
    again: Dataset = DATASETS.build(reader["name"], folder, path=str(folder), val=0.0, **options)
    found = {split: len(again.names(split)) for split in again.splits()}
    told = dict(written) if splits else {"train": sum(written.values())}
    same = reader != {"name": "folder"} or again.info.classes == classes
    if found != told or not same:
        what = f"wrote {told} with {len(classes)} classes, and read again {found} with {len(again.info.classes)}."
        hint = "Do names of pictures or classes mean something else to pixelwise, such as train or void?"
        raise DataError(what, where=str(folder), hint=hint)
