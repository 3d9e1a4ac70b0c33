"""Models and tasks from outside the package that are unlike a network with one loss; recipes name them `toys:…`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pixelwise.data.counts import class_counts, label_counts
from pixelwise.losses.base import Term
from pixelwise.run.normalisation import IMAGENET_MEAN, IMAGENET_STD
from pixelwise.shelf import declares
from pixelwise.tasks.base import Head, Input, Lookup, Reduction, Task
from pixelwise.tasks.segment import target_table
from pixelwise.types import ClassMap, DatasetInfo


class OwnLosses(nn.Module):
    """A convolution that compares its scores itself."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Conv2d(inputs, outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images)

    def losses(self, images: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Term]:
        scores, target = self(images), targets["class"].long()
        loss = functional.cross_entropy(scores, target, ignore_index=-1, reduction="sum")
        return {
            "match": Term(loss, (target >= 0).sum()),
            "size": Term(self.body.weight.square().sum(), torch.tensor(9)),
        }


class Frequencies(nn.Module):
    """How often each class stands at each pixel of the training pictures: counted, without a parameter."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("counts", torch.ones(outputs, 32, 32))

    def forward(self, images: Tensor) -> Tensor:
        return self.counts.log().expand(len(images), -1, -1, -1)

    def observe(self, images: Tensor, targets: Mapping[str, Tensor]) -> None:
        assert not torch.is_grad_enabled()
        for index in range(len(self.counts)):
            self.counts[index] += (targets["class"] == index).sum(dim=0)


class Fixed(nn.Module):
    """A rule that learns nothing."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=1, keepdim=True) * torch.arange(self.outputs)[:, None, None]


class TwoHeads(nn.Module):
    """A class for every pixel, and one for the whole picture."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.pixels, self.whole = nn.Conv2d(inputs, outputs // 2, 1), nn.Linear(inputs, outputs // 2)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"class": self.pixels(images), "scene": self.whole(images.mean(dim=(2, 3)))}


class Coarse(nn.Module):
    """Scores at half the size of the pictures: no model for segmentation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Conv2d(inputs, outputs, 2, stride=2)

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images)


class Broken(Coarse):
    """A model with a mistake in its forward pass."""

    def forward(self, images: Tensor) -> Tensor:
        return images.reshape(len(images), -1) @ torch.ones(7, 7)


def own_losses(in_channels: int, out_channels: int) -> nn.Module:
    return OwnLosses(in_channels, out_channels)


def frequencies(in_channels: int, out_channels: int) -> nn.Module:
    return Frequencies(in_channels, out_channels)


def fixed(in_channels: int, out_channels: int) -> nn.Module:
    return Fixed(in_channels, out_channels)


def two_heads(in_channels: int, out_channels: int) -> nn.Module:
    return TwoHeads(in_channels, out_channels)


def coarse(in_channels: int, out_channels: int) -> nn.Module:
    return Coarse(in_channels, out_channels)


def broken(in_channels: int, out_channels: int) -> nn.Module:
    return Broken(in_channels, out_channels)


class Both(Task):
    """Pixels and the whole picture are labelled, with the same classes."""

    kind = "class_map"

    def __init__(self, info: DatasetInfo) -> None:
        self.info, self.input = info, Input(3, IMAGENET_MEAN, IMAGENET_STD)
        classes = len(info.classes)
        self.heads = {
            "class": Head("categories", classes, (Reduction("winner"),)),
            "scene": Head("categories", classes, (Reduction("toys:surest"),)),
        }

    @property
    def targets(self) -> dict[str, Lookup]:
        return {"class": Lookup("mask", target_table(self.info, "ignore")), "scene": Lookup("label")}

    def counts(self, split: Any) -> dict[str, np.ndarray]:
        return {"class": class_counts(split), "scene": label_counts(split)}

    def decode(self, reduced: Any) -> ClassMap:
        assert 0 < float(reduced["scene"]["toys:surest"]) <= 1
        return ClassMap(reduced["class"]["winner"])


def surest(scores: Tensor) -> np.ndarray:
    """A reduction from outside the package: the largest probability."""
    return scores.softmax(dim=1).amax(dim=1).numpy()


@declares(predicts="class_map", heads={"class": "categories", "scene": "categories"}, per="pixel", knows="mask")
def both(info: DatasetInfo) -> Task:
    return Both(info)
