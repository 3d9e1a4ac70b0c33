"""The augmentations. A builder takes, by keyword, the recipe's options and gives a torchvision v2 transform."""

from pixelwise.shelf import Shelf

AUGMENTATIONS = Shelf(
    "augmentation",
    {
        "flip": "pixelwise.augment.geometry:flip",
        "crop": "pixelwise.augment.geometry:crop",
        "scale_crop": "pixelwise.augment.geometry:scale_crop",
        "rotation": "pixelwise.augment.geometry:rotation",
        "resize": "pixelwise.augment.geometry:resize",
        "colour": "pixelwise.augment.colour:colour",
    },
)
