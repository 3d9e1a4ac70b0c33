"""The losses. A builder takes the class counts of the training set, and the recipe's options as keywords."""

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
        "smooth_l1": "pixelwise.losses.maps:smooth_l1",
        "angle": "pixelwise.losses.maps:angle",
        "energy_levels": "pixelwise.losses.maps:energy_levels",
        "weighted_sum": "pixelwise.losses.weighted_sum:weighted_sum",
    },
)
