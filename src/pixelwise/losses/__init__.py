"""The losses. A builder takes the class counts of the training set and, by keyword, the recipe's options."""

from pixelwise.shelf import Shelf

LOSSES = Shelf(
    "loss",
    {
        "cross_entropy": "pixelwise.losses.cross_entropy:cross_entropy",
        "focal": "pixelwise.losses.focal:focal",
        "class_balanced": "pixelwise.losses.focal:class_balanced",
        "soft_iou": "pixelwise.losses.overlap:soft_iou",
        "dice": "pixelwise.losses.overlap:dice",
        "tversky": "pixelwise.losses.overlap:tversky",
        "lovasz_softmax": "pixelwise.losses.lovasz:lovasz_softmax",
        "weighted_sum": "pixelwise.losses.weighted_sum:weighted_sum",
    },
)
