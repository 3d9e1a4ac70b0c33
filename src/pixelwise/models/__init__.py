"""The models. A builder takes (in_channels, out_channels) and, by keyword, the recipe's options."""

from pixelwise.shelf import Shelf

MODELS = Shelf(
    "model",
    {
        "basic_fcn": "pixelwise.models.basic_fcn:basic_fcn",
        "unet": "pixelwise.models.unet:unet",
        "lean_unet": "pixelwise.models.lean_unet:lean_unet",
        "two_layer": "pixelwise.models.fixed_size:two_layer",
        "vanilla_cnn": "pixelwise.models.fixed_size:vanilla_cnn",
        "resnet": "pixelwise.models.resnet:resnet",
        "whitened_cnn": "pixelwise.models.whitened_cnn:whitened_cnn",
        "pool_upsample_net": "pixelwise.models.colour_nets:pool_upsample_net",
        "conv_transpose_net": "pixelwise.models.colour_nets:conv_transpose_net",
        "colour_unet": "pixelwise.models.colour_nets:colour_unet",
        "residual_colour_unet": "pixelwise.models.colour_nets:residual_colour_unet",
        "pixel_frequency": "pixelwise.models.baselines:pixel_frequency",
        "majority": "pixelwise.models.baselines:majority",
    },
)
