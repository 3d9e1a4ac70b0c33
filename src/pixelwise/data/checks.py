"""Checking a data set for mistakes before training. One check is one function; a new one is one line in the list.

Every sample is read once: one pass collects the facts that the checks look at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.base import Dataset
from pixelwise.data.cache import damaged_entries
from pixelwise.data.copies import digest_of, find_copies, thumbnail_of
from pixelwise.errors import DataError, Problem, listing
from pixelwise.imaging.files import image_size
from pixelwise.types import DatasetInfo

CHUNK = 1 << 20  # pixels of a mask that are counted at a time


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of one sample after reading it.

    problem:    why it could not be read, or None
    sizes:      (H, W) of its files where it could not be read, as far as their headers tell
    size:       (H, W) of the picture
    values:     value → pixels in the mask
    label:      of the picture
    digest:     of the picture's pixels
    thumbnail:  the picture at 16×16, flat: what stays equal when a picture is stored again or resized
    """

    split: str
    name: str
    problem: Problem | None = None
    sizes: tuple[tuple[int, int], ...] = ()
    size: tuple[int, int] | None = None
    values: dict[int, int] | None = None
    label: int | None = None
    digest: bytes = b""
    thumbnail: NDArray[np.uint8] | None = None

    @property
    def where(self) -> str:
        return f"{self.split}/{self.name}"


@dataclass(frozen=True)
class Finding:
    """One kind of fault, with every file that has it.

    severity:  `fatal`: training would stop, or its scores would mean nothing; `warning`: worth a look
    what:      one sentence
    files:     names of samples as `split/name`, or of files
    cure:      what to do
    """

    check: str
    severity: Literal["fatal", "warning"]
    what: str
    files: tuple[str, ...] = ()
    cure: str = ""


@dataclass(frozen=True, eq=False)
class Survey:
    """Everything the checks look at."""

    info: DatasetInfo
    splits: tuple[str, ...]
    facts: tuple[Facts, ...]
    unpaired: tuple[Problem, ...] = ()

    def of(self, split: str) -> list[Facts]:
        return [facts for facts in self.facts if facts.split == split]

    @property
    def readable(self) -> list[Facts]:
        return [facts for facts in self.facts if facts.problem is None]


