"""What the checks look at: the facts of every sample, from one pass that reads each sample once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.base import Dataset
from pixelwise.data.checks.outlines import smooth_share
from pixelwise.data.checks.shapes import count_oddities
from pixelwise.data.copies import digest_of, fine_of, thumbnail_of
from pixelwise.errors import DataError, Problem
from pixelwise.imaging.channels import Traits
from pixelwise.imaging.files import SUFFIXES, UnknownValues, image_size, read_image, read_mask, read_traits
from pixelwise.imaging.strips import as_seen
from pixelwise.types import RGB, DatasetInfo, Image, Sample

Describe = Callable[
    [Image], NDArray[np.float32]
]  # a picture's features, which the caller computes: data knows no networks
CHUNK = 1 << 20  # pixels of a mask that are counted at a time
MIDDLE, APART = (
    256,
    4,
)  # pixels: half of the square in which sharpness is measured, and how far apart pixels are compared


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known about one sample after reading it.

    problem:    why it could not be read, or None
    sizes:      (H, W) of its files where it could not be read, as far as their headers tell
    size:       (H, W) of the picture
    values:     value → pixels in the mask
    unknown:    value or colour → pixels of a mask that could not be read because these are neither a class nor void
    label:      of the picture
    fine:       the picture in grey at 64×64: what tells two pictures of one scene apart
    image:      what the picture's file holds
    mask:       what the mask's file holds
    outlines:   how strongly the picture changes along the mask's outlines: as it is turned by its EXIF orientation, and if the
                mask were turned with it; None if only one of the two is possible
    digest:     of the picture's pixels
    thumbnail:  the picture at 16×16, flat: what stays equal when a picture is stored again or resized
    drawn:      digest of the mask's pixels
    objects:    what is odd about its objects → how many of them, and `objects`, all of them, where they are known
    smooth:     share of the mask's outlines that have values between two classes (outlines.py)
    sharpness:  of the picture: 1 is noise, 1/16 a picture without detail (sharpness_of)
    features:   of the picture, of length 1, if the caller asked for them
    """

    split: str
    name: str
    problem: Problem | None = None
    sizes: tuple[tuple[int, int], ...] = ()
    size: tuple[int, int] | None = None
    values: dict[int, int] | None = None
    unknown: Mapping[int | RGB, int] = field(default_factory=dict)
    label: int | None = None
    digest: bytes = b""
    thumbnail: NDArray[np.uint8] | None = None
    fine: NDArray[np.uint8] | None = None
    image: Traits | None = None
    mask: Traits | None = None
    outlines: tuple[float, float] | None = None
    objects: Mapping[str, int] = field(default_factory=dict)
    drawn: bytes = b""
    smooth: float = 0.0
    sharpness: float = 1.0
    features: NDArray[np.float32] | None = None

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
    """Everything the checks look at. stretch, alpha, exif, chosen channels: how pictures are read (imaging/channels.py).

    path: the folder of the data set, from which names of files are given; empty if it has none
    """

    info: DatasetInfo
    splits: tuple[str, ...]
    facts: tuple[Facts, ...]
    unpaired: tuple[Problem, ...] = ()
    stretch: int = 16
    alpha: bool = True
    exif: bool = True
    of_a_folder: bool = False
    given_colours: bool = False
    by_colour: bool = False
    chosen: bool = False
    path: str = ""

    def of(self, split: str) -> list[Facts]:
        return [facts for facts in self.facts if facts.split == split]

    @property
    def readable(self) -> list[Facts]:
        return [facts for facts in self.facts if facts.problem is None]

    def class_counts(self, split: str = "") -> list[int]:
        """Pixels, or pictures where these have labels, of each class in a split, or in all."""
        counts = [0] * len(self.info.classes)
        for facts in self.readable:
            if not split or facts.split == split:
                for value, count in (facts.values or ({} if facts.label is None else {facts.label: 1})).items():
                    if value < len(counts):
                        counts[value] += count
        return counts


def survey(
    dataset: Dataset, progress: Callable[[int, int], None] | None = None, describe: Describe | None = None
) -> Survey:
    """Read every sample once. Splits that are only others put together (`trainval`) are left out."""
    splits = own_splits(dataset)
    names = {split: dataset.names(split) for split in splits}  # asked for once: it may take as long as there are names
    total = sum(map(len, names.values()))
    facts = []
    for split in splits:
        for index, name in enumerate(names[split]):
            facts.append(_look(dataset, split, index, name, describe))
            if progress is not None:
                progress(len(facts), total)
    reading, unpaired = dataset.reading(), tuple(getattr(dataset, "problems", ()))
    settings = dataset.settings()
    of_a_folder = dataset.info.source.startswith("the folder ")
    colours = ("colour_table" in settings, settings.get("mask_values") == "colour")
    how = (reading.stretch, reading.alpha, reading.exif, of_a_folder, *colours, bool(reading.channels))
    return Survey(dataset.info, splits, tuple(facts), unpaired, *how, path=str(settings.get("path", "")))


def own_splits(dataset: Dataset) -> tuple[str, ...]:
    """The splits that are not the union of two or more others."""
    members = {split: set(dataset.names(split)) for split in dataset.splits()}

    def is_union(split: str) -> bool:
        parts = [names for other, names in members.items() if other != split and names and names < members[split]]
        return len(parts) > 1 and set().union(*parts) == members[split]

    return tuple(split for split in members if not is_union(split))


