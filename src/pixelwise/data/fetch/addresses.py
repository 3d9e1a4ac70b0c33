"""Where publishers keep their archives, and how to know that the right one came."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Archive:
    """One file of a publisher.

    checksum:   algorithm and hexadecimal digest, e.g. `md5:c52e…`
    mebibytes:  its size, for people who wait
    proof:      a file under the data folder that shows that it was unpacked
    """

    address: str
    checksum: str
    mebibytes: int
    proof: str

    @property
    def file(self) -> str:
        return self.address.rpartition("/")[2]


VOC = "https://thor.robots.ox.ac.uk/pascal/VOC"
LISTS = "ImageSets/Segmentation"

# The publisher gives no digests; these MD5 sums are the ones that torchvision has checked the same files with for years.
ADDRESSES: dict[str, tuple[Archive, ...]] = {
    "voc2007": (
        Archive(
            f"{VOC}/voc2007/VOCtrainval_06-Nov-2007.tar",
            "md5:c52e279531787c972589f7e41ab4ae64",
            439,
            f"VOCdevkit/VOC2007/{LISTS}/trainval.txt",
        ),
        Archive(
            f"{VOC}/voc2007/VOCtest_06-Nov-2007.tar",
            "md5:b6e924de25625d8de591ea690078ad9f",
            430,
            f"VOCdevkit/VOC2007/{LISTS}/test.txt",
        ),
    ),
    "voc2012": (
        Archive(
            f"{VOC}/voc2012/VOCtrainval_11-May-2012.tar",
            "md5:6cd6e144f989b92b3379bac3b3de84fd",
            1907,
            f"VOCdevkit/VOC2012/{LISTS}/trainval.txt",
        ),
    ),
    "cifar10": (
        Archive(
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            "md5:c58f30108f718f92721af3b95e74349a",
            163,
            "cifar-10-batches-py/test_batch",
        ),
    ),
}
