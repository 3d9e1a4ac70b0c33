"""A corrected copy of a data set. Faults with a sure correction are corrected; other samples are left out and listed.

The copy is a folder that a data set reads: `folder` (train/images, train/masks, ..., classes.txt), `labelled`, or `coco`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.data.base import Dataset
from pixelwise.data.checks.accepted import accepted_entries
from pixelwise.data.checks.outlines import SMOOTH
from pixelwise.data.checks.pictures import rotations
from pixelwise.data.checks.repeats import leaked
from pixelwise.data.checks.survey import Facts, Survey, survey
from pixelwise.data.exclude import excluding
from pixelwise.data.folder import Folder
from pixelwise.data.pairing.files import find_files
from pixelwise.data.pairing.lists import SPELLINGS, SPLITS
from pixelwise.data.pairing.matching import likely_naming
from pixelwise.data.repair.reading import Masks, turned, whole_of
from pixelwise.data.repair.writing import AnyObjects, Maps, has_numbers, turned_sample, writer_for
from pixelwise.errors import DataError
from pixelwise.imaging.channels import Traits
from pixelwise.imaging.files import read_image, read_mask, write_image
from pixelwise.run.atomic import write_json
from pixelwise.run.lock import unfinished_folder
from pixelwise.types import DatasetInfo, IndexMap, Sample

Progress = Callable[[int, int], None]
RECORD = "repaired.json"
TURNED = "mask turned as its picture is by EXIF"
AS_STORED = {"JPEG": (".jpg", ".jpeg", ".jfif"), "PNG": (".png",)}  # kinds of pictures that are copied byte for byte


@dataclass
class Repaired:
    """What was corrected, and what could not be: words → names of pictures.

    copied:   pictures in each split of the copy
    dataset:  what reads the copy, its name and options
    """

    done: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    copied: dict[str, int] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)

    def note(self, what: str, name: str) -> None:
        self.done.setdefault(what, []).append(name)

    def leave_out(self, why: str, name: str) -> None:
        self.left_out.setdefault(why, []).append(name)


def repair(dataset: Dataset, out: Path, progress: Progress | None = None) -> Repaired:
    """Write a corrected copy into the new folder `out`, which appears only when it is complete.

    Raises DataError if `out` is not empty or lies in the data set's own folder, and for pictures alone.
    """
    _check_place(dataset, out)
    if not dataset.info.knows:
        raise DataError(
            "has pictures alone: there are no masks, objects or labels to correct.", where=dataset.info.name
        )
    dataset, paired = with_names_paired(dataset)
    dataset, reader = _as_classes(dataset)
    seen = survey(dataset, progress)
    made = Repaired(open=[f"{problem.what} {problem.hint}".strip() for problem in seen.unpaired])
    if paired:
        made.done[paired] = [f"{split}: all" for split in seen.splits]
    with unfinished_folder(out.absolute().parent) as folder:
        _Copy(dataset, seen, folder, made, reader).write()
        if not any(made.copied.values()):
            raise DataError(
                "no picture of it can be copied.", where=dataset.info.name, hint="See `pixelwise data check`."
            )
        write_json(folder / RECORD, {"of": dataset.info.name, **vars(made)})
        if out.is_dir():
            out.rmdir()  # it is empty
        os.rename(folder, out)
    return made


def with_names_paired(dataset: Dataset) -> tuple[Dataset, str]:
    """A folder read as its names suggest that they pair, if more pictures then have a mask; and a note."""
    whole = whole_of(dataset)
    if not isinstance(whole, Folder) or not whole.problems:
        return dataset, ""
    options = whole.options
    places = [whole.path, *(place for place in sorted(whole.path.iterdir()) if place.name.lower() in SPELLINGS)]
    for place in places:
        names = [[name for name, _ in find_files(place, options[part]).files] for part in ("images", "masks")]
        alone = [[name for name in names[one] if name not in set(names[1 - one])] for one in (0, 1)]
        found = likely_naming(*alone) if all(alone) else None
        if found is None:
            continue
        naming = found[0].options()
        other = _read_with(dataset, whole, naming)
        if sum(len(other.names(split)) for split in other.splits()) > sum(
            map(len, map(dataset.names, dataset.splits()))
        ):
            return other, f"names paired by {' and '.join(f'{key}: {value!r}' for key, value in naming.items())}"
    return dataset, ""


def _as_classes(dataset: Dataset) -> tuple[Dataset, dict[str, Any]]:
    """A folder whose objects are parts of classes, as masks of classes; and the options that its copy is read with."""
    whole = whole_of(dataset)
    if not isinstance(whole, Folder):
        return dataset, {}
    kept = {"channels": whole.options["channels"]} if whole.options["channels"] is not None else {}
    if whole.options["kind"] != "components":
        return dataset, kept
    return _read_with(dataset, whole, {"kind": "classes"}), {**kept, "kind": "components"}


def _read_with(dataset: Dataset, whole: Folder, options: Mapping[str, Any]) -> Dataset:
    """The folder with other options, and without the pictures that are left out now."""
    gone = [f"{split}/{name}" for split in dataset.splits() for name in dataset.excluded(split)]
    return excluding(Folder(whole.path, whole.root, **{**whole.options, **options}), gone)


def _check_place(dataset: Dataset, out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError("is not empty; the copy needs a new folder.", where=str(out), hint="Choose another --out.")
    source = dataset.settings().get("path")
    if source and Path(str(source)).resolve() in (out.resolve(), *out.resolve().parents):
        raise DataError(
            "is in the data set's own folder, which is not changed.", where=str(out), hint="Choose another --out."
        )


class _Copy:
    """The copy while it is written."""

    def __init__(self, dataset: Dataset, seen: Survey, folder: Path, made: Repaired, reader: dict[str, Any]) -> None:
        self.dataset, self.info, self.seen, self.made = dataset, dataset.info, seen, made
        self.writer, self.numbers = writer_for(folder, dataset, reader), has_numbers(whole_of(dataset))
        self.gone = set(leaked(seen, accepted_entries(dataset)[0]))
        turning = [finding for finding in rotations(seen) if finding.severity == "fatal"]
        self.turn = {name for finding in turning for name in finding.files}
        self.masks = Masks(dataset, [facts for facts in seen.facts if facts.smooth >= SMOOTH or _is_lossy(facts)])

    def write(self) -> None:
        for split in self.seen.splits:
            if split not in SPLITS:
                self.made.open.append(f"The split '{split}' is not copied: folders have {', '.join(SPLITS)}.")
                continue
            self.made.copied[split] = 0
            index = {name: at for at, name in enumerate(self.dataset.names(split))}
            for facts in self.seen.of(split):
                self._one(facts, index[facts.name])
        if any(self.made.copied.values()):
            self.made.dataset = self.writer.finish()

    def _one(self, facts: Facts, index: int) -> None:
        if facts.where in self.gone:
            self.made.leave_out("also in a later split", facts.where)
            return
        if Path(facts.name).is_absolute() or ".." in Path(facts.name).parts:
            self.made.leave_out("its name leads out of the folder", facts.where)
            return
        sample = self._sample(facts, index)
        if sample is None:
            return
        files = self.dataset.sources(facts.split, index)
        try:
            self.writer.add(
                facts.split, sample, lambda place: self._picture(sample, facts, files[0] if files else None, place)
            )
        except DataError as error:
            self.made.leave_out(error.problems[0].what, facts.where)
            return
        self.made.copied[facts.split] += 1

    def _sample(self, facts: Facts, index: int) -> Sample | None:
        """The sample with its mask corrected; None if it is left out."""
        split = facts.split
        if facts.problem is None:
            sample = self._read(split, index)
            if facts.smooth >= SMOOTH:
                return self._snapped(facts, index, sample)
            if facts.where in self.turn and facts.image is not None and sample.mask is not None:
                return self._turned(sample, facts, facts.image.orientation)
            if sample.mask is not None and not self.numbers and _has_strange(sample.mask, self.info):
                self.made.leave_out("its mask has values that are not classes", facts.where)
                return None
            return sample
        files = self.dataset.sources(split, index)
        image = None
        with suppress(DataError):
            image = read_image(files[0], reading=self.dataset.reading())
        if image is None or len(files) < 2:
            self.made.leave_out("the picture cannot be read", facts.where)
            return None
        if _fits_stored(facts) and facts.image is not None:
            with suppress(DataError):
                stored = read_mask(files[1]) if self.numbers else self.masks.read(files[1])
                mask = turned(stored, facts.image.orientation)
                self.made.note(TURNED, facts.where)
                return Sample(facts.name, image, mask)
        if len(set(facts.sizes)) > 1:
            self.made.leave_out("picture and mask differ in size", facts.where)
            return None
        if isinstance(self.writer, AnyObjects | Maps):
            self.made.leave_out("its mask or its objects cannot be read", facts.where)
            return None
        return self._snapped(facts, index, Sample(facts.name, image))

    def _read(self, split: str, index: int) -> Sample:
        """A sample; where masks number objects, its mask has the numbers."""
        sample = self.dataset.read(split, index)
        return replace(sample, mask=read_mask(self.dataset.sources(split, index)[1])) if self.numbers else sample

    def _turned(self, sample: Sample, facts: Facts, orientation: int) -> Sample | None:
        made = turned_sample(replace(sample, objects=None) if self.numbers else sample, orientation)
        if made is None:
            self.made.leave_out("it is turned by EXIF, and an object is known by its box alone", facts.where)
        else:
            self.made.note(TURNED, facts.where)
        return made

    def _snapped(self, facts: Facts, index: int, sample: Sample) -> Sample | None:
        file = self.dataset.sources(facts.split, index)[-1]
        mask = self.masks.snapped(facts, file)
        if mask is None:
            smooth = facts.smooth >= SMOOTH or _is_lossy(facts)
            why = "it is not sure which class its mask's values mean" if smooth else "its mask cannot be read"
            self.made.leave_out(why, facts.where)
            return None
        self.made.note("mask snapped to the values that were drawn", facts.where)
        return Sample(sample.name, sample.image, mask)

    def _picture(self, sample: Sample, facts: Facts, file: Path | None, place: Path) -> Path:
        """Write the picture at a place without suffix; its file."""
        place.parent.mkdir(parents=True, exist_ok=True)
        many = sample.image.shape[2] != 3  # more channels than a PNG has
        if file is not None and facts.image is not None and (many or _is_usual(facts.image, file)):
            return Path(shutil.copyfile(file, f"{place}{file.suffix.lower()}"))
        if facts.image is not None and facts.image.orientation > 1:
            self.made.note("picture turned as its EXIF orientation says", facts.where)
        elif facts.image is not None:
            self.made.note("picture converted to 8 bits, red, green and blue", facts.where)
        write_image(Path(f"{place}.png"), sample.image)
        return Path(f"{place}.png")


def _is_usual(traits: Traits, file: Path) -> bool:
    """Whether every program reads this file in the same way, so that it is copied byte for byte."""
    plain = traits.bits == 8 and traits.orientation == 1 and traits.pages == 1 and traits.channels == 3
    return plain and file.suffix.lower() in AS_STORED.get(traits.kind, ())


def _is_lossy(facts: Facts) -> bool:
    return facts.problem is not None and "stored with loss" in facts.problem.what


def _fits_stored(facts: Facts) -> bool:
    image, mask = facts.image, facts.mask
    differ = len(set(facts.sizes)) > 1
    return differ and image is not None and mask is not None and image.orientation > 1 and image.size == mask.size


def _has_strange(mask: IndexMap, info: DatasetInfo) -> bool:
    return any(value >= len(info.classes) and value != info.void for value in np.unique(mask).tolist())
