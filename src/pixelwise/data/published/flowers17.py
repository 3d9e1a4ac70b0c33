"""Oxford 17 Flowers (Nilsback, Zisserman 2006): flowers to cut out, and 17 kinds of them to tell apart.

<data folder>/flowers17/jpg/image_NNNN.jpg, trimaps/image_NNNN.png, and which picture is in which split:
lists splits/{train,val,test}.txt (the form used in teaching), else the publisher's datasplits.mat, else drawn.
80 pictures of each kind are numbered in turn. Only some pictures have a label map; only those can be segmented.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Lt

from pixelwise.data.alike import find_groups
from pixelwise.data.base import Dataset
from pixelwise.data.pairing.lists import MOST_BYTES, SPLITS
from pixelwise.data.splits import draw_stratified, drawing_remark
from pixelwise.errors import DataError, did_you_mean, listing
from pixelwise.imaging.files import read_image, read_mask
from pixelwise.imaging.palettes import distinct_colours
from pixelwise.shelf import declares
from pixelwise.types import DatasetInfo, Sample
from pixelwise.yaml_text import read_file

KINDS = (
    "daffodil", "snowdrop", "lily of the valley", "bluebell", "crocus", "iris", "tiger lily", "tulip", "fritillary",
    "sunflower", "daisy", "colt's foot", "dandelion", "cowslip", "buttercup", "windflower", "pansy",
)  # fmt: skip
EACH = 80  # pictures of a kind
NAME = re.compile(r"image_(\d{4})")
# values of a label map: null (not labelled), flower, leaves, background, sky; a few pixels have the value 5
NULL, FLOWER, VALUES = 0, 1, 6
VOID = 255
FOLDER = "flowers17"
MATLAB = {"train": "trn", "val": "val", "test": "tst"}  # names of the splits in datasplits.mat
SOURCE = (
    "Nilsback, Zisserman: A Visual Vocabulary for Flower Classification (CVPR 2006), "
    "https://www.robots.ox.ac.uk/~vgg/data/flowers/17/"
)
Null = Literal["void", "background"]
Draw = Mapping[str, Any]  # the options fold, val, test, seed


class Flowers(Dataset):
    """The pictures of one use of the data set, in the splits that the files say or that are drawn."""

    def __init__(self, folder: Path, root: Path, draw: Draw) -> None:
        self.folder, self.root, self.draw = folder, root, dict(draw)
        self.lists = [folder / "splits" / f"{split}.txt" for split in SPLITS]
        self.lists = [file for file in self.lists if file.is_file()]
        self.matrix = folder / "datasplits.mat"
        self.usable = self.find()

    @abstractmethod
    def find(self) -> tuple[str, ...]:
        """Names of the pictures that can be used, in order."""

    def splits(self) -> tuple[str, ...]:
        return tuple(self._names)

    def names(self, split: str) -> tuple[str, ...]:
        return self._names[split]

    def absent(self) -> tuple[str, ...]:
        drawn = not self.lists and not self.matrix.is_file()
        return () if drawn else tuple(split for split in SPLITS if split not in self._names)

    def remarks(self) -> tuple[str, ...]:
        defaults = flowers17.__kwdefaults__ or {}
        fold = {"fold": self.draw["fold"]}
        shares = {name: self.draw[name] for name in ("val", "test", "seed")}
        if self.lists:
            reason = "the lists in splits/ say which picture is in which split"
            return drawing_remark({**fold, **shares}, defaults, reason)
        if self.matrix.is_file():
            return drawing_remark(shares, defaults, "datasplits.mat says which picture is in which split")
        return drawing_remark(fold, defaults, "datasplits.mat is missing")

    def settings(self) -> dict[str, object]:
        return dict(self.draw)

    def image(self, name: str) -> Path:
        return self.folder / "jpg" / f"{name}.jpg"

    @cached_property
    def _names(self) -> dict[str, tuple[str, ...]]:
        usable = set(self.usable)
        listed: Mapping[str, Sequence[str]]
        if self.lists:
            listed = {file.stem: read_file(file, DataError, MOST_BYTES).split() for file in self.lists}
        elif self.matrix.is_file():
            listed = read_datasplits(self.matrix, self.draw["fold"])
        else:
            shares = {split: self.draw[split] for split in SPLITS[1:] if self.draw[split]}
            strata = {name: KINDS[kind_of(name)] for name in self.usable}
            groups = find_groups({name: self.image(name) for name in self.usable}, self.root)
            return draw_stratified(strata, shares, seed=self.draw["seed"], groups=groups)
        if strange := [name for names in listed.values() for name in names if not self.image(name).is_file()]:
            what = f"{len(strange)} pictures of the splits are not in jpg/: {listing(strange)}."
            raise DataError(what, where=str(self.folder), hint=did_you_mean(strange[0], self.usable))
        found = {split: tuple(name for name in names if name in usable) for split, names in listed.items()}
        return {split: names for split, names in found.items() if names}


class Cutouts(Flowers):
    """The pictures that have a label map, as flower and background."""

    def __init__(self, folder: Path, root: Path, draw: Draw, null: Null) -> None:
        super().__init__(folder, root, draw)
        self.null = null
        self.info = DatasetInfo(
            name="flowers17",
            classes=("background", "flower"),
            colours=distinct_colours(2),
            knows=frozenset({"mask"}),
            void=VOID if null == "void" else None,
            source=SOURCE,
        )

    def find(self) -> tuple[str, ...]:
        files = sorted((self.folder / "trimaps").glob("image_*.png"))
        return tuple(file.stem for file in files if self.image(file.stem).is_file())

    def settings(self) -> dict[str, object]:
        return {**super().settings(), "null": self.null}

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        name = self._names[split][index]
        return self.image(name), self.folder / "trimaps" / f"{name}.png"

    def read(self, split: str, index: int) -> Sample:
        image, file = self.sources(split, index)
        values = read_mask(file)
        if (largest := int(values.max(initial=0))) >= VALUES:
            what = f"has the value {largest}; a label map of Flowers 17 has 0 (null) to 4 (sky), and a stray 5."
            raise DataError(what, where=str(file))
        table = np.zeros(VALUES, np.uint8)  # leaves, background and sky
        table[FLOWER] = 1
        table[[NULL, VALUES - 1]] = VOID if self.null == "void" else 0
        return Sample(image.stem, read_image(image), table[values])


class Kinds(Flowers):
    """All pictures, each with its kind as label."""

    def __init__(self, folder: Path, root: Path, draw: Draw) -> None:
        super().__init__(folder, root, draw)
        self.info = DatasetInfo(
            name="flowers17_classes",
            classes=KINDS,
            colours=distinct_colours(len(KINDS)),
            knows=frozenset({"label"}),
            source=SOURCE,
        )

    def find(self) -> tuple[str, ...]:
        files = sorted((self.folder / "jpg").glob("image_*.jpg"))
        return tuple(file.stem for file in files)

    def labels(self, split: str) -> tuple[int, ...]:
        return tuple(kind_of(name) for name in self._names[split])

    def sources(self, split: str, index: int) -> tuple[Path, ...]:
        return (self.image(self._names[split][index]),)

    def read(self, split: str, index: int) -> Sample:
        (file,) = self.sources(split, index)
        return Sample(file.stem, read_image(file), label=kind_of(file.stem))


def kind_of(name: str) -> int:
    """The kind of a picture from its number: 80 of each in turn. Raises DataError for any other name.

    >>> kind_of("image_0001"), kind_of("image_0080"), kind_of("image_0081"), kind_of("image_1360")
    (0, 0, 1, 16)
    """
    match = NAME.fullmatch(name)
    number = int(match.group(1)) if match else 0
    if not 1 <= number <= EACH * len(KINDS):
        what = f"a picture of Flowers 17 is image_0001 to image_{EACH * len(KINDS)}; this one is called {name}."
        raise DataError(what, where=FOLDER)
    return (number - 1) // EACH


def read_datasplits(file: Path, fold: int) -> dict[str, Sequence[str]]:
    """The names of the pictures of each split in one of the three folds of the publisher's datasplits.mat."""
    from scipy.io import loadmat

    keys = {split: f"{word}{fold}" for split, word in MATLAB.items()}
    try:
        found = loadmat(file, variable_names=list(keys.values()))
        numbers = {split: np.asarray(found[key]).ravel() for split, key in keys.items()}
        return {split: [f"image_{int(number):04d}" for number in some] for split, some in numbers.items()}
    except Exception as error:  # damage shows in many ways: ValueError, TypeError, MatReadError, zlib.error, ...
        reason = (str(error) or type(error).__name__).splitlines()[0]
        wanted = ", ".join(keys.values())
        raise DataError(f"is not a MATLAB file with {wanted}: {reason}.", where=str(file)) from error


