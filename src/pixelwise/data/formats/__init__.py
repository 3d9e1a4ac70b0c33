"""Exports of labelling tools. A new format needs one file, and one line in the table."""

from pixelwise.shelf import Shelf

FORMATS = Shelf(
    "format",
    {
        "coco": "pixelwise.data.formats.coco:coco",
        "yolo": "pixelwise.data.formats.yolo:yolo",
        "labelme": "pixelwise.data.formats.labelme:labelme",
        "cvat": "pixelwise.data.formats.cvat:cvat",
        "cvat_masks": "pixelwise.data.formats.cvat_masks:cvat_masks",
        "label_studio": "pixelwise.data.formats.label_studio:label_studio",
        "roboflow": "pixelwise.data.formats.roboflow:roboflow",
    },
)
