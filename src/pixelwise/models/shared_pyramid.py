"""Our own network for a few hundred labelled pictures and no pretrained weights: one stack of blocks, used at every size."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from annotated_types import Ge, Le, MultipleOf
from torch import Tensor, nn

from pixelwise.models.blocks import PictureMean, normalisation
from pixelwise.models.classifiers.whitened_cnn import cosine_basis
from pixelwise.models.dense import AnySize, enlarge
from pixelwise.models.initialise import he_normal, near_equal_scores
from pixelwise.shelf import declares

Norm = Literal["batch", "group"]
SIZES = 3  # of the trunk's maps: strides 8, 16, 32
PATCH = 4  # side of the patches of the cosine stem, and the stride of the finest map


class SharedPyramid(AnySize):
    """(B, in_channels, H, W) → (B, out_channels, H, W).

        stem        H/4               width/2   4×4 patches in a fixed cosine basis, normalised, 1×1
        entry       H/8               width     halved, with the position of each place, 1×1
        trunk       H/8, H/16, H/32   width     the same residual blocks at each size; halved in between
        context     H/32              width     the picture's mean is added to every place
        merges      H/16, H/8         width     the coarser map is enlarged and added, one residual block
        head        H/4               width/2   projected, enlarged, added to the stem; a residual block, dropout, 1×1
        scores      H                           enlarged

    With a few hundred pictures a network learns the pictures by heart before it has learned the classes. Each of the
    following leaves it less to learn, or gives it information that it would otherwise have to learn. Each is an option:

    * `shared`: an object looks the same near and far, only larger. The trunk's weights are the same at three sizes, so each
      is trained by every object at every size, and there are a third as many. Only the normalisation belongs to one size,
      because statistics differ (as in the heads of Ghiasi et al. 2019, NAS-FPN).
    * `stem`: the first layer of a trained network is much the same whatever it was trained on. Here it is fixed: cosine
      transforms of 4×4 patches and of the colours, close to the principal components of natural pictures, each normalised
      (compare Oyallon et al. 2017, who replace the first layers by a fixed scattering transform on small data sets).
    * `positions`: sky is above and road below. Convolutions cannot see where they are; two channels say it (Liu et al. 2018,
      CoordConv). In tiles and crops the position is that within the tile or crop.
    * `pooling`: maps are halved by means, not maxima: a picture moved by a pixel then gives nearly the same maps (Zhang
      2019), so that it need not be learned from moved copies.
    * `context`: which classes occur is known from the whole picture (Liu et al. 2015, ParseNet).
    * `kernel`: depthwise convolutions (Chollet 2017) see far with few weights: 5×5 costs 25 a channel, while a full 3×3
      costs 9 for each pair of channels.
    * `drop_path`: a block is left out for a random part of the pictures (Huang et al. 2016), which trains many shallower
      networks at once. `dropout`: whole maps are dropped before the classifier (Tompson et al. 2015).

    Each block multiplies what it adds by a learned scale for each channel, which begins at 0. Unlike the scales of
    normalisation layers, these are arrays of three dimensions, so weight decay shrinks them towards 0.
    """

    stride = 32

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int,
        blocks: int,
        shared: bool,
        stem: str,
        positions: bool,
        pooling: str,
        context: bool,
        kernel: int,
        norm: Norm,
        drop_path: float,
        dropout: float,
    ) -> None:
        super().__init__()
        fine = width // 2
        made = _cosine_stem if stem == "cosine" else _learned_stem
        self.positions = positions
        self.stem = made(in_channels, fine, norm)
        self.halve = nn.AvgPool2d(2) if pooling == "mean" else nn.MaxPool2d(2)
        self.entry = _projection(fine + 2 * positions, width, norm)
        self.trunk = _Levels(SIZES, blocks, shared, width, kernel, norm, drop_path)
        self.context = PictureMean(width) if context else nn.Identity()
        self.merges = _Levels(SIZES - 1, 1, shared, width, kernel, norm, drop_path)
        self.project = nn.Conv2d(width, fine, kernel_size=1)
        self.head = _Block(fine, 1, kernel, norm, drop_path)
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = nn.Conv2d(fine, out_channels, kernel_size=1)

    def scores(self, x: Tensor) -> Tensor:
        fine = self.stem(x)
        deep = self.halve(fine)
        deep = self.entry(torch.cat([deep, places(deep)], dim=1) if self.positions else deep)
        maps: list[Tensor] = []
        for size in range(SIZES):
            maps.append(self.trunk(self.halve(maps[-1]) if maps else deep, size))
        merged = self.context(maps.pop())
        for size in reversed(range(SIZES - 1)):
            merged = self.merges(maps[size] + enlarge(merged), size)
        merged = self.head(fine + enlarge(self.project(merged)))  # (B, width/2, H/4, W/4)
        return enlarge(self.classifier(self.dropout(merged)), PATCH)


class _Levels(nn.Module):
    """Residual blocks for maps of several sizes: the same ones for all, or each size its own."""

    def __init__(
        self, sizes: int, blocks: int, shared: bool, channels: int, kernel: int, norm: Norm, drop_path: float
    ) -> None:
        super().__init__()
        self.shared = shared
        stacks, norms = (1, sizes) if shared else (sizes, 1)
        self.stacks = nn.ModuleList(
            nn.ModuleList(_Block(channels, norms, kernel, norm, drop_path) for _ in range(blocks))
            for _ in range(stacks)
        )

    def forward(self, x: Tensor, size: int) -> Tensor:
        stack, own = (0, size) if self.shared else (size, 0)
        for block in self.stacks[stack]:
            x = block(x, own)
        return x


class _Block(nn.Module):
    """x + scale · a depthwise convolution, a 1×1 to twice the channels and one back (Sandler et al. 2018, Liu et al. 2022).

    norms:  of how many sizes it is used at; each has its own normalisation
    scale:  (C, 1, 1), 0 at first, so that the block begins as the identity (De & Smith 2020). Weight decay applies to it, as
            to every array of two or more dimensions (engine/torch/optim.py), and pulls the block towards the identity
    """

    def __init__(self, channels: int, norms: int, kernel: int, norm: Norm, drop_path: float) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.spread = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False)
        self.norms = nn.ModuleList(layer for _ in range(norms) for layer in normalisation(channels, norm))
        self.widen = nn.Conv2d(channels, 2 * channels, kernel_size=1)
        self.relu = nn.ReLU(inplace=True)
        self.narrow = nn.Conv2d(2 * channels, channels, kernel_size=1)
        self.scale = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor, own: int = 0) -> Tensor:
        change = self.scale * self.narrow(self.relu(self.widen(self.norms[own](self.spread(x)))))
        if self.training and self.drop_path:
            kept = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.drop_path
            change = change * (kept / (1 - self.drop_path))
        return x + change


class _Patches(nn.Conv2d):
    """(B, C, H, W) → (B, 16·C, H/4, W/4): each patch in an orthonormal cosine basis over colours and pixels, not learned."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels * PATCH**2, PATCH, stride=PATCH, bias=False)
        colours, pixels = cosine_basis(channels), cosine_basis(PATCH)
        filters = torch.einsum("ac,bi,dj->abdcij", colours, pixels, pixels)
        del self.weight
        self.register_buffer("weight", filters.reshape(-1, channels, PATCH, PATCH).contiguous())


