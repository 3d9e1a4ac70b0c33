"""The page of `data check --html`: every finding with its pictures, what was accepted, shares of the classes, sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelwise.data.base import Dataset
from pixelwise.data.cache.checked import names_in
from pixelwise.data.checks.outlines import between
from pixelwise.data.checks.survey import Finding, Survey
from pixelwise.errors import DataError, listing
from pixelwise.imaging.files import is_in_colour, read_image, read_mask
from pixelwise.imaging.resize import resize_image
from pixelwise.report.page import template
from pixelwise.report.pictures import MOST_CLASSES, Tile, class_shares, extent, image_tile, sample_tile, size_rows
from pixelwise.types import DatasetInfo, Image, Sample

MOST_PICTURES = 12  # of a finding; the others are named
AS_STORED = ": the values of the mask, made brighter"
FEW = 64  # values of a mask, at most, where nothing else says that a file is one
DIFFERENT = 16  # grey levels, over 3 × 3 pixels, from which a place of two pictures that look alike is called different
Place = NDArray[np.bool_]


@dataclass(frozen=True)
class Shown:
    """A finding and its pictures: `cards` of one tile, or of several that belong together. rest: names without a picture."""

    finding: Finding
    cards: tuple[tuple[Tile, ...], ...]
    rest: str
    reason: str = ""


def build_check_page(
    dataset: Dataset, seen: Survey, findings: Sequence[Finding], accepted: Sequence[tuple[Finding, str]] = ()
) -> str:
    """The page as HTML, without external files. accepted: findings that a person accepted, with the reason."""
    pictures = Pictures(dataset)
    masks = "mask" in seen.info.knows and "objects" not in seen.info.knows
    page: str = template("check.html.j2").render(
        title=dataset.info.name,
        splits=[(split, len(seen.of(split))) for split in seen.splits],
        fatal=sum(one.severity == "fatal" for one in findings),
        findings=[pictures.of(finding) for finding in findings],
        accepted=[pictures.of(finding, reason) for finding, reason in accepted],
        legend=[*zip(seen.info.classes, seen.info.colours, strict=True)][:MOST_CLASSES] if masks else [],
        objects="objects" in seen.info.knows,
        shares=class_shares(seen),
        unit="pixels" if "mask" in seen.info.knows else "pictures",
        sizes=size_rows(seen),
        extent=extent(seen),
    )
    return page


class Pictures:
    """The pictures of a data set, found by the names that findings give."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    @cached_property
    def _places(self) -> Mapping[str, tuple[str, int]]:
        splits = self.dataset.splits()
        return {f"{one}/{name}": (one, at) for one in splits for at, name in enumerate(self.dataset.names(one))}

    def of(self, finding: Finding, reason: str = "") -> Shown:
        """The finding with the first of its pictures."""
        cards: list[tuple[Tile, ...]] = []
        rest: list[str] = []
        for words in finding.files:
            card = self._shown(finding.check, words) if len(cards) < MOST_PICTURES else ()
            if card:
                cards.append(card)
            else:
                rest.append(words)
        return Shown(finding, tuple(cards), listing(rest, 30) if rest else "", reason)

    def _shown(self, check: str, words: str) -> tuple[Tile, ...]:
        """The pictures of a finding's entry: of samples, or of a file that is part of none; empty for anything else."""
        if names := self.names(words):
            return tuple(self._card(check, names))
        path = self.dataset.settings().get("path")
        file = Path(str(path)) / words if path else None
        if file is None or not file.is_file():
            return ()
        with suppress(DataError):
            is_mask = _has_few_values(file)
            return (image_tile(_as_stored(file, is_mask), f"{words}{AS_STORED if is_mask else ''}"),)
        return ()

    def names(self, words: str) -> list[str]:
        """The names of pictures in a finding's entry: one, or those of a pair; none if it names something else."""
        parts = [words] if words in self._places else names_in(words)
        return parts if all(part in self._places for part in parts) else []

    def _card(self, check: str, names: Sequence[str]) -> Iterator[Tile]:
        samples = [self._sample(name) for name in names]
        places = [_place_of(check, sample, self.dataset.info) for sample in samples]
        if check in ALIKE and len(samples) == 2 and samples[0] and samples[1]:
            places = [_difference(samples[0].seen, samples[1].seen), _difference(samples[1].seen, samples[0].seen)]
        for name, sample, place in zip(names, samples, places, strict=True):
            if sample is None:
                yield from self._files(name)
                continue
            yield sample_tile(sample, self._places[name][0], self.dataset.info, place)
            if check == "rotations" and sample.mask is not None:
                yield image_tile(sample.seen, f"{name}, without its mask")

    def _sample(self, name: str) -> Sample | None:
        split, index = self._places[name]
        with suppress(DataError):
            return self.dataset.read(split, index)
        return None

    def _files(self, name: str) -> Iterator[Tile]:
        """The images to show of a sample that cannot be read: its picture, and its mask as stored, made brighter."""
        split, index = self._places[name]
        for number, file in enumerate(self.dataset.sources(split, index)[:2]):
            with suppress(DataError):
                what = AS_STORED if number else ", without its mask"
                yield image_tile(_as_stored(file, number > 0), f"{split}/{file.name}{what}")


