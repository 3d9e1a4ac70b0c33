"""DeepLabv3 of torchvision, whose last layer is new; the parts keep torchvision's names."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from pixelwise.models.dense import AnySize, enlarge
from pixelwise.models.initialise import he_normal, near_equal_scores
from pixelwise.shelf import declares

STRIDES = {"resnet50": 8, "resnet101": 8, "mobilenet_v3_large": 16}


class DeepLabV3(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W) with dilated convolutions (Chen et al. 2017).

        backbone    a ResNet at stride 8 or a MobileNet at stride 16: later strides are dilations instead
        classifier  .0 parallel dilated convolutions and the picture's mean (ASPP), .1 to .3 convolution 3×3, BatchNorm, ReLU,
                    .4 the 1×1 convolution that gives the scores, which are enlarged to the size of the picture

    Names and shapes are those of torchvision's weights, except `classifier.4` and, where in_channels is not 3, the first
    convolution. torchvision's auxiliary classifier (`aux_classifier`) is left out: it adds a second loss on a middle map
    that helps to train a whole backbone for long; evaluation never reads it, and with a frozen backbone it changes nothing.
    """

    def __init__(self, backbone: nn.Module, classifier: nn.Module, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.backbone = backbone
        self.classifier = classifier

    def scores(self, x: Tensor) -> Tensor:
        return enlarge(self.classifier(self.backbone(x)["out"]), self.stride)


@declares(gives="pixel", weights={"imagenet": "{backbone}", "coco": "deeplabv3_{backbone}"})
def deeplabv3(
    in_channels: int,
    out_channels: int,
    *,
    backbone: Literal["resnet50", "resnet101", "mobilenet_v3_large"] = "resnet50",
) -> DeepLabV3:
    """DeepLabv3 (Chen et al. 2017) as in torchvision, with a new last layer, `classifier.4`.

    backbone:  the classification network that computes the maps, by torchvision's name. The model has 39.6 (`resnet50`),
               58.6 (`resnet101`) or 11.0 (`mobilenet_v3_large`) million parameters

    To train the last layer alone, freeze `backbone`, `classifier.0`, `classifier.1` and `classifier.2`. Where the rest of the
    classifier learns, a batch needs at least two pictures: its BatchNorm sees one value per picture.
    """
    from torchvision.models import segmentation

    build = getattr(segmentation, f"deeplabv3_{backbone}")
    whole = build(weights=None, weights_backbone=None, num_classes=out_channels, aux_loss=False)
    model = DeepLabV3(whole.backbone, whole.classifier, STRIDES[backbone])
    if in_channels != 3:
        _read_channels(model.backbone, in_channels)
    near_equal_scores(model.classifier[4])
    return model


def _read_channels(backbone: nn.Module, in_channels: int) -> None:
    """Put a first convolution in place that reads `in_channels`."""
    name, first = next((name, m) for name, m in backbone.named_modules() if isinstance(m, nn.Conv2d))
    made = nn.Conv2d(
        in_channels, first.out_channels, first.kernel_size, first.stride, first.padding, bias=first.bias is not None
    )
    he_normal(made)
    parent, _, last = name.rpartition(".")
    setattr(backbone.get_submodule(parent), last, made)
