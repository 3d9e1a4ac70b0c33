"""The data sets. A line in the table is all that a new one needs besides its file."""

from pixelwise.shelf import Shelf

DATASETS = Shelf(
    "dataset",
    {
        "scenes": "pixelwise.data.scenes:scenes",
        "voc": "pixelwise.data.voc:voc",
        "folder": "pixelwise.data.folder:folder",
        "cifar10": "pixelwise.data.cifar10:cifar10",
        "longtail": "pixelwise.data.part:longtail",
        "first": "pixelwise.data.part:first",
    },
)
