"""Mask R-CNN (He et al. 2017) of torchvision on any encoder; without masks it is Faster R-CNN (Ren et al. 2015)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RPNHead
from torchvision.models.detection.transform import resize_boxes
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool

from pixelwise.errors import ShapeError
from pixelwise.losses.base import Term
from pixelwise.models.decoders.linear_probe import Standardise, standardisation
from pixelwise.models.decoders.maps import choose_maps
from pixelwise.models.detectors.regions import Proposals, Regions, Sizing, pool
from pixelwise.models.encoders import build_encoder
from pixelwise.models.encoders.base import Encoder
from pixelwise.shelf import declares

STRIDES = (4, 8, 16, 32)  # of the maps; a fifth one of stride 64 is for proposals alone
RATIOS = (0.5, 1.0, 2.0)  # height / width of anchors
BOX, MASK = 7, 14  # cells along a side of a region that is cut out for its class and box, and for its mask
Count = Annotated[int, Ge(1)]
Anchors = tuple[int, int, int, int, int]
Share = Annotated[float, Gt(0), Lt(1)]


class RegionNet(nn.Module):
    """Pictures (B, C, H, W), or a list of (C, H, W) of different sizes → {"objects": what is found in each picture}.

    encoder    maps of strides 4 to 32
    fpn        the same maps with equally many channels, each mixed with the coarser ones (Lin et al. 2017)
    rpn        proposed boxes, without a class
    roi_heads  for each proposed box, cut out of the map that suits its size: class, better box, mask

    What is found: boxes (N, 4), labels (N,) from 1, scores (N,) in descending order, masks (N, 1, 28, 28) as probabilities
    within their boxes, and size (H, W). Parts and weights have torchvision's names, except `encoder` and `fpn`.
    """

    def __init__(
        self,
        encoder: Encoder,
        channels: int,
        standardise: Standardise,
        rpn: Proposals,
        roi_heads: Regions,
        sizing: Sizing,
    ) -> None:
        super().__init__()
        self.chosen = choose_maps(encoder, STRIDES)
        self.stride = max(STRIDES)
        self.encoder = encoder
        given = [encoder.channels[place] for place in self.chosen]
        self.standardise = standardisation(given, standardise)
        self.fpn = FeaturePyramidNetwork(given, channels, extra_blocks=LastLevelMaxPool())
        self.rpn, self.roi_heads, self.sizing = rpn, roi_heads, sizing

    def forward(self, images: Any) -> dict[str, list[dict[str, Any]]]:
        self._learning(False)
        sizes = [(image.shape[-2], image.shape[-1]) for image in images]
        shown, _ = self.sizing(list(images))
        maps = self._maps(shown.tensors)
        with torch.autocast(shown.tensors.device.type, enabled=False):  # boxes need all the digits of float32
            proposals, _ = self.rpn(shown, maps)
            found, _ = self.roi_heads(maps, proposals, shown.image_sizes)
            for one, was, size in zip(found, shown.image_sizes, sizes, strict=True):
                one |= {"boxes": resize_boxes(one["boxes"], was, size), "size": size}
        return {"objects": found}

    def losses(self, images: Any, targets: Mapping[str, Any]) -> dict[str, Term]:
        """The losses of the paper: of proposals `objectness` and `proposal_box`, of regions `class`, `box` and `mask`.

        targets: for each picture boxes, labels and masks. Anchors and regions are drawn from torch's global generator.
        """
        self._learning(True)
        wanted = ("boxes", "labels", *(("masks",) if self.roi_heads.has_mask() else ()))
        if missing := [name for name in wanted if name not in targets]:
            what = f"the objects have no {missing[0]}, which this model learns."
            raise ShapeError(what, where="model", hint="Take model 'faster_rcnn', which learns boxes only.")
        known = [{name: targets[name][place] for name in wanted} for place in range(len(images))]
        shown, known = self.sizing(list(images), known)
        maps = self._maps(shown.tensors)
        with torch.autocast(shown.tensors.device.type, enabled=False):
            proposals, own = self.rpn(shown, maps, known)
            terms = self.roi_heads.terms(maps, proposals, shown.image_sizes, known)
        return {"objectness": own["loss_objectness"], "proposal_box": own["loss_rpn_box_reg"], **terms}

    def _maps(self, images: Tensor) -> dict[str, Tensor]:
        maps = self.encoder(images)
        read = [layer(maps[place]) for layer, place in zip(self.standardise, self.chosen, strict=True)]
        named = OrderedDict((str(number), one) for number, one in enumerate(read))
        return {name: one.float() for name, one in self.fpn(named).items()}

    def _learning(self, learning: bool) -> None:
        """Whether proposals are compared with the truth. They also are in evaluation mode, where losses are counted."""
        self.rpn.training = self.roi_heads.training = learning


@declares(
    gives="objects",
    named={"encoder": "encoder"},
    weights={"imagenet": "{encoder}", "coco": "maskrcnn_{encoder}_fpn"},
)
def mask_rcnn(
    in_channels: int,
    out_channels: int,
    *,
    encoder: str = "tf_efficientnet_lite0",
    channels: Count = 256,
    standardise: Standardise = "none",
    hidden: Count = 256,
    features: Count = 1024,
    anchors: Anchors = (32, 64, 128, 256, 512),
    shorter: Annotated[int, Ge(0)] = 0,
    longer: Count = 1333,
    proposals: Count = 2000,
    regions: Count = 512,
    detections: Annotated[int, Ge(1), Le(1000)] = 100,
    least_score: Share = 0.05,
) -> RegionNet:
    """Mask R-CNN of torchvision: boxes are proposed, and each is classified, moved, and given a mask of 28×28 cells.

    encoder:      of `models/encoders`, any model of timm with feature maps, or package.module:function; `resnet50` with
                  the other defaults and `shorter: 800` is the published network, which the weights `coco` are for
    channels:     of the pyramid's maps
    standardise:  `batch` scales each channel of the encoder's maps to mean 0 and variance 1 before the pyramid reads it,
                  without parameters: channels of pretrained encoders differ much in size. `none`, as published
    hidden:       channels of the convolutions that give masks
    features:     numbers that a region is described by before it is classified
    anchors:      sides in pixels of the squares that boxes are proposed from, for the maps of stride 4, 8, 16, 32 and 64;
                  each also at half and at twice the height
    shorter:      pixels; each picture is resized until its shorter side is that long, unless its longer one would exceed
                  `longer`. 0: every picture is computed at its own size
    longer:       pixels; see `shorter`
    proposals:    boxes that are kept in each picture while training; half of them otherwise
    regions:      proposed boxes of each picture that the loss is counted over; at most a quarter of them with an object
    detections:   most objects of a picture
    least_score:  objects with a lower score are left out

    The model has its own losses, so a recipe gives none. Where a batch has few pictures, keep the statistics of a
    pretrained encoder: `freeze_statistics: [encoder]` in the phase.
    """
    shared = build_encoder(encoder, in_channels)
    heads = _regions(out_channels, channels, features, regions, detections, least_score)
    heads.mask_roi_pool = pool(MASK, STRIDES)
    heads.mask_head = MaskRCNNHeads(channels, (hidden,) * 4, dilation=1)
    heads.mask_predictor = MaskRCNNPredictor(hidden, hidden, out_channels)
    return RegionNet(
        shared, channels, standardise, _proposals(channels, anchors, proposals), heads, _sizing(shorter, longer)
    )


@declares(gives="objects", named={"encoder": "encoder"}, weights={"imagenet": "{encoder}"})
def faster_rcnn(
    in_channels: int,
    out_channels: int,
    *,
    encoder: str = "tf_efficientnet_lite0",
    channels: Count = 256,
    standardise: Standardise = "none",
    features: Count = 1024,
    anchors: Anchors = (32, 64, 128, 256, 512),
    shorter: Annotated[int, Ge(0)] = 0,
    longer: Count = 1333,
    proposals: Count = 2000,
    regions: Count = 512,
    detections: Annotated[int, Ge(1), Le(1000)] = 100,
    least_score: Share = 0.05,
) -> RegionNet:
    """Faster R-CNN: Mask R-CNN without masks, for objects of which only boxes are known. Set `train.best: box_ap`.

    The options are those of `mask_rcnn`, and so are the losses but one: there is no `mask`.

    encoder:      of `models/encoders`, any model of timm with feature maps, or package.module:function
    channels:     of the pyramid's maps
    standardise:  `batch` scales each channel of the encoder's maps before the pyramid reads it; `none`
    features:     numbers that a region is described by before it is classified
    anchors:      sides in pixels of the squares that boxes are proposed from, for the maps of stride 4, 8, 16, 32 and 64
    shorter:      pixels of the shorter side after resizing; 0: every picture is computed at its own size
    longer:       pixels that the longer side may have after resizing
    proposals:    boxes that are kept in each picture while training; half of them otherwise
    regions:      proposed boxes of each picture that the loss is counted over
    detections:   most objects of a picture
    least_score:  objects with a lower score are left out
    """
    shared = build_encoder(encoder, in_channels)
    heads = _regions(out_channels, channels, features, regions, detections, least_score)
    return RegionNet(
        shared, channels, standardise, _proposals(channels, anchors, proposals), heads, _sizing(shorter, longer)
    )


def _proposals(channels: int, anchors: Anchors, most: int) -> Proposals:
    """The thresholds are torchvision's: an anchor has an object from an IoU of .7 on, and none below .3."""
    kept = {"training": most, "testing": max(1, most // 2)}
    generator = AnchorGenerator(tuple((side,) for side in anchors), (RATIOS,) * len(anchors))
    return Proposals(generator, RPNHead(channels, len(RATIOS)), 0.7, 0.3, 256, 0.5, kept, kept, 0.7)


def _regions(classes: int, channels: int, features: int, drawn: int, detections: int, least_score: float) -> Regions:
    """The thresholds are torchvision's: a region has an object from an IoU of .5 on; a quarter of the drawn ones may."""
    head = TwoMLPHead(channels * BOX**2, features)
    predictor = FastRCNNPredictor(features, classes)
    return Regions(
        pool(BOX, STRIDES), head, predictor, 0.5, 0.5, drawn, 0.25, None, least_score, 0.5, detections
    )  # fmt: skip


def _sizing(shorter: int, longer: int) -> Sizing:
    return Sizing(shorter, longer, max(STRIDES))