def _has_few_values(file: Path) -> bool:
    """Whether a picture that is part of no sample looks like a mask."""
    return not is_in_colour(file) and len(np.unique(read_mask(file, lossy=True))) <= FEW


def _as_stored(file: Path, is_mask: bool) -> Image:
    if is_mask:
        with suppress(DataError):
            values = read_mask(file, lossy=True)
            grey = (values.astype(np.uint32) * 255 // max(1, int(values.max()))).astype(np.uint8)
            return np.repeat(grey[:, :, None], 3, axis=2)
    return read_image(file)


# -- the place of a finding in its picture -----------------------------------------------------------------------------


def _place_of(check: str, sample: Sample | None, info: DatasetInfo) -> Place | None:
    if sample is None or (find := PLACES.get(check)) is None:
        return None
    return find(sample, info)


def _strange(sample: Sample, info: DatasetInfo) -> Place | None:
    if sample.mask is None:
        return None
    place: Place = sample.mask >= len(info.classes)
    return place if info.void is None else place & (sample.mask != info.void)


def _between(sample: Sample, info: DatasetInfo) -> Place | None:
    return None if sample.mask is None else between(sample.mask)


def _rare(sample: Sample, info: DatasetInfo) -> Place | None:
    """The smallest class of the mask."""
    if sample.mask is None:
        return None
    counts = np.bincount(sample.mask.ravel(), minlength=len(info.classes))[: len(info.classes)]
    place: Place = sample.mask == int(np.where(counts, counts, counts.max() + 1).argmin())
    return place


def _specks(sample: Sample, info: DatasetInfo) -> Place | None:
    from pixelwise.data.checks.shapes import SPECK

    place = np.zeros(sample.size, bool)
    for one in sample.objects or ():
        if one.mask is not None and one.mask.area < SPECK:
            place |= one.mask.mask().astype(bool)
    return place


PLACES: Mapping[str, Callable[[Sample, DatasetInfo], Place | None]] = {
    "strange values": _strange,
    "smooth masks": _between,
    "rare classes": _rare,
    "specks": _specks,
}
ALIKE = ("alike",)  # of pictures with one view; parts of others are shown without a place


def _difference(one: Image, other: Image) -> Place:
    """The pixels of the first picture in which the other one differs."""
    from scipy.ndimage import uniform_filter

    resized = resize_image(other, (one.shape[0], one.shape[1]))
    change = one.sum(axis=2, dtype=np.int32) - resized.sum(axis=2, dtype=np.int32)
    place: Place = np.abs(uniform_filter(change.astype(np.float32), 3)) > 3 * DIFFERENT  # of three channels
    return place
