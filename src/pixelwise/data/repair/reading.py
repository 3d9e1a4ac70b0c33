"""Masks as they are stored, also those that a training would refuse."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from pixelwise.data.base import Dataset
from pixelwise.data.checks.survey import Facts
from pixelwise.data.exclude import Excluding
from pixelwise.data.repair.snapping import classes_of, drawn_values, snap, snap_colours
from pixelwise.data.splits import Paired
from pixelwise.errors import DataError
from pixelwise.imaging.files import is_in_colour, read_image, read_mask
from pixelwise.imaging.strips import as_seen
from pixelwise.types import RGB, IndexMap

LOOKED_AT = 60  # masks that say which values were drawn


class Masks:
    """The masks of a data set that were resized smoothly or stored with loss, and the values that were drawn in them."""

    def __init__(self, dataset: Dataset, smooth: Sequence[Facts]) -> None:
        whole = whole_of(dataset)
        self.paired = whole if isinstance(whole, Paired) else None
        self._colours: dict[RGB, int] = {} if self.paired is None else self.paired.colour_table() or {}
        splits = dict.fromkeys(facts.split for facts in smooth)
        index = {split: {name: at for at, name in enumerate(dataset.names(split))} for split in splits}
        looked = []
        for facts in smooth[:: max(1, -(-len(smooth) // LOOKED_AT))]:
            file = dataset.sources(facts.split, index[facts.split][facts.name])[-1]
            with suppress(DataError):
                if not is_in_colour(file):
                    looked.append(read_mask(file, lossy=True))
        self._values = drawn_values(looked) if looked else ()
        table = None if self.paired is None else self.paired.values()
        info = dataset.info
        self._classes = classes_of(self._values, len(info.classes), info.void)
        if table is not None and all(table.table[value] >= 0 for value in self._values):
            self._classes = {value: int(table.table[value]) for value in self._values}

    def read(self, file: Path) -> IndexMap:
        """The classes of a mask that is correct except for its size or rotation. Raises DataError for any other."""
        return read_mask(file) if self.paired is None else self.paired.read_mask(file)

    def snapped(self, facts: Facts, file: Path) -> IndexMap | None:
        """The classes that were drawn; None if it is not sure which."""
        try:
            if is_in_colour(file):
                return snap_colours(read_image(file), self._colours) if self._colours else None
            mask = read_mask(file, lossy=True)
        except DataError:
            return None
        if not self._values or self._classes is None:
            return None
        snapped = snap(mask, self._values)
        if snapped is None:
            return None
        classes = np.zeros(max(self._values) + 1, np.uint16)
        for value, number in self._classes.items():
            classes[value] = number
        found: IndexMap = classes[snapped]
        return found.astype(np.uint8) if max(self._classes.values()) < 256 else found


def whole_of(dataset: Dataset) -> Dataset:
    """The data set of which `data.exclude` leaves out pictures, or itself."""
    return dataset.whole if isinstance(dataset, Excluding) else dataset


def turned(mask: IndexMap, orientation: int) -> IndexMap:
    """The mask turned as an EXIF orientation turns the picture whose stored pixels it was drawn over."""
    seen, stored = as_seen(mask.shape, orientation, mask.dtype)
    stored[:] = mask
    made: IndexMap = np.ascontiguousarray(seen)
    return made
