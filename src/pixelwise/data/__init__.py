"""The shelf of data sets. A new data set needs one file, and one line in the table."""

from pixelwise.shelf import Shelf

DATASETS = Shelf(
    "dataset",
    {
        "scenes": "pixelwise.data.scenes:scenes",
        "voc": "pixelwise.data.published.voc:voc",
        "stanford_background": "pixelwise.data.published.stanford_background:stanford_background",
        "flowers17": "pixelwise.data.published.flowers17:flowers17",
        "flowers17_classes": "pixelwise.data.published.flowers17:flowers17_classes",
        "penn_fudan": "pixelwise.data.published.penn_fudan:penn_fudan",
        "coco": "pixelwise.data.annotated:coco",
        "annotated": "pixelwise.data.annotated:annotated",
        "folder": "pixelwise.data.folder:folder",
        "labelled": "pixelwise.data.single.labelled:labelled",
        "pictures": "pixelwise.data.single.pictures:pictures",
        "cifar10": "pixelwise.data.published.cifar10:cifar10",
        "longtail": "pixelwise.data.part:longtail",
        "first": "pixelwise.data.part:first",
        "cut": "pixelwise.data.part:cut",
    },
)
