"""The models. A builder takes (in_channels, out_channels) and, by keyword, the recipe's options."""

from pixelwise.shelf import Shelf

MODELS = Shelf(
    "model",
    {
        "basic_fcn": "pixelwise.models.basic_fcn:basic_fcn",
        "unet": "pixelwise.models.unet:unet",
        "lean_unet": "pixelwise.models.lean_unet:lean_unet",
        "two_layer": "pixelwise.models.two_layer:two_layer",
        "vanilla_cnn": "pixelwise.models.vanilla_cnn:vanilla_cnn",
        "resnet": "pixelwise.models.resnet:resnet",
        "whitened_cnn": "pixelwise.models.whitened_cnn:whitened_cnn",
        "pool_upsample_net": "pixelwise.models.colour.pool_upsample_net:pool_upsample_net",
        "conv_transpose_net": "pixelwise.models.colour.conv_transpose_net:conv_transpose_net",
        "colour_unet": "pixelwise.models.colour.colour_unet:colour_unet",
        "residual_colour_unet": "pixelwise.models.colour.residual_colour_unet:residual_colour_unet",
    },
)
