"""The metrics. A builder takes what is known of the data set and, by keyword, the recipe's options."""

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
