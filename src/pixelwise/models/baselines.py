"""Baselines: models that do not look at the picture. They count classes over the training set, in one pass, and learn nothing.

A score of a trained network says little until it is compared with theirs: on outdoor scenes, "sky is at the top" alone labels
four pixels in ten correctly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.nn import functional

from pixelwise.errors import ShapeError
from pixelwise.shelf import declares

Smoothing = Annotated[float, Gt(0)]


class Counting(nn.Module, ABC):
    """Scores are logarithms of the classes' shares, (n_c + a) / (N + a·C). Their softmax is the shares.

    counts:  int64, how often each class occurs in what was observed; void is left out
    a:       `smoothing`, so that a class that was never seen keeps a finite score (additive smoothing)
    """

    counts: Tensor

    def __init__(self, in_channels: int, out_channels: int, smoothing: float) -> None:
        super().__init__()
        self.in_channels, self.out_channels, self.smoothing = in_channels, out_channels, smoothing
        self.register_buffer("counts", torch.zeros(out_channels, 1, 1, dtype=torch.int64))

    @abstractmethod
    def prepare(self, size: tuple[int, int], per: Literal["pixel", "picture"]) -> None:
        """Set the (H, W) of the training pictures, and whether pixels or whole pictures have classes."""

    @abstractmethod
    def observe(self, images: Tensor, targets: Mapping[str, Any]) -> None:
        """Count one batch. targets: one head with a class each, IGNORE (-1) if there is none."""

    def shares(self) -> Tensor:
        """The share of each class, smoothed, in the shape of `counts`; uniform before anything was observed."""
        smoothed = self.counts.double() + self.smoothing
        return smoothed / smoothed.sum(dim=0)

    def classes_of(self, targets: Mapping[str, Any]) -> Tensor:
        """The classes to count. Raises ShapeError if the task has several heads, or no classes."""
        found = list(targets.values())
        if len(found) != 1 or not isinstance(found[0], Tensor) or found[0].is_floating_point():
            heads = ", ".join(f"'{head}'" for head in targets) or "none"
            what = f"the baseline counts the classes of one head; the task has targets for {heads}."
            raise ShapeError(what, where="model", hint="Use it with the task segment or classify.")
        return found[0].long()


class PixelFrequency(Counting):
    """(B, in_channels, H, W) → (B, out_channels, H, W): the class distribution of each location over the training set.

    Pictures of another size than the training's get the map of shares resized bilinearly, with antialiasing.
    """

    whole_pictures = True  # a tile does not say where in the picture it lies

    def prepare(self, size: tuple[int, int], per: Literal["pixel", "picture"]) -> None:
        self.counts = torch.zeros(self.out_channels, *size, dtype=torch.int64)

    def forward(self, images: Tensor) -> Tensor:
        shares, size = self.shares(), tuple(images.shape[2:])
        if tuple(shares.shape[1:]) != size:
            shares = functional.interpolate(shares[None], size, mode="bilinear", antialias=True)[0]
        return shares.log().float().expand(len(images), -1, -1, -1)

    def observe(self, images: Tensor, targets: Mapping[str, Any]) -> None:
        target = self.classes_of(targets)
        if target.shape[1:] != self.counts.shape[1:]:
            made, read = (f"{size[1]}×{size[0]}" for size in (self.counts.shape[1:], target.shape[1:]))
            raise ShapeError(
                f"the training pictures are {read}, but pixel_frequency counts locations of {made}.",
                where="model",
                hint="Leave out augmentations that change the size.",
            )
        valid, places = target >= 0, self.counts[0].numel()
        index = target * places + torch.arange(places, device=target.device).view(target.shape[1:])
        self.counts.view(-1).scatter_add_(0, index[valid], torch.ones_like(index[valid]))


class Majority(Counting):
    """The class distribution of the training set for every pixel, (B, C, H, W), or every picture, (B, C)."""

    per: Literal["pixel", "picture"] = "pixel"

    def prepare(self, size: tuple[int, int], per: Literal["pixel", "picture"]) -> None:
        self.per = per

    def forward(self, images: Tensor) -> Tensor:
        scores = self.shares().log().float()
        size = images.shape[2:]
        return (
            scores.expand(len(images), -1, *size) if self.per == "pixel" else scores.view(1, -1).expand(len(images), -1)
        )

    def observe(self, images: Tensor, targets: Mapping[str, Any]) -> None:
        target = self.classes_of(targets)
        self.counts += torch.bincount(target[target >= 0], minlength=self.out_channels).view_as(self.counts)


@declares(gives="pixel")
def pixel_frequency(in_channels: int, out_channels: int, *, smoothing: Smoothing = 1.0) -> PixelFrequency:
    """Baseline: the class distribution of each location over the training set. Learns nothing; one epoch fits it.

    smoothing:  added to the count of each class at each location, so that the loss stays finite; scores do not depend on
                it where every location has equally many labelled pixels
    """
    return PixelFrequency(in_channels, out_channels, smoothing)


@declares(gives=("pixel", "picture"))
def majority(in_channels: int, out_channels: int, *, smoothing: Smoothing = 1.0) -> Majority:
    """Baseline: the most frequent class of the training set, for each pixel or picture. One epoch fits it.

    smoothing:  added to the count of each class, so that the loss of a class that was never seen stays finite
    """
    return Majority(in_channels, out_channels, smoothing)
