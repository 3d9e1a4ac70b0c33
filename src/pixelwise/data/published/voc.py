"""PASCAL VOC segmentation, years 2007 and 2012, in the official layout.

<data folder>/VOCdevkit/VOC2007/{ImageSets/Segmentation/*.txt, JPEGImages/*.jpg, SegmentationClass/*.png}
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pixelwise.data.base import Dataset
from pixelwise.data.pairing.lists import MOST_BYTES
from pixelwise.data.pairing.matching import Pair
from pixelwise.data.splits import Paired
from pixelwise.errors import DataError
from pixelwise.imaging.palettes import voc_colours
from pixelwise.shelf import declares
from pixelwise.types import DatasetInfo
from pixelwise.yaml_text import read_file

CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "dining table", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train", "tv monitor",
)  # fmt: skip
VOID = 255
SPLITS = ("train", "val", "trainval", "test")


class Voc(Paired):
    """The segmentation part of one year's challenge; a split is there where its list and its masks are."""

    def __init__(self, folder: Path, year: int) -> None:
        self.folder, self.year = folder, year
        self.info = DatasetInfo(
            name=f"voc{year}",
            classes=CLASSES,
            colours=voc_colours(len(CLASSES)),
            knows=frozenset({"mask"}),
            void=VOID,
            source=f"Everingham, Van Gool, Williams, Winn, Zisserman: The PASCAL Visual Object Classes Challenge {year} "
            f"(VOC{year}), http://host.robots.ox.ac.uk/pascal/VOC/voc{year}/",
        )
        self._pairs = self._read_lists()

    def settings(self) -> dict[str, object]:
        return {"year": self.year}

    def absent(self) -> tuple[str, ...]:
        return tuple(split for split in SPLITS if split not in self._pairs)

    def _read_lists(self) -> dict[str, tuple[Pair, ...]]:
        found = {}
        images, masks = self.folder / "JPEGImages", self.folder / "SegmentationClass"
        for split in SPLITS:
            file = self.folder / "ImageSets" / "Segmentation" / f"{split}.txt"
            if not file.is_file():
                continue
            names = read_file(file, DataError, MOST_BYTES).split()
            pairs = tuple(Pair(name, images / f"{name}.jpg", masks / f"{name}.png") for name in names)
            # the test list of some years comes without masks: nothing can be trained or scored on it
            if split != "test" or any(pair.mask.is_file() for pair in pairs[:3]):
                found[split] = pairs
        return found


@declares(knows=("mask",))
def voc(root: Path, *, year: Literal[2007, 2012] = 2007) -> Dataset:
    """PASCAL VOC segmentation: 20 classes of objects and background, palette masks, 255 = void (object borders).

    2007: train 209, val 213, test 210 pictures. 2012: train 1,464, val 1,449. `pixelwise data fetch voc2007` downloads it.
    """
    folder = root / "VOCdevkit" / f"VOC{year}"
    dataset = Voc(folder, year)
    if not dataset.splits():
        what = f"VOC {year} is not here: ImageSets/Segmentation has no list of a split."
        elsewhere = "if you have it elsewhere, name the folder that holds VOCdevkit with --data or PIXELWISE_DATA."
        raise DataError(
            what, where=str(folder), hint=f"Run `pixelwise data fetch voc{year}` to download it; {elsewhere}"
        )
    return dataset