@declares(knows=("mask",), draws=("val", "test"))
def flowers17(
    root: Path,
    *,
    null: Null = "void",
    fold: Literal[1, 2, 3] = 1,
    val: Annotated[float, Ge(0), Lt(1)] = 0.2,
    test: Annotated[float, Ge(0), Lt(1)] = 0.0,
    seed: Annotated[int, Ge(0)] = 0,
) -> Dataset:
    """Oxford 17 Flowers for segmentation: flower and background, for the pictures that have a label map.

    null:       what pixels without a label are: `void`, or `background`
    fold:       which of the three divisions of the publisher's datasplits.mat
    val, test:  shares of the pictures that are drawn for these splits where there are neither lists nor datasplits.mat,
                evenly over the kinds of flowers. Pictures that look alike stay in one split
    seed:       seed of that draw
    """
    draw = {"fold": fold, "val": val, "test": test, "seed": seed}
    return _some(Cutouts(_folder(root), root, draw, null), "trimaps/image_NNNN.png beside jpg/image_NNNN.jpg")


@declares(knows=("label",), draws=("val", "test"))
def flowers17_classes(
    root: Path,
    *,
    fold: Literal[1, 2, 3] = 1,
    val: Annotated[float, Ge(0), Lt(1)] = 0.2,
    test: Annotated[float, Ge(0), Lt(1)] = 0.0,
    seed: Annotated[int, Ge(0)] = 0,
) -> Dataset:
    """Oxford 17 Flowers for classification: 17 kinds, from the number of each picture.

    fold, val, test, seed:  as in flowers17
    """
    draw = {"fold": fold, "val": val, "test": test, "seed": seed}
    return _some(Kinds(_folder(root), root, draw), "jpg/image_NNNN.jpg")


def _folder(root: Path) -> Path:
    folder = root / FOLDER
    if not folder.is_dir():
        hint = "Unpack it there, or name the folder that contains flowers17 with --data or PIXELWISE_DATA."
        raise DataError("Oxford 17 Flowers is not here.", where=str(folder), hint=hint)
    return folder


def _some(dataset: Flowers, wanted: str) -> Dataset:
    if not dataset.usable:
        raise DataError(f"no pictures {wanted} were found.", where=str(dataset.folder))
    return dataset
