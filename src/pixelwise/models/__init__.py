"""The models. A builder takes (in_channels, out_channels), and the recipe's options as keywords."""

from pixelwise.shelf import Shelf

MODELS = Shelf(
    "model",
    {
        "basic_fcn": "pixelwise.models.basic_fcn:basic_fcn",
        "unet": "pixelwise.models.unet:unet",
        "lean_unet": "pixelwise.models.lean_unet:lean_unet",
        "shared_pyramid": "pixelwise.models.shared_pyramid:shared_pyramid",
        "plain_cnn": "pixelwise.models.plain_cnn:plain_cnn",
        "fpn": "pixelwise.models.decoders.fpn:fpn",
        "linear_probe": "pixelwise.models.decoders.linear_probe:linear_probe",
        "encoder_unet": "pixelwise.models.decoders.encoder_unet:encoder_unet",
        "encoder_fcn": "pixelwise.models.decoders.encoder_fcn:encoder_fcn",
        "deeplabv3": "pixelwise.models.decoders.deeplabv3:deeplabv3",
        "encoder_classifier": "pixelwise.models.decoders.encoder_classifier:encoder_classifier",
        "mask_rcnn": "pixelwise.models.detectors.mask_rcnn:mask_rcnn",
        "faster_rcnn": "pixelwise.models.detectors.mask_rcnn:faster_rcnn",
        "two_layer": "pixelwise.models.classifiers.fixed_size:two_layer",
        "vanilla_cnn": "pixelwise.models.classifiers.fixed_size:vanilla_cnn",
        "resnet": "pixelwise.models.classifiers.resnet:resnet",
        "whitened_cnn": "pixelwise.models.classifiers.whitened_cnn:whitened_cnn",
        "pool_upsample_net": "pixelwise.models.colour_nets:pool_upsample_net",
        "conv_transpose_net": "pixelwise.models.colour_nets:conv_transpose_net",
        "colour_unet": "pixelwise.models.colour_nets:colour_unet",
        "residual_colour_unet": "pixelwise.models.colour_nets:residual_colour_unet",
        "pixel_frequency": "pixelwise.models.baselines:pixel_frequency",
        "majority": "pixelwise.models.baselines:majority",
    },
)