def _cosine_stem(in_channels: int, channels: int, norm: Norm) -> nn.Sequential:
    patches = _Patches(in_channels)
    whitened = nn.BatchNorm2d(patches.out_channels, affine=False)
    return nn.Sequential(patches, whitened, *_projection(patches.out_channels, channels, norm))


def _learned_stem(in_channels: int, channels: int, norm: Norm) -> nn.Sequential:
    """Two 3×3 convolutions of stride 2."""
    layers: list[nn.Module] = []
    for incoming in (in_channels, channels):
        layers.append(nn.Conv2d(incoming, channels, kernel_size=3, stride=2, padding=1, bias=False))
        layers += [*normalisation(channels, norm), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _projection(in_channels: int, out_channels: int, norm: Norm) -> nn.Sequential:
    """A 1×1 convolution, its normalisation, ReLU."""
    layer = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
    return nn.Sequential(layer, *normalisation(out_channels, norm), nn.ReLU(inplace=True))


def places(x: Tensor) -> Tensor:
    """(B, C, h, w) → (B, 2, h, w): how far down and how far right each place is, from −1 to 1 at the edges."""
    height, width = x.shape[-2:]
    down = (torch.arange(height, device=x.device, dtype=x.dtype) + 0.5) * (2 / height) - 1
    right = (torch.arange(width, device=x.device, dtype=x.dtype) + 0.5) * (2 / width) - 1
    grid = torch.stack(torch.meshgrid(down, right, indexing="ij"))
    return grid.expand(len(x), 2, height, width)


@declares(gives="pixel")
def shared_pyramid(
    in_channels: int,
    out_channels: int,
    *,
    width: Annotated[int, Ge(8), MultipleOf(2)] = 128,
    blocks: Annotated[int, Ge(1)] = 3,
    shared: bool = True,
    stem: Literal["cosine", "learned"] = "cosine",
    positions: bool = True,
    pooling: Literal["mean", "max"] = "mean",
    context: bool = True,
    kernel: Literal[3, 5, 7] = 5,
    norm: Norm = "batch",
    drop_path: Annotated[float, Ge(0), Le(0.9)] = 0.1,
    dropout: Annotated[float, Ge(0), Le(0.9)] = 0.1,
) -> SharedPyramid:
    """Our own network for small data sets: one stack of residual blocks at three sizes, a fixed stem, positions, context.

    width:      channels of the trunk; cost and parameters grow with its square
    blocks:     residual blocks at each of the three sizes
    shared:     the same weights at all sizes; else each has its own, three times as many
    stem:       `cosine`: fixed filters; `learned`: two 3×3 convolutions of stride 2
    positions:  two more channels that say where a place is
    pooling:    how maps are halved: by the `mean` of 2×2 places, or their `max`
    context:    add the mean over the picture to every place of the coarsest map
    kernel:     side of the depthwise convolutions
    norm:       `batch`: statistics over the batch; `group`: of one picture
    drop_path:  share of the pictures for which a block is left out while training
    dropout:    share of the maps dropped before the classifier while training
    """
    model = SharedPyramid(
        in_channels,
        out_channels,
        width=width,
        blocks=blocks,
        shared=shared,
        stem=stem,
        positions=positions,
        pooling=pooling,
        context=context,
        kernel=kernel,
        norm=norm,
        drop_path=drop_path,
        dropout=dropout,
    )
    he_normal(model)
    near_equal_scores(model.classifier)
    return model