def survey(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> Survey:
    """Read every sample once. Splits that are only others put together (`trainval`) are left out."""
    splits = own_splits(dataset)
    names = {split: dataset.names(split) for split in splits}  # asked for once: it may take as long as there are names
    total = sum(map(len, names.values()))
    facts = []
    for split in splits:
        for index, name in enumerate(names[split]):
            facts.append(_look(dataset, split, index, name))
            if progress is not None:
                progress(len(facts), total)
    return Survey(dataset.info, splits, tuple(facts), tuple(getattr(dataset, "problems", ())))


def own_splits(dataset: Dataset) -> tuple[str, ...]:
    """The splits that are not the union of two or more others."""
    members = {split: set(dataset.names(split)) for split in dataset.splits()}

    def is_union(split: str) -> bool:
        parts = [names for other, names in members.items() if other != split and names and names < members[split]]
        return len(parts) > 1 and set().union(*parts) == members[split]

    return tuple(split for split in members if not is_union(split))


def _look(dataset: Dataset, split: str, index: int, name: str) -> Facts:
    try:
        sample = dataset.read(split, index)
    except DataError as error:
        sizes = []
        for file in dataset.sources(split, index):
            with suppress(DataError):  # that it cannot be read is said already
                sizes.append(image_size(file))
        return Facts(split, name, error.problems[0], tuple(sizes))
    values = None
    if sample.mask is not None:
        flat, most = sample.mask.reshape(-1), np.iinfo(sample.mask.dtype).max + 1
        counts = np.zeros(most, np.int64)
        for at in range(0, len(flat), CHUNK):  # bincount makes int64 of what it is given
            counts += np.bincount(flat[at : at + CHUNK], minlength=most)
        values = {int(value): int(counts[value]) for value in counts.nonzero()[0]}
    seen = (digest_of(sample.image), thumbnail_of(sample.image))
    return Facts(split, name, None, (), sample.size, values, sample.label, *seen)


def partners(survey: Survey) -> Iterator[Finding]:
    """Images without a mask, masks without an image, names that a list has and the folder has not."""
    for problem in survey.unpaired:
        yield Finding("partners", "fatal", problem.what, (problem.where,), problem.hint)


def empty_splits(survey: Survey) -> Iterator[Finding]:
    """Splits that hold no picture."""
    for split in survey.splits:
        if not survey.of(split):
            cure = "Add pictures, or remove its list or folder."
            yield Finding("empty splits", "fatal", f"The split '{split}' is empty.", (), cure)


def unreadable(survey: Survey) -> Iterator[Finding]:
    """Files that are missing, damaged or cut short, of too many pixels, or of a kind that cannot be read."""
    for facts in survey.facts:
        if facts.problem is not None and not _sizes_differ(facts):
            what = str(replace(facts.problem, hint=""))
            yield Finding("unreadable", "fatal", what, (facts.where,), facts.problem.hint or "Replace the file.")


def different_sizes(survey: Survey) -> Iterator[Finding]:
    """Pictures and masks that do not have the same size."""
    found = [facts for facts in survey.facts if facts.problem is not None and _sizes_differ(facts)]
    if found:
        files = tuple(facts.where for facts in found)
        (height, width), (mask_height, mask_width) = found[0].sizes[:2]
        sizes = f"{width}×{height} and {mask_width}×{mask_height}"
        many = f"{len(files):,} pictures and their masks differ in size; the first:"
        what = f"{many if len(files) > 1 else '1 picture and its mask differ in size:'} {sizes} (width × height)."
        cure = "Make the mask for the picture at its own size; resize masks by nearest neighbour only."
        yield Finding("different sizes", "fatal", what, files, cure)


def _sizes_differ(facts: Facts) -> bool:
    return len(set(facts.sizes)) > 1


def strange_values(survey: Survey) -> Iterator[Finding]:
    """Values that are neither a class nor void."""
    info = survey.info
    where: dict[int, list[str]] = defaultdict(list)
    for facts in survey.readable:
        for value in facts.values or {}:
            if value >= len(info.classes) and value != info.void:
                where[value].append(facts.where)
    if not where:
        return
    void = f", and {info.void} for void" if info.void is not None else ""
    files = tuple(dict.fromkeys(name for names in where.values() for name in names))
    values = listing(map(str, sorted(where)))
    what = f"Masks have the values {values}; allowed are 0 to {len(info.classes) - 1}{void}."
    cure = "Mend the masks, or name the missing classes."
    if 255 in where and info.void is None:
        cure += " If 255 means 'not labelled', set void: 255."
    yield Finding("strange values", "fatal", what, files, cure)


def constant_masks(survey: Survey) -> Iterator[Finding]:
    """Masks that are all void, or all one class."""
    void = survey.info.void
    labelled = [(facts, set(facts.values) - {void}) for facts in survey.readable if facts.values]
    if empty := tuple(facts.where for facts, classes in labelled if not classes):
        cure = "Label them, or leave them out: nothing can be learnt from them."
        yield Finding("empty masks", "warning", f"{len(empty)} masks are void all over.", empty, cure)
    by_class: dict[int, list[str]] = defaultdict(list)
    for facts, classes in labelled:
        if len(classes) == 1:
            by_class[classes.pop()].append(facts.where)
    names = survey.info.classes
    for value, files in sorted(by_class.items()):
        only = f"'{names[value]}'" if value < len(names) else f"the value {value}"
        what = f"{len(files)} of {len(labelled)} masks hold nothing but {only}."
        cure = "Look at them: is the picture so, or was its mask never drawn?"
        yield Finding("constant masks", "warning", what, tuple(files), cure)


def absent_classes(survey: Survey) -> Iterator[Finding]:
    """Classes of which a split has no pixel, or no picture where pictures have labels."""
    unit = "pixel" if "mask" in survey.info.knows else "picture"
    for split in survey.splits:
        found = survey.of(split)
        present = set().union(*(facts.values or () for facts in found))
        present |= {facts.label for facts in found if facts.label is not None and unit == "picture"}
        absent = [name for index, name in enumerate(survey.info.classes) if index not in present]
        if present and absent:
            end = "it cannot be learnt." if split == "train" else "it cannot be scored there."
            what = f"The split '{split}' has no {unit} of {listing(absent)}: {end}"
            cure = "Move pictures with it to this split, or leave the class out."
            yield Finding("absent classes", "warning", what, (), cure)


def copies(survey: Survey) -> Iterator[Finding]:
    """Pictures that are there more than once, to the pixel or stored again; one finding a pair of splits."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    known = [facts for facts in survey.readable if facts.thumbnail is not None]
    thumbnails = [facts.thumbnail for facts in known if facts.thumbnail is not None]
    if len(known) < 2:
        return
    for first_one, again in find_copies([f.split for f in known], [f.digest for f in known], np.stack(thumbnails)):
        a, b = known[first_one], known[again]
        found[a.split, b.split].append(f"{a.where} = {b.where}")
    for (first, second), files in sorted(found.items(), key=lambda item: (item[0][0] == item[0][1], item[0])):
        count = "1 picture is" if len(files) == 1 else f"{len(files):,} pictures are"
        if first == second:
            cure = "Keep one of each, e.g. by data.exclude: the other counts double."
            yield Finding("copies", "warning", f"{count} twice in '{first}'.", tuple(files), cure)
        else:
            cure = f"Remove them from '{first}', or name them in data.exclude: scores on '{second}' are too good with them."
            yield Finding("copies", "fatal", f"{count} of '{first}' also in '{second}'.", tuple(files), cure)


CHECKS: tuple[Callable[[Survey], Iterator[Finding]], ...] = (
    partners, empty_splits, unreadable, different_sizes, strange_values, copies, constant_masks, absent_classes,
)  # fmt: skip


def check_dataset(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> list[Finding]:
    """Every finding of every check, fatal ones first. Each sample is read once."""
    seen = survey(dataset, progress)
    findings = [finding for check in CHECKS for finding in check(seen)]
    findings += [Finding("options", "warning", remark, (), "Leave them out.") for remark in dataset.remarks()]
    return sorted(findings, key=lambda finding: finding.severity != "fatal")


def check_cache(dataset: Dataset, folder: Path) -> list[Finding]:
    """A finding for each entry of the cache whose bytes have changed since they were written."""
    cure = "Remove the folder. It is built again when it is needed."
    what = "The cached pictures have damaged bytes: training would use them."
    return [
        Finding("cache", "fatal", what, tuple(str(entry / name) for name in names), cure)
        for entry, names in damaged_entries(folder, dataset.info)
    ]
