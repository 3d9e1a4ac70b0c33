"""Stanford Background (Gould, Fulton, Koller 2009): outdoor scenes, eight classes and "unknown".

The form used in teaching, at 288×224, in which unknown is the ninth class `misc`:
<data folder>/stanford-background/{train,val,test}/img_NNNN.{jpg,png}, classes.txt
The publisher's, at about 320×240, without a list of splits:
<data folder>/iccv09Data/images/NNNNNNN.jpg, labels/NNNNNNN.regions.txt
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Lt

from pixelwise.data.alike import find_groups
from pixelwise.data.base import Dataset
from pixelwise.data.pairing.classes import read_classes
from pixelwise.data.pairing.lists import SPLITS
from pixelwise.data.pairing.matching import Pair, pair_files
from pixelwise.data.splits import Paired, draw_stratified, drawing_remark
from pixelwise.errors import DataError, Problem
from pixelwise.imaging.files import read_image, read_mask
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.shelf import declares
from pixelwise.types import RGB, DatasetInfo, IndexMap, Sample
from pixelwise.yaml_text import read_file

CLASSES = ("sky", "tree", "road", "grass", "water", "building", "mountain", "foreground")
MISC = "misc"
COLOURS: tuple[RGB, ...] = (
    (86, 180, 233), (0, 158, 115), (64, 64, 72), (240, 228, 66), (0, 114, 178), (230, 159, 0), (204, 121, 167), (213, 94, 0),
)  # fmt: skip
UNKNOWN, VOID = len(CLASSES), 255
FOLDERS = ("stanford-background", "iccv09Data")
LABELS = ".regions.txt"
MOST_BYTES = 1 << 26  # of a text of labels
Unknown = Literal["class", "void"]


class StanfordBackground(Paired):
    """One of the two forms; `problems` are pictures and masks without a partner."""

    def __init__(self, folder: Path, root: Path, unknown: Unknown | None, shares: dict[str, float], seed: int) -> None:
        self.folder, self.root, self.shares, self.seed = folder, root, shares, seed
        self.taught = any((folder / split).is_dir() for split in SPLITS)
        self.unknown: Unknown = unknown or ("class" if self.taught else "void")
        self.problems: tuple[Problem, ...] = ()
        named = CLASSES if self.unknown == "void" else (*CLASSES, MISC)
        colours = (*COLOURS, distinct_colours(len(COLOURS) + 1)[-1])
        self.info = DatasetInfo(
            name="stanford_background",
            classes=named,
            colours=colours[: len(named)],
            knows=frozenset({"mask"}),
            void=VOID if self.unknown == "void" else None,
            source="Gould, Fulton, Koller: Decomposing a Scene into Geometric and Semantically Consistent Regions "
            "(ICCV 2009), http://dags.stanford.edu/projects/scenedataset.html",
        )
        if self.taught:
            self._check_classes()
            self._pairs = self._from_folders()

    def settings(self) -> dict[str, object]:
        drawn = {} if self.taught else {"shares": self.shares, "seed": self.seed}
        return {"taught": self.taught, "unknown": self.unknown, **drawn}

    def absent(self) -> tuple[str, ...]:
        return tuple(split for split in SPLITS if self.taught and split not in self._pairs)

    def remarks(self) -> tuple[str, ...]:
        given = {"val": self.shares.get("val", 0.0), "test": self.shares.get("test", 0.0), "seed": self.seed}
        reason = "the folder has subfolders that say which picture is in which split"
        return drawing_remark(given, stanford_background.__kwdefaults__ or {}, reason) if self.taught else ()

    def read(self, split: str, index: int) -> Sample:
        pair = self._pairs[split][index]
        mask = read_mask(pair.mask) if self.taught else read_regions(pair.mask)
        if self.unknown == "void":
            mask = np.where(mask == UNKNOWN, np.uint8(VOID), mask)
        return Sample(pair.name, read_image(pair.image), mask)

    @cached_property
    def _pairs(self) -> dict[str, tuple[Pair, ...]]:
        """The publisher's pictures in drawn splits: similar pictures stay in one split; strata by the name's first digit."""
        images, labels = self.folder / "images", self.folder / "labels"
        known = {
            file.stem: Pair(file.stem, file, labels / f"{file.stem}{LABELS}") for file in sorted(images.glob("*.jpg"))
        }
        if not known:
            raise DataError("no pictures *.jpg were found.", where=str(images))
        groups = find_groups({name: pair.image for name, pair in known.items()}, self.root)
        drawn = draw_stratified({name: name[:1] for name in known}, self.shares, seed=self.seed, groups=groups)
        return {split: tuple(known[name] for name in names) for split, names in drawn.items()}

    def _from_folders(self) -> dict[str, tuple[Pair, ...]]:
        found = {}
        for split in SPLITS:
            if (self.folder / split).is_dir():
                pairs = pair_files(self.folder / split, "*.jpg", "*.png")
                found[split] = tuple(pairs.known.values())
                self.problems += (*pairs.problems, *pairs.unpaired)
        return found

    def _check_classes(self) -> None:
        """Raise DataError where classes.txt says that the masks mean something else."""
        file = self.folder / "classes.txt"
        if file.is_file() and (named := read_classes(file).names) != (*CLASSES, MISC):
            hint = "For other classes use data set 'folder': images='*.jpg', masks='*.png'."
            expected = ", ".join((*CLASSES, MISC))
            raise DataError(f"names {', '.join(named)}; expected is {expected}.", where=str(file), hint=hint)


def read_regions(file: Path) -> IndexMap:
    """The publisher's label text, a row of numbers for each row of pixels, as (H, W) uint8; negative numbers are unknown."""
    rows = [line.split() for line in read_file(file, DataError, MOST_BYTES).splitlines() if line.strip()]
    widths = sorted({len(row) for row in rows})
    if len(widths) != 1:
        what = f"its rows have {widths[0]} to {widths[-1]} numbers" if widths else "has no numbers"
        raise DataError(f"{what}; a label text has one number for each pixel.", where=str(file))
    try:
        table = np.array(rows, np.int64)
    except (ValueError, OverflowError) as error:
        raise DataError("contains something that is not a whole number.", where=str(file)) from error
    if (largest := int(table.max())) >= UNKNOWN:
        what = f"has the value {largest}; allowed: 0 to {UNKNOWN - 1}, and negative numbers for unknown."
        raise DataError(what, where=str(file))
    return np.where(table < 0, UNKNOWN, table).astype(np.uint8)


