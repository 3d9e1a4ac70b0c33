"""The two stages of a region network with losses that are sums: torchvision's classes, which divide theirs themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.detection.roi_heads import RoIHeads, project_masks_on_boxes
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.poolers import LevelMapper

from pixelwise.losses.base import Term

BETA = 1 / 9  # where the loss of a box turns from a parabola into a line, as in torchvision
Known = Sequence[Mapping[str, Tensor]]  # of each picture: boxes (N, 4), labels (N,), masks (N, H, W)
Maps = Mapping[str, Tensor]


class Proposals(RegionProposalNetwork):
    """Boxes that may contain an object, from every place of every map (Ren et al. 2015)."""

    def compute_loss(
        self, objectness: Tensor, pred_bbox_deltas: Tensor, labels: list[Tensor], regression_targets: list[Tensor]
    ) -> tuple[Term, Term]:
        """Is there an object, and how far is its box: over the anchors that are drawn in each picture."""
        chosen, others = self.fg_bg_sampler(labels)
        positive, negative = (torch.where(torch.cat(some))[0] for some in (chosen, others))
        drawn = torch.cat([positive, negative])
        truth, boxes = torch.cat(labels)[drawn], torch.cat(regression_targets)[positive]
        found = functional.binary_cross_entropy_with_logits(objectness.flatten()[drawn], truth, reduction="sum")
        away = functional.smooth_l1_loss(pred_bbox_deltas[positive], boxes, beta=BETA, reduction="sum")
        count = torch.tensor(float(len(drawn)), device=objectness.device)
        return Term(found, count), Term(away, count)


class Regions(RoIHeads):
    """What is in each proposed box: its class, a better box, and its mask where the heads for masks are there."""

    def terms(
        self, features: Maps, proposals: list[Tensor], sizes: list[tuple[int, int]], known: Known
    ) -> dict[str, Term]:
        """`class` and `box` over the regions that are drawn in each picture, `mask` over the pixels of those with an object."""
        proposals, matched, labels, regression = self.select_training_samples(proposals, known)
        scores, deltas = self.box_predictor(self.box_head(self.box_roi_pool(features, proposals, sizes)))
        label = torch.cat(labels)  # (N,), 0 where there is no object
        with_object = torch.where(label > 0)[0]
        deltas = deltas.view(len(label), -1, 4)[with_object, label[with_object]]
        box = functional.smooth_l1_loss(deltas, torch.cat(regression)[with_object], beta=BETA, reduction="sum")
        count = torch.tensor(float(len(label)), device=scores.device)
        found = {
            "class": Term(functional.cross_entropy(scores, label, reduction="sum"), count),
            "box": Term(box, count),
        }
        if self.has_mask():
            chosen = [torch.where(one > 0)[0] for one in labels]
            boxes, places = ([some[c] for some, c in zip(of, chosen, strict=True)] for of in (proposals, matched))
            found["mask"] = self._mask_term(features, boxes, sizes, known, places)
        return found

    def _mask_term(
        self, features: Maps, boxes: list[Tensor], sizes: list[tuple[int, int]], known: Known, places: list[Tensor]
    ) -> Term:
        """Binary cross-entropy of the mask of each region's own class (He et al. 2017), over all pixels of the masks."""
        scores = self.mask_predictor(self.mask_head(self.mask_roi_pool(features, boxes, sizes)))  # (N, classes, K, K)
        side = scores.shape[-1]
        labels = torch.cat([one["labels"][at] for one, at in zip(known, places, strict=True)])
        targets = [
            project_masks_on_boxes(one["masks"], own, at, side)
            for one, own, at in zip(known, boxes, places, strict=True)
            if len(at)
        ]
        target = torch.cat(targets) if targets else scores.new_zeros((0, side, side))
        own = scores[torch.arange(len(labels), device=labels.device), labels]
        loss = functional.binary_cross_entropy_with_logits(own, target, reduction="sum")
        return Term(loss, torch.tensor(float(target.numel()), device=scores.device))


class Sizing(GeneralizedRCNNTransform):
    """Pictures of different sizes as one tensor, filled up with zeros; before, each is resized, unless `shorter` is 0.

    shorter, longer:  the shorter side becomes `shorter` pixels long, or less where the other would exceed `longer`
    """

    def __init__(self, shorter: int, longer: int, multiple: int) -> None:
        super().__init__(shorter, longer, [0.0], [1.0], size_divisible=multiple)
        self.shorter = shorter

    def normalize(self, image: Tensor) -> Tensor:  # the engine has done it
        return image

    def resize(self, image: Tensor, target: Any = None) -> tuple[Tensor, Any]:
        if not self.shorter:
            return image, target
        resized: tuple[Tensor, Any] = super().resize(image, target)
        return resized


def pool(size: int, strides: Sequence[int]) -> MultiScaleRoIAlign:
    """Cuts regions out of the maps "0", "1", … of these strides, each from the one that suits its size.

    torchvision finds the strides out from the first pictures that it sees, rounds, and keeps them: a run that is resumed
    would start from other pictures. Here they are given.
    """
    made = MultiScaleRoIAlign([str(place) for place in range(len(strides))], output_size=size, sampling_ratio=2)
    levels = [stride.bit_length() - 1 for stride in (strides[0], strides[-1])]
    made.scales = [1 / stride for stride in strides]
    made.map_levels = LevelMapper(*levels)
    return made