def _traits(dataset: Dataset, split: str, index: int) -> tuple[Traits | None, Traits | None]:
    """What the files of a picture and of its mask hold, where these are pictures that can be read."""
    found: list[Traits | None] = []
    for file in dataset.sources(split, index)[:2]:
        found.append(None)
        if file.suffix.lower() in SUFFIXES:
            with suppress(DataError):
                found[-1] = read_traits(file)
    image, mask, *_ = [*found, None, None]
    return image, mask


def _outlines(sample: Sample, image: Traits | None, mask: Traits | None, exif: bool) -> tuple[float, float] | None:
    """How strongly a picture that is turned changes along its mask's outlines, with the mask unchanged and turned."""
    turn = 1 if image is None or not exif else image.orientation
    if sample.mask is None or turn == 1 or mask is None or mask.orientation != 1:
        return None
    height, width = sample.size
    if turn >= 5 and height != width:  # the sizes say it
        return None
    seen, stored = as_seen((height, width), turn, sample.mask.dtype)
    stored[:] = sample.mask
    grey = sample.seen.sum(axis=2, dtype=np.int16).astype(np.float32)
    down, across = np.abs(np.diff(grey, axis=0)), np.abs(np.diff(grey, axis=1))

    def change(plane: NDArray[Any]) -> float:
        edges = (np.diff(plane.astype(np.int32), axis=0) != 0, np.diff(plane.astype(np.int32), axis=1) != 0)
        values = np.concatenate([down[edges[0]], across[edges[1]]])
        return float(values.mean()) if values.size else 0.0

    return change(sample.mask), change(seen)


def _look(dataset: Dataset, split: str, index: int, name: str, describe: Describe | None) -> Facts:
    image, mask = _traits(dataset, split, index)
    try:
        sample = dataset.read(split, index)
    except DataError as error:
        files, sizes = dataset.sources(split, index), []
        for file in files:
            with suppress(DataError):  # that it cannot be read is said already
                sizes.append(image_size(file))
        unknown = error.counts if isinstance(error, UnknownValues) else {}
        smooth = _smooth_file(files[-1]) if unknown and len(files) > 1 else 0.0
        problem = error.problems[0]
        return Facts(split, name, problem, tuple(sizes), unknown=unknown, image=image, mask=mask, smooth=smooth)
    return Facts(
        split,
        name,
        size=sample.size,
        values=_counts(sample),
        label=sample.label,
        digest=digest_of(sample.image),
        thumbnail=thumbnail_of(sample.image),
        fine=fine_of(sample.image),
        image=image,
        mask=mask,
        outlines=_outlines(sample, image, mask, dataset.reading().exif),
        objects=_of_objects(dataset, split, index, sample),
        drawn=b"" if sample.mask is None else digest_of(sample.mask),
        smooth=_smooth(sample, dataset.info),
        sharpness=sharpness_of(sample.seen),
        features=None if describe is None else describe(sample.seen),
    )


def _counts(sample: Sample) -> dict[int, int] | None:
    """Value → pixels in the mask."""
    if sample.mask is None:
        return None
    flat, most = sample.mask.reshape(-1), np.iinfo(sample.mask.dtype).max + 1
    counts = np.zeros(most, np.int64)
    for at in range(0, len(flat), CHUNK):  # bincount makes int64 of what it is given
        counts += np.bincount(flat[at : at + CHUNK], minlength=most)
    return {int(value): int(counts[value]) for value in counts.nonzero()[0]}


def _smooth(sample: Sample, info: DatasetInfo) -> float:
    """As `Facts.smooth`; 0 where values number objects, whose order means nothing."""
    return 0.0 if sample.mask is None or "objects" in info.knows else smooth_share(sample.mask, info.void)


def _smooth_file(file: Path) -> float:
    """The same of a mask whose values or colours are not classes, as it is stored."""
    with suppress(DataError):
        return smooth_share(read_mask(file, lossy=True))
    with suppress(DataError):
        image = read_image(file)
        return max(smooth_share(image[..., channel]) for channel in range(3))
    return 0.0


def sharpness_of(image: Image) -> float:
    """Mean square difference of neighbours over that of pixels 4 apart, in the middle of the picture.

    A blurred picture is smooth over 4 pixels: the ratio is near (1/4)².
    """
    height, width = image.shape[0] // 2, image.shape[1] // 2
    middle = image[max(0, height - MIDDLE) : height + MIDDLE, max(0, width - MIDDLE) : width + MIDDLE]
    grey = middle.sum(axis=2, dtype=np.int32)
    if min(grey.shape) <= APART:
        return 1.0
    near = float(((grey[1:] - grey[:-1]) ** 2).mean() + ((grey[:, 1:] - grey[:, :-1]) ** 2).mean())
    far = float(((grey[APART:] - grey[:-APART]) ** 2).mean() + ((grey[:, APART:] - grey[:, :-APART]) ** 2).mean())
    return near / far if far else 1.0


def _of_objects(dataset: Dataset, split: str, index: int, sample: Sample) -> Mapping[str, int]:
    if sample.objects is None:
        return {}
    return {**count_oddities(sample.objects, sample.size), **Counter(dataset.oddities(split, index))}
