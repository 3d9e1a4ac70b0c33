"""Our own network for small pictures: a fixed stem that whitens, then three pooled blocks. Strong for its cost."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import cos, pi, sqrt
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pixelwise.models.initialise import he_normal, small_scores
from pixelwise.shelf import declares

Stem = Literal["cosine", "random"]
FILTERS = "stem.patches.weight"


class WhitenedCNN(nn.Module):
    """(B, in_channels, H, W) → (B, out_channels), for pictures of about 32×32.

        stem        H       8·in      fixed 2×2 filters and their negatives, normalised
        block 1     H/2     width     convolution 3×3, max-pooling, then a residual convolution 3×3
        block 2     H/4     4·width   the same
        block 3     H/8     4·width   the same
        classifier          maximum over the places, linear, divided by 8

    Why it learns much with few multiply-adds:
    * Neighbouring pixels and channels are strongly correlated, which slows gradient descent down. The stem removes this
      (the whitening of Page 2019 and Jordan 2024, 94 % on CIFAR-10 in seconds of a GPU), here without looking at the data:
      cosine transforms over the 2×2 pixels and over the channels come close to the principal components of natural
      pictures (for RGB: grey, red−blue, green−magenta), and BatchNorm without parameters scales each to variance 1.
      Both signs are kept, so the activation discards no information. Nothing in the stem is learned.
    * Most multiply-adds are at H/2 and H/4, where they help most; there are few channels while the map is large.
    * A block's first convolution is pooled before it is normalised, so the following layers cost a quarter.
    * The residual convolution changes nothing at first: its scale starts at 0 (Goyal et al. 2017).
    * The maximum over places finds a part wherever it is; dividing by 8 keeps the first scores small.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, stem: Stem) -> None:
        super().__init__()
        channels = (8 * in_channels, width, 4 * width, 4 * width)
        self.stem = _Stem(in_channels, stem)
        self.blocks = nn.Sequential(*(_Block(i, o) for i, o in pairwise(channels)))
        self.classifier = nn.Linear(channels[-1], out_channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        deep = self.blocks(self.stem(x))  # (B, 4·width, H/8, W/8)
        return self.classifier(deep.amax(dim=(2, 3))) / 8

    def upgraded(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Arrays of a checkpoint, with the stem's filters where version 0.1 did not keep them.

        Its initialisation drew over the cosine filters, and its checkpoints left them out: a run had the random filters
        of its seed. They are drawn again with the weights, so such a run opens and predicts as it did.
        """
        return {FILTERS: self.stem.random.numpy(), **arrays}


class _Stem(nn.Module):
    """(B, C, H, W) → (B, 8C, H, W): each 2×2 patch in a cosine basis, normalised, both signs, GELU."""

    random: Tensor  # filters of the same shape, which checkpoints of version 0.1 lack

    def __init__(self, channels: int, filters: Stem) -> None:
        super().__init__()
        over_channels, over_pixels = cosine_basis(channels), cosine_basis(2)
        cosine = torch.einsum("ac,bi,dj->abdcij", over_channels, over_pixels, over_pixels)
        self.patches = nn.Conv2d(channels, 4 * channels, kernel_size=2, bias=False)
        del self.patches.weight  # fixed, not learnt
        self.patches.register_buffer("weight", cosine.reshape(4 * channels, channels, 2, 2))
        self.filters = filters
        self.norm = nn.BatchNorm2d(4 * channels, affine=False)

    def draw(self) -> None:
        """Draw the random filters, and use them where that is the stem."""
        self.random = nn.init.kaiming_normal_(
            torch.empty_like(self.patches.weight), mode="fan_out", nonlinearity="relu"
        )
        if self.filters == "random":
            self.patches.weight.copy_(self.random)

    def forward(self, x: Tensor) -> Tensor:
        padded = functional.pad(x, (0, 1, 0, 1), mode="replicate")
        patches = self.norm(self.patches(padded))
        return functional.gelu(torch.cat((patches, -patches), dim=1))


class _Block(nn.Module):
    """(B, in, H, W) → (B, out, ⌈H/2⌉, ⌈W/2⌉)"""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.norm = nn.BatchNorm2d(out_channels)
        self.residual = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.residual_norm = nn.BatchNorm2d(out_channels)
        self.activation = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(self.norm(self.pool(self.convolution(x))))
        return x + self.activation(self.residual_norm(self.residual(x)))


@declares(gives="picture")
def whitened_cnn(
    in_channels: int, out_channels: int, *, width: Annotated[int, Ge(1)] = 32, stem: Stem = "cosine"
) -> WhitenedCNN:
    """Our own classifier of small pictures: fixed whitening stem, three pooled blocks with a residual convolution each.

    width:  channels of the first block; the others have four times as many
    stem:   its fixed filters. `random`: drawn from the seed, to measure the effect of the cosine filters. All runs of
            version 0.1 had random filters by mistake
    """
    model = WhitenedCNN(in_channels, out_channels, width, stem)
    model.stem.draw()  # first: the other weights of a seed are then those of version 0.1
    he_normal(model)
    small_scores(model.classifier)
    for block in model.blocks:
        nn.init.zeros_(block.residual_norm.weight)
    return model


def cosine_basis(size: int) -> Tensor:
    """(size, size) rows of the orthonormal cosine transform (DCT-II): mean first, then faster and faster changes."""
    rows = [[cos(pi * k * (n + 0.5) / size) for n in range(size)] for k in range(size)]
    scales = [[sqrt((1 if k == 0 else 2) / size)] for k in range(size)]
    return torch.tensor(rows) * torch.tensor(scales)
