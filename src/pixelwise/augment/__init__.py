"""The augmentations. A builder takes the recipe's options as keywords and returns a torchvision v2 transform."""

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
