"""The named networks against the figures that torchvision publishes with its weights (no weights are loaded)."""

import pytest
from torchvision import models

from pixelwise.arithmetic.counts import count
from pixelwise.arithmetic.text import read_network


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("alexnet", models.AlexNet_Weights.IMAGENET1K_V1),
        ("vgg16", models.VGG16_Weights.IMAGENET1K_V1),
        ("resnet18", models.ResNet18_Weights.IMAGENET1K_V1),
        ("resnet50", models.ResNet50_Weights.IMAGENET1K_V1),
        ("mobilenet-v2", models.MobileNet_V2_Weights.IMAGENET1K_V1),
    ],
)
def test_parameters_and_multiply_adds_are_the_published_ones(name, published):
    counts = count(*read_network(name))
    assert counts.total("weights") == published.meta["num_params"]
    assert counts.total("multiply_adds") / 1e9 == pytest.approx(published.meta["_ops"], abs=6e-4)


def test_the_unet_has_the_known_number_of_weights():
    counts = count(*read_network("unet"))
    assert counts.layers[-1].shape == (2, 512, 512)
    assert counts.total("weights") == 31_030_658
