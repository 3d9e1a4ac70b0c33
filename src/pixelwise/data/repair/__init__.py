"""A corrected copy of a data set: what has a sure cure is cured, the rest is left out and listed. The source is not changed.

The copy is a folder that the data set `folder` (or `labelled`) reads: train/images, train/masks, ..., classes.txt.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pixelwise.data.base import Dataset
from pixelwise.data.checks.accepted import accepted_entries
from pixelwise.data.checks.outlines import SMOOTH
from pixelwise.data.checks.pictures import rotations
from pixelwise.data.checks.repeats import leaked
from pixelwise.data.checks.survey import Facts, Survey, survey
from pixelwise.data.folder import Folder
from pixelwise.data.pairing.files import find_files
from pixelwise.data.pairing.lists import SPELLINGS, SPLITS
from pixelwise.data.pairing.matching import likely_naming
from pixelwise.data.repair.reading import Masks, turned
from pixelwise.errors import DataError
from pixelwise.imaging.channels import Traits
from pixelwise.imaging.files import read_image, write_image, write_mask
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.run.atomic import write_json
from pixelwise.run.lock import unfinished_folder
from pixelwise.types import RGB, DatasetInfo, IndexMap, Sample

Progress = Callable[[int, int], None]
RECORD = "repaired.json"
AS_STORED = {"JPEG": (".jpg", ".jpeg", ".jfif"), "PNG": (".png",)}  # kinds of pictures that are copied byte for byte


@dataclass
class Repaired:
    """What was done and what could not be: words → names of pictures. copied: pictures in each split of the copy."""

    done: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    copied: dict[str, int] = field(default_factory=dict)

    def note(self, what: str, name: str) -> None:
        self.done.setdefault(what, []).append(name)

    def leave_out(self, why: str, name: str) -> None:
        self.left_out.setdefault(why, []).append(name)


def repair(dataset: Dataset, out: Path, progress: Progress | None = None) -> Repaired:
    """Write a corrected copy into the new folder `out`, which appears when it is whole.

    Raises DataError where `out` is not empty or lies in the data set's own folder, and for data sets with objects or without
    masks and labels.
    """
    _check_place(dataset, out)
    if not {"mask", "label"} & dataset.info.knows or "objects" in dataset.info.knows:
        raise DataError("only masks of classes, and labels, can be copied.", where=dataset.info.name)
    dataset, paired = with_names_paired(dataset)
    seen = survey(dataset, progress)
    made = Repaired(open=[f"{problem.what} {problem.hint}".strip() for problem in seen.unpaired])
    if paired:
        made.done[paired] = [f"{split}: all" for split in seen.splits]
    with unfinished_folder(out.absolute().parent) as folder:
        _Copy(dataset, seen, folder, made).write()
        if not any(made.copied.values()):
            raise DataError("nothing of it can be copied.", where=dataset.info.name, hint="See `pixelwise data check`.")
        write_json(folder / RECORD, {"of": dataset.info.name, **vars(made)})
        if out.is_dir():
            out.rmdir()  # it is empty
        os.rename(folder, out)
    return made


def with_names_paired(dataset: Dataset) -> tuple[Dataset, str]:
    """A folder read with the prefixes and suffixes that its names suggest, if more pictures then have a mask; and a note."""
    if not isinstance(dataset, Folder) or not dataset.problems:
        return dataset, ""
    options = dataset.options
    places = [dataset.path, *(place for place in sorted(dataset.path.iterdir()) if place.name.lower() in SPELLINGS)]
    for place in places:
        names = [[name for name, _ in find_files(place, options[part]).files] for part in ("images", "masks")]
        alone = [[name for name in names[one] if name not in set(names[1 - one])] for one in (0, 1)]
        found = likely_naming(*alone) if all(alone) else None
        if found is None:
            continue
        naming = found[0].options()
        other = Folder(dataset.path, **{**options, **naming})
        if sum(len(other.names(split)) for split in other.splits()) > sum(
            map(len, map(dataset.names, dataset.splits()))
        ):
            return other, f"names paired by {' and '.join(f'{key}: {value!r}' for key, value in naming.items())}"
    return dataset, ""


def _check_place(dataset: Dataset, out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError("is not empty; the copy needs a new folder.", where=str(out), hint="Choose another --out.")
    source = dataset.settings().get("path")
    if source and Path(str(source)).resolve() in (out.resolve(), *out.resolve().parents):
        raise DataError(
            "is in the data set's own folder, which is not changed.", where=str(out), hint="Choose another."
        )


class _Copy:
    """The copy while it is written."""

    def __init__(self, dataset: Dataset, seen: Survey, folder: Path, made: Repaired) -> None:
        self.dataset, self.info, self.seen, self.folder, self.made = dataset, dataset.info, seen, folder, made
        info = self.info
        distinct = len(set(info.colours)) == len(info.classes)
        self.colours = info.colours if distinct else distinct_colours(len(info.classes))
        self.gone = set(leaked(seen, accepted_entries(dataset)[0]))
        turning = [finding for finding in rotations(seen) if finding.severity == "fatal"]
        self.turn = {name for finding in turning for name in finding.files}
        self.masks = Masks(dataset, [facts for facts in seen.facts if facts.smooth >= SMOOTH or _is_lossy(facts)])

    def write(self) -> None:
        if "mask" in self.info.knows:
            (self.folder / "classes.txt").write_text(_class_lines(self.info, self.colours), encoding="utf-8")
        for split in self.seen.splits:
            if split not in SPLITS:
                self.made.open.append(f"The split '{split}' is not copied: folders have {', '.join(SPLITS)}.")
                continue
            self.made.copied[split] = 0
            index = {name: at for at, name in enumerate(self.dataset.names(split))}
            for facts in self.seen.of(split):
                self._one(facts, index[facts.name])

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
        split = self.folder / facts.split
        if sample.mask is None:
            place = split / self.info.classes[sample.label or 0] / facts.name
        else:
            place = split / "images" / facts.name
            mask = split / "masks" / f"{facts.name}.png"
            mask.parent.mkdir(parents=True, exist_ok=True)
            write_mask(mask, sample.mask, self.colours)
        self._picture(sample, facts, files[0] if files else None, place)
        self.made.copied[facts.split] += 1

    def _sample(self, facts: Facts, index: int) -> Sample | None:
        """The sample with its mask corrected; None where it is left out."""
        split = facts.split
        if facts.problem is None:
            sample = self.dataset.read(split, index)
            if facts.smooth >= SMOOTH:
                return self._snapped(facts, index, sample)
            if facts.where in self.turn and facts.image is not None and sample.mask is not None:
                self.made.note("mask turned as its picture is by EXIF", facts.where)
                return Sample(sample.name, sample.image, turned(sample.mask, facts.image.orientation))
            if sample.mask is not None and _has_strange(sample.mask, self.info):
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
                mask = turned(self.masks.read(files[1]), facts.image.orientation)
                self.made.note("mask turned as its picture is by EXIF", facts.where)
                return Sample(facts.name, image, mask)
        if len(set(facts.sizes)) > 1:
            self.made.leave_out("picture and mask differ in size", facts.where)
            return None
        return self._snapped(facts, index, Sample(facts.name, image))

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

    def _picture(self, sample: Sample, facts: Facts, file: Path | None, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        if file is not None and facts.image is not None and _is_usual(facts.image, file):
            shutil.copyfile(file, f"{place}{file.suffix.lower()}")
            return
        if facts.image is not None and facts.image.orientation > 1:
            self.made.note("picture turned as its EXIF orientation says", facts.where)
        elif facts.image is not None:
            self.made.note("picture converted to 8 bits, red, green and blue", facts.where)
        write_image(Path(f"{place}.png"), sample.image)


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


def _class_lines(info: DatasetInfo, colours: tuple[RGB, ...]) -> str:
    """classes.txt with value, name and colour, so that void and any name are read unchanged."""
    lines = [
        f"{number} {name} {r} {g} {b}"
        for number, (name, (r, g, b)) in enumerate(zip(info.classes, colours, strict=True))
    ]
    if info.void is not None:
        lines.append(f"{info.void} void 224 224 192")
    return "\n".join(lines) + "\n"