@declares(knows=("mask",), draws=("val", "test"))
def stanford_background(
    root: Path,
    *,
    unknown: Unknown | None = None,
    val: Annotated[float, Ge(0), Lt(1)] = 0.2,
    test: Annotated[float, Ge(0), Lt(1)] = 0.0,
    seed: Annotated[int, Ge(0)] = 0,
) -> Dataset:
    """Stanford Background: outdoor scenes with eight classes from sky to foreground, and pixels of unknown class.

    unknown:    what such pixels are: the ninth `class` misc, or `void`. None: a class in the form used in teaching
                (folders train/, val/, test/ at 288×224), void in the publisher's (images/, labels/*.regions.txt)
    val, test:  shares of the pictures that are drawn for these splits from the publisher's form, which has no list of
                splits. Pictures that look alike stay in one split
    seed:       seed of that draw
    """
    places = [root / name for name in FOLDERS]
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        hint = f"Unpack it there, or as {FOLDERS[1]}; name the folder that contains it with --data or PIXELWISE_DATA."
        raise DataError("Stanford Background is not here.", where=str(places[0]), hint=hint)
    shares = {split: share for split, share in (("val", val), ("test", test)) if share}
    dataset = StanfordBackground(folder, root, unknown, shares, seed)
    if not dataset.taught and not (folder / "images").is_dir():
        what = "there are neither folders train/, val/, test/ nor images/ and labels/."
        raise DataError(what, where=str(folder), hint="Is the data set one folder deeper?")
    if dataset.problems:
        raise DataError.all(dataset.problems)
    return dataset
