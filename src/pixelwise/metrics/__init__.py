"""The metrics. A builder takes the information about the data set (DatasetInfo) and the recipe's options as keywords."""

from pixelwise.shelf import Shelf

METRICS = Shelf(
    "metric",
    {
        "confusion": "pixelwise.metrics.confusion:confusion",
        "accuracy": "pixelwise.metrics.accuracy:accuracy",
        "average_precision": "pixelwise.metrics.average_precision:average_precision",
        "foreground_iou": "pixelwise.metrics.foreground:foreground_iou",
        "instances": "pixelwise.metrics.instances:instances",
        "colour": "pixelwise.metrics.colour:colour",
    },
)
